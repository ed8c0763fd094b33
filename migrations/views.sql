-- The views: made from the ledger by the fold alone, and made again from it whenever this file says something else than
-- what they were made by. The names' first letter is replaced when a second set is filled beside this one.
create table v_cursor (source integer primary key, seq integer not null) strict;

create table v_delivery (
    delivery integer primary key,
    known integer not null,
    message integer not null,
    campaign integer not null,
    mode integer not null,
    person integer not null,
    domain text not null,
    -- Where the latest try that reached for a host went; empty before.
    site text not null,
    site_try integer not null,
    state integer not null,
    tries integer not null,
    class integer not null,
    accepted_at integer not null,
    settled_at integer not null,
    pixel integer not null,
    links integer not null,
    opened integer not null,
    opened_at integer not null,
    clicked integer not null,
    clicked_at integer not null,
    open_events integer not null,
    click_events integer not null,
    late_bounced_at integer not null,
    complained_at integer not null,
    unsubscribed_at integer not null,
    last_at integer not null
) strict;
create index v_delivery_message on v_delivery (message);
create index v_delivery_campaign on v_delivery (campaign, delivery);
create index v_delivery_person on v_delivery (person, delivery);
create index v_delivery_sandbox on v_delivery (delivery) where mode = 1;
-- The people of a campaign by what they did and by what became of their mail. Each index holds only the few rows that are
-- asked for by it: a delivery that arrives and is not opened is in none of them, so that sending costs no entry.
create index v_delivery_opened on v_delivery (campaign, opened, delivery) where opened > 0;
create index v_delivery_clicked on v_delivery (campaign, clicked, delivery) where clicked > 0;
create index v_delivery_unsubscribed on v_delivery (campaign, delivery) where unsubscribed_at > 0;
create index v_delivery_complained on v_delivery (campaign, delivery) where complained_at > 0;
create index v_delivery_failed on v_delivery (campaign, state, delivery) where state = 1 or state = 2 or state = 3 or state = 4;
create index v_delivery_lost on v_delivery (state, delivery) where state = 1 or state = 2 or state = 3 or state = 4;
create index v_delivery_deferred on v_delivery (campaign, delivery) where state = 0 and tries > 0;

-- Hits of a delivery by link (0 is the pixel), class, minute and program. A hit that is judged anew moves from one row to
-- another, and takes its time and program along.
create table v_hit (
    delivery integer not null,
    position integer not null,
    class integer not null,
    minute integer not null,
    family text not null,
    device integer not null,
    pattern integer not null,
    n integer not null,
    primary key (delivery, position, class, minute, family, device)
) strict, without rowid;

create table v_campaign (
    id integer primary key,
    name text not null,
    mode integer not null,
    first_at integer not null,
    last_at integer not null,
    first_message integer not null,
    last_message integer not null,
    messages integer not null,
    first_delivery_at integer not null,
    recipients integer not null default 0,
    queued integer not null default 0,
    deferred integer not null default 0,
    delivered integer not null default 0,
    bounced integer not null default 0,
    expired integer not null default 0,
    suppressed integer not null default 0,
    cancelled integer not null default 0,
    late_bounced integer not null default 0,
    complained integer not null default 0,
    unsubscribed integer not null default 0,
    with_pixel integer not null default 0,
    with_links integer not null default 0,
    opened_human integer not null default 0,
    opened_proxy integer not null default 0,
    opened_inferred integer not null default 0,
    opened_unknown integer not null default 0,
    opened_prefetch integer not null default 0,
    opened_scanner integer not null default 0,
    open_events integer not null default 0,
    clicked_human integer not null default 0,
    clicked_proxy integer not null default 0,
    clicked_unknown integer not null default 0,
    clicked_prefetch integer not null default 0,
    clicked_scanner integer not null default 0,
    click_events integer not null default 0
) strict;
create index v_campaign_recent on v_campaign (mode, first_at);

create table v_series (
    scope integer not null,
    bucket integer not null,
    recipients integer not null default 0,
    queued integer not null default 0,
    deferred integer not null default 0,
    delivered integer not null default 0,
    bounced integer not null default 0,
    expired integer not null default 0,
    suppressed integer not null default 0,
    cancelled integer not null default 0,
    late_bounced integer not null default 0,
    complained integer not null default 0,
    unsubscribed integer not null default 0,
    with_pixel integer not null default 0,
    with_links integer not null default 0,
    opened_human integer not null default 0,
    opened_proxy integer not null default 0,
    opened_inferred integer not null default 0,
    opened_unknown integer not null default 0,
    opened_prefetch integer not null default 0,
    opened_scanner integer not null default 0,
    open_events integer not null default 0,
    clicked_human integer not null default 0,
    clicked_proxy integer not null default 0,
    clicked_unknown integer not null default 0,
    clicked_prefetch integer not null default 0,
    clicked_scanner integer not null default 0,
    click_events integer not null default 0,
    primary key (scope, bucket)
) strict, without rowid;

