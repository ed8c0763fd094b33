-- How much of what goes out a credential's mail may have among others of its kind: high, normal or low.
alter table credential add column priority text not null default 'normal';
