-- What an unsubscribe is from: the List-Id, else the domain in From. Decided when the mail was accepted.
alter table message add column stream text not null default '';
-- Whether it passes by unsubscribes.
alter table message add column transactional integer not null default 0;
