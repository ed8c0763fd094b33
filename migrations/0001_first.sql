-- Names and settings of this data folder.
create table meta (key text primary key, value text not null) strict, without rowid;

-- Who wrote events: this folder's own name first, others when ledgers meet.
create table source (id integer primary key, name text not null unique) strict;

-- The ledger: inserts only.
create table event (
    source integer not null,
    seq integer not null,
    at integer not null,
    kind integer not null,
    delivery integer,
    payload blob not null,
    checksum integer not null,
    primary key (source, seq)
) strict, without rowid;
create index event_delivery on event (delivery) where delivery is not null;

-- Text beside the ledger that may hold an address; the fold never reads it, erasing deletes it.
create table event_text (
    source integer not null,
    seq integer not null,
    field integer not null,
    value text not null,
    primary key (source, seq, field)
) strict, without rowid;

-- The map from the ledger's random numbers to addresses.
create table person (id integer primary key, address text not null unique) strict;

-- What a message says of itself; text beside the ledger.
create table message (
    id integer primary key,
    campaign integer not null,
    credential text not null,
    accepted_at integer not null,
    size_in integer not null,
    size_out integer not null,
    reverse_path text not null,
    from_text text not null,
    subject text not null,
    message_id text not null,
    metadata text not null,
    receipt integer not null
) strict;
create table receipt (id integer primary key, digest blob not null unique, json text not null) strict;

-- What the links of a campaign are called, at most 1,000 a campaign.
create table campaign_link (
    campaign integer not null,
    position integer not null,
    pattern integer not null,
    url text not null,
    label text not null,
    primary key (campaign, position, pattern)
) strict, without rowid;

-- The queue: what still has to be rendered from, and what still has to be delivered.
create table queue_message (
    message integer primary key,
    reverse_path text,
    recipe text not null,
    length integer not null,
    digest blob not null,
    path text,
    waiting integer not null,
    released_at integer
) strict;
create index queue_message_released on queue_message (released_at) where released_at is not null;
create table body (message integer primary key, bytes blob not null) strict;
create table queue_delivery (
    delivery integer primary key,
    message integer not null,
    campaign integer not null,
    mode integer not null,
    address text not null,
    domain text not null,
    lane integer not null,
    next_at integer not null,
    attempts integer not null,
    accepted_at integer not null,
    expires_at integer not null,
    held text
) strict;
create index queue_due on queue_delivery (domain, lane, next_at) where held is null;
create index queue_held on queue_delivery (delivery) where held is not null;

-- Who may submit, and who may look.
create table credential (
    name text primary key,
    domains text not null,
    profile text not null,
    secret_sha256 blob not null,
    created_at integer not null,
    revoked_at integer
) strict, without rowid;
create table user (id integer primary key, email text not null unique, phc text not null, created_at integer not null) strict;
create table session (
    token_sha256 blob primary key,
    user integer not null,
    created_at integer not null,
    seen_at integer not null
) strict, without rowid;
create table welcome (token_sha256 blob primary key, expires_at integer not null) strict, without rowid;

-- Domains we sign for.
create table sending_domain (
    domain text primary key,
    selector text not null,
    private_key blob not null,
    record_value text not null,
    created_at integer not null
) strict, without rowid;

-- A copy of the signing secrets, so that a backup of this file alone keeps every link alive.
create table secret (id integer primary key, bytes blob not null) strict;
