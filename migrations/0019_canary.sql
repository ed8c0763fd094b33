-- The first deliveries of a campaign at a site: how many were tried, and whether the rest may follow (0 being tried,
-- 1 passed, 2 held, 3 released by a person). `delivered` is how many were when complaints were looked at last. A state
-- of this relay, not of the ledger.
create table canary (
    campaign integer not null,
    site text not null,
    state integer not null,
    tried integer not null,
    refused integer not null,
    complained integer not null,
    delivered integer not null,
    since integer not null,
    released_by text not null,
    primary key (campaign, site)
) strict, without rowid;
create index canary_complained on canary (state) where complained > 0;
create index canary_held on canary (state) where state = 2;
