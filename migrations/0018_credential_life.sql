-- How long a credential's mail is tried, in seconds; null as the configuration says.
alter table credential add column expire_s integer;
