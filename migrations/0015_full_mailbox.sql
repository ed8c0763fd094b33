-- When a person's mailbox refused a mail for good because it was full. Kept for as long as it counts: seven days, or until
-- the third, whose suppression is the fact. A state of this relay, not of the ledger.
create table full_mailbox (person integer not null, at integer not null) strict;
create index full_mailbox_person on full_mailbox (person, at);
create index full_mailbox_at on full_mailbox (at);