-- The same by days of UTC, of all campaigns of a mode together: months of a long history are read from these.
create table v_day (
    scope integer not null,
    day integer not null,
    recipients integer not null default 0,
    queued integer not null default 0,
    deferred integer not null default 0,
    delivered integer not null default 0,
    bounced integer not null default 0,
    expired integer not null default 0,
    suppressed integer not null default 0,
    cancelled integer not null default 0,
    late_bounced integer not null default 0,
    complained integer not null default 0,
    unsubscribed integer not null default 0,
    with_pixel integer not null default 0,
    with_links integer not null default 0,
    opened_human integer not null default 0,
    opened_proxy integer not null default 0,
    opened_inferred integer not null default 0,
    opened_unknown integer not null default 0,
    opened_prefetch integer not null default 0,
    opened_scanner integer not null default 0,
    open_events integer not null default 0,
    clicked_human integer not null default 0,
    clicked_proxy integer not null default 0,
    clicked_unknown integer not null default 0,
    clicked_prefetch integer not null default 0,
    clicked_scanner integer not null default 0,
    click_events integer not null default 0,
    primary key (scope, day)
) strict, without rowid;

-- By the recipient's domain.
create table v_site (
    scope integer not null,
    domain text not null,
    recipients integer not null default 0,
    queued integer not null default 0,
    deferred integer not null default 0,
    delivered integer not null default 0,
    bounced integer not null default 0,
    expired integer not null default 0,
    suppressed integer not null default 0,
    cancelled integer not null default 0,
    late_bounced integer not null default 0,
    complained integer not null default 0,
    unsubscribed integer not null default 0,
    with_pixel integer not null default 0,
    with_links integer not null default 0,
    opened_human integer not null default 0,
    opened_proxy integer not null default 0,
    opened_inferred integer not null default 0,
    opened_unknown integer not null default 0,
    opened_prefetch integer not null default 0,
    opened_scanner integer not null default 0,
    open_events integer not null default 0,
    clicked_human integer not null default 0,
    clicked_proxy integer not null default 0,
    clicked_unknown integer not null default 0,
    clicked_prefetch integer not null default 0,
    clicked_scanner integer not null default 0,
    click_events integer not null default 0,
    primary key (scope, domain)
) strict, without rowid;
create index v_site_size on v_site (scope, recipients);

-- By receiving site: the site of the latest try, or the recipient's domain as long as none is known.
create table v_receiver (
    scope integer not null,
    site text not null,
    recipients integer not null default 0,
    queued integer not null default 0,
    deferred integer not null default 0,
    delivered integer not null default 0,
    bounced integer not null default 0,
    expired integer not null default 0,
    suppressed integer not null default 0,
    cancelled integer not null default 0,
    late_bounced integer not null default 0,
    complained integer not null default 0,
    unsubscribed integer not null default 0,
    with_pixel integer not null default 0,
    with_links integer not null default 0,
    opened_human integer not null default 0,
    opened_proxy integer not null default 0,
    opened_inferred integer not null default 0,
    opened_unknown integer not null default 0,
    opened_prefetch integer not null default 0,
    opened_scanner integer not null default 0,
    open_events integer not null default 0,
    clicked_human integer not null default 0,
    clicked_proxy integer not null default 0,
    clicked_unknown integer not null default 0,
    clicked_prefetch integer not null default 0,
    clicked_scanner integer not null default 0,
    click_events integer not null default 0,
    primary key (scope, site)
) strict, without rowid;
create index v_receiver_size on v_receiver (scope, recipients);

-- How long it took from acceptance to the 250, by receiving site: eight steps to a doubling.
create table v_latency (
    scope integer not null,
    site text not null,
    step integer not null,
    n integer not null default 0,
    primary key (scope, site, step)
) strict, without rowid;

create table v_link (
    campaign integer not null,
    position integer not null,
    pattern integer not null,
    human integer not null default 0,
    proxy integer not null default 0,
    unknown integer not null default 0,
    prefetch integer not null default 0,
    scanner integer not null default 0,
    total_events integer not null default 0,
    primary key (campaign, position, pattern)
) strict, without rowid;

create table v_refusal (
    campaign integer not null,
    class integer not null,
    bounced integer not null default 0,
    deferrals integer not null default 0,
    sample_at integer not null,
    sample_source integer not null,
    sample_seq integer not null,
    primary key (campaign, class)
) strict, without rowid;

-- The programs (kind 0, by family) and the devices (kind 1, by their word) with which people opened and clicked: each
-- delivery counts once a program and once a device.
create table v_client (
    campaign integer not null,
    kind integer not null,
    name text not null,
    opened integer not null default 0,
    clicked integer not null default 0,
    primary key (campaign, kind, name)
) strict, without rowid;

-- Who is not mailed, one row a person and scope. The latest fact counts: a reason of 0 is a removal, kept so that an
-- earlier fact of another node cannot undo it.
create table v_suppression (
    person integer not null,
    scope text not null,
    reason integer not null,
    at integer not null,
    since integer not null,
    origin integer not null,
    delivery integer not null,
    primary key (person, scope)
) strict;
create index v_suppression_reason on v_suppression (reason);

-- The domains where something waits, over all campaigns of a mode; sums and lists of what waits read this index alone.
create index v_site_waiting on v_site (scope, queued, deferred) where queued > 0 and scope < 1024;
