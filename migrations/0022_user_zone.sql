-- In which zone a login reads times; null as the configuration says.
alter table user add column time_zone text;
