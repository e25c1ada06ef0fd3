-- Log lines, up to a thousand of them in each row.

create table log_chunk (
    id $identity,
    run bigint not null,
    began bigint not null,
    ended bigint not null,
    count bigint not null,
    data $bytes not null
);

create index log_chunk_by_run on log_chunk (run, id);
