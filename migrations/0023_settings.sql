-- What decides how mail is tracked and how readers are told apart, as it was at the last start, and how it changed since:
-- a campaign's curves are marked where it did. Beside the ledger: a state of this relay that no count is made from.
create table setting_known (key text primary key, value text not null) strict, without rowid;
create table setting_change (
    at integer not null,
    key text not null,
    was text not null,
    is_now text not null,
    changed_by text not null,
    primary key (at, key)
) strict, without rowid;
