-- The addresses that a credential's mail leaves from, separated by blanks; empty for those of the configuration.
alter table credential add column source_addresses text not null default '';
