-- Whether all copies of its message are the same bytes, so that it may share a transaction with its neighbours.
alter table queue_delivery add column alike integer not null default 0;
