-- What is due is read a campaign at a time, so that none waits behind another's backlog.
drop index queue_due;
create index queue_due on queue_delivery (domain, lane, campaign, next_at) where held is null;
