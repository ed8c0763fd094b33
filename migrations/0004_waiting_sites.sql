-- The domains where something waits, over all campaigns of a mode; sums and lists of what waits read this index alone.
create index v_site_waiting on v_site (scope, queued, deferred) where queued > 0 and scope < 1024;
