-- Which campaign the mail of a mailing list is in, while it goes on; after a day of silence a new one begins.
create table list_campaign (
    list text not null,
    mode integer not null,
    name text not null,
    last_at integer not null,
    primary key (list, mode)
) strict, without rowid;

-- What a campaign is called since somebody renamed it, and which one it is shown in since they were merged. The facts
-- keep the campaign that they were written for: both can be undone.
create table campaign_name (campaign integer primary key, mode integer not null, name text not null, unique (name, mode)) strict;
create table campaign_merge (campaign integer primary key, into_campaign integer not null) strict;
create index campaign_merge_into on campaign_merge (into_campaign);
