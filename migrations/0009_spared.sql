-- Spans of time that count against no delivery's life, because this machine reached nobody or its clock jumped over them.
-- One without an end is under way, and says what is lacking. A state of this relay, not of the ledger.
create table spared (began integer not null, ended integer, lack text) strict;
