-- What was accepted within the last ten minutes, by a digest of credential, content and recipient: the same mail submitted
-- again makes no second delivery. `slot` is the ten minutes that it came in: what is new stands together, and what is old
-- is deleted in order. Beside the ledger, a state of this relay that no count is made from.
create table queue_recent (
    slot integer not null,
    digest blob not null,
    delivery integer not null,
    message integer not null,
    at integer not null,
    primary key (slot, digest)
) strict, without rowid;

-- That a message was submitted again, for `recipients` who had it already; `again` is the message that took the others,
-- 0 where there were none.
create table message_repeat (
    message integer not null,
    again integer not null,
    times integer not null,
    recipients integer not null,
    first_at integer not null,
    last_at integer not null,
    primary key (message, again)
) strict, without rowid;
create index message_repeat_again on message_repeat (again) where again <> 0;
