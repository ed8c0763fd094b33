-- Who is not mailed, one row a person and scope. The latest fact counts: a reason of 0 is a removal, kept so that an
-- earlier fact of another node cannot undo it.
create table v_suppression (
    person integer not null,
    scope text not null,
    reason integer not null,
    at integer not null,
    since integer not null,
    origin integer not null,
    delivery integer not null,
    primary key (person, scope)
) strict;
create index v_suppression_reason on v_suppression (reason);
