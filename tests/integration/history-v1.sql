-- A history of version 1, as it was written then. It never changes.
BEGIN TRANSACTION;
CREATE TABLE event (
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
) without rowid;
INSERT INTO "event" VALUES(1,1,0,-1,-1,1,'Running',1700000000000001,NULL);
INSERT INTO "event" VALUES(1,2,0,-1,-1,1,'Failed',1700000000000002,'It broke');
CREATE TABLE flow_version (
    digest text primary key,
    flow text not null,
    document text not null,
    created bigint not null
);
INSERT INTO "flow_version" VALUES('v1','etl','{"tasks": []}',1700000000000000);
CREATE TABLE meta (
    key text primary key,
    value text not null
);
INSERT INTO "meta" VALUES('schema','1');
CREATE TABLE run (
    id integer primary key,
    uuid text not null unique,
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
INSERT INTO "run" VALUES(1,'0b8e1d5e-0000-4000-8000-000000000001','etl','v1','brave-fox','Running','It broke','{"x": ["json", "[1, 2]"]}','{}','["daily", "x"]','flows/etl.py',NULL,1700000000000000,NULL,NULL,1,4,1,'host:1',1700000060000000,439);
CREATE TABLE run_tag (
    tag text not null,
    run bigint not null,
    primary key (tag, run)
) without rowid;
INSERT INTO "run_tag" VALUES('daily',1);
INSERT INTO "run_tag" VALUES('x',1);
CREATE TABLE run_task (
    run bigint not null,
    number bigint not null,
    slug text not null,
    name text not null,
    width bigint,
    primary key (run, number)
) without rowid;
INSERT INTO "run_task" VALUES(1,0,'extract-1','extract',NULL);
INSERT INTO "run_task" VALUES(1,1,'load-1','load',10);
CREATE TABLE stretch (
    run bigint not null,
    seq bigint not null,
    task bigint not null,
    first bigint not null,
    last bigint not null,
    count bigint not null,
    began bigint not null,
    ended bigint not null,
    indices blob not null,
    times blob not null,
    results blob not null,
    primary key (run, seq)
);
INSERT INTO "stretch" VALUES(1,3,1,0,4,5,1700000000000000,1700000000000001,X'',X'74696D6573',X'76616C756573');
INSERT INTO "stretch" VALUES(1,4,1,5,9,5,1700000000000000,1700000000000001,X'',X'74696D6573',X'76616C756573');
CREATE TABLE task_run (
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
) without rowid;
INSERT INTO "task_run" VALUES(1,0,-1,2,'Failed',1,1700000000000000,1700000000000001,'It broke',NULL,'json','1');
CREATE INDEX run_by_created on run (created, id);
CREATE INDEX run_by_flow on run (flow, created, id);
CREATE INDEX run_by_end on run (ended, id) where ended is not null;
CREATE INDEX run_tag_by_run on run_tag (run);
CREATE INDEX task_run_unusual on task_run (run, task, state) where state <> 'Success';
COMMIT;
