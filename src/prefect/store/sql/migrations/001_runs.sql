-- Runs and what happened in them. A run has a long public name (uuid) and a short one (id), which all else refers to.

create table meta (
    key text primary key,
    value text not null
);

create table flow_version (
    digest text primary key,
    flow text not null,
    document text not null,
    created bigint not null
);

create table run (
    id $identity,
    uuid $word not null unique,
    flow text not null,
    version text not null,
    name text not null,
    state text not null,
    message text,
    parameters text not null,
    context text not null,
    tags text not null,
    source text,
    parent text,
    created bigint not null,
    started bigint,
    ended bigint,
    attempts bigint not null,
    last_seq bigint not null,
    epoch bigint not null,
    owner text not null,
    lease_until bigint not null,
    bytes bigint not null default 0
);

create index run_by_created on run (created, id);

create index run_by_flow on run (flow, created, id);

create index run_by_end on run (ended, id) where ended is not null;

create table run_tag (
    tag text not null,
    run bigint not null,
    primary key (tag, run)
) $rowless;

create index run_tag_by_run on run_tag (run);

create table run_task (
    run bigint not null,
    number bigint not null,
    slug text not null,
    name text not null,
    width bigint,
    primary key (run, number)
) $rowless;

create table event (
    run bigint not null,
    seq bigint not null,
    task bigint not null,
    idx bigint not null,
    last bigint not null,
    attempt bigint not null,
    state text not null,
    at bigint not null,
    message text,
    primary key (run, seq)
) $rowless;

create table task_run (
    run bigint not null,
    task bigint not null,
    idx bigint not null,
    seq bigint not null,
    state text not null,
    attempt bigint not null,
    started bigint,
    ended bigint,
    message text,
    document text,
    format text,
    data text,
    primary key (run, task, idx)
) $rowless;

create index task_run_unusual on task_run (run, task, state) where state <> 'Success';

create table stretch (
    run bigint not null,
    seq bigint not null,
    task bigint not null,
    first bigint not null,
    last bigint not null,
    count bigint not null,
    began bigint not null,
    ended bigint not null,
    indices $bytes not null,
    times $bytes not null,
    results $bytes not null,
    primary key (run, seq)
);
