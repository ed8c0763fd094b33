-- A domain signs with several keys: one of each algorithm.
create table sending_key (
    domain text not null,
    algorithm text not null check (algorithm in ('rsa', 'ed25519')),
    selector text not null,
    private_key blob not null,
    record_value text not null,
    created_at integer not null,
    primary key (domain, algorithm)
) strict, without rowid;
insert into sending_key
    select domain, 'rsa', selector, private_key, record_value, created_at from sending_domain;
drop table sending_domain;
