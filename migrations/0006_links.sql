-- Whose password a one-time link sets; null is the first link, whose reader chooses the address too.
alter table welcome add column email text;
