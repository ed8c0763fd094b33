-- What is held back until it is resumed: a campaign (its number, and an empty domain), a domain (0 and its name), or
-- everything (0 and an empty domain). A state of this relay, not of the ledger.
create table queue_pause (
    campaign integer not null,
    domain text not null,
    since integer not null,
    paused_by text not null,
    primary key (campaign, domain)
) strict, without rowid;

-- With the campaign in the index, what is due is told from what is paused without looking at a row.
drop index queue_due;
create index queue_due on queue_delivery (domain, lane, next_at, campaign) where held is null;
-- A domain's deliveries from the oldest on: ids grow with time.
create index queue_domain on queue_delivery (domain);
