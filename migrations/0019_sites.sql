-- Where the mail of a domain goes: the site that it shared limits with when that was looked for last. For lists and
-- orders; what is sent asks anew. A state of this relay, not of the ledger.
create table domain_site (domain text primary key, site text not null) strict, without rowid;
create index domain_site_of on domain_site (site, domain);

-- Sites that are held back until they are resumed, beside the pauses of campaigns and domains.
create table queue_site_pause (
    site text primary key,
    since integer not null,
    paused_by text not null
) strict, without rowid;
