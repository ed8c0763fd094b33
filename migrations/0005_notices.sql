-- What senders asked to be told (RFC 3461); a row only for messages of which something was asked.
create table notice_wish (message integer primary key, wishes text not null) strict;

-- What senders are to be told: written with the outcome it is about, deleted in the transaction that takes the notice
-- into the queue. A delay that was told stays, without a time, until its delivery ends: it is told once.
create table notice_due (
    delivery integer not null,
    action integer not null,
    message integer not null,
    sender text not null,
    due_at integer,
    told text not null,
    primary key (delivery, action)
) strict, without rowid;
create index notice_due_at on notice_due (due_at) where due_at is not null;
create index notice_due_message on notice_due (message);
create index notice_due_sender on notice_due (sender) where due_at is not null;

-- Senders that were told of failures within the hour, and what is kept for their digest.
create table notice_sender (
    sender text primary key,
    began_at integer not null,
    singles integer not null,
    digest text
) strict, without rowid;
create index notice_sender_began on notice_sender (began_at);

-- Deliveries of mail that the relay itself writes: it is in no campaign and no count, so the views do not know it.
create table notice_delivery (
    delivery integer primary key,
    message integer not null,
    mode integer not null,
    address text not null,
    accepted_at integer not null,
    state integer not null,
    tries integer not null,
    last_at integer not null,
    reply text not null
) strict;
create index notice_delivery_message on notice_delivery (message);
