-- How many messages of a campaign were treated alike: counted when they are accepted, by a digest of the receipt's shape,
-- with one message of each kind as a sample. An empty digest gathers what came after the fiftieth kind. Beside the
-- ledger, like receipts themselves: a state of this relay that no count is made from.
create table campaign_kind (
    campaign integer not null,
    kind blob not null,
    messages integer not null,
    sample integer not null,
    primary key (campaign, kind)
) strict, without rowid;
