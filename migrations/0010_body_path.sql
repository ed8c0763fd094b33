-- The few bodies that are files of their own are found by their names.
create index queue_message_path on queue_message (path) where path is not null;
