-- What SQLite and PostgreSQL understand alike.

-- name: schema_version
select value from meta where key = 'schema'

-- name: set_schema_version
insert into meta (key, value) values ('schema', :version) on conflict (key) do update set value = excluded.value

-- name: add_run
insert into run (
    uuid, flow, version, name, state, message, parameters, context, tags, source, parent,
    created, started, ended, attempts, last_seq, epoch, owner, lease_until
) values (
    :id, :flow, :version, :name, :state, :message, :parameters, :context, :tags, :source, :parent,
    :created, :started, :ended, :attempts, :last_seq, :epoch, :owner, :lease_until
) on conflict (uuid) do nothing returning id

-- name: add_tag
insert into run_tag (tag, run) values (:tag, :key) on conflict do nothing

-- name: add_version
insert into flow_version (digest, flow, document, created) values (:digest, :flow, :document, :created)
on conflict (digest) do nothing

-- The one statement that says who may write: whoever holds the epoch, and has written all that came before.
-- name: fence
update run set last_seq = :last_seq, lease_until = :lease_until, bytes = bytes + :bytes
where uuid = :run and epoch = :epoch and last_seq = :after
returning id

-- name: written_already
select 1 from run where uuid = :run and epoch = :epoch and last_seq >= :last_seq

-- name: use_version
update run set version = :digest where id = :key

-- name: change
update run set state = :state, message = :message, started = :started, ended = :ended where id = :key

-- name: add_stretch
insert into stretch (run, seq, task, first, last, count, began, ended, indices, times, results)
values (:key, :seq, :task, :first, :last, :count, :began, :ended, :indices, :times, :values)

-- A batch that has no numbers of its own, but lines, may come twice: its chunks are known by what they hold.
-- name: add_log_chunk
insert into log_chunk (run, began, ended, count, data)
select :key, :began, :ended, :count, :data
where not exists (
    select 1 from log_chunk
    where run = :key and began = :began and ended = :ended and count = :count and data = :data
)

-- name: claim
update run set owner = :owner, epoch = epoch + 1, attempts = attempts + 1, lease_until = :lease_until
where uuid = :run and (lease_until <= :now or owner = :dead)
returning id

-- Whoever did not let go may only be slow: a higher epoch keeps it from going on.
-- name: take_for_a_moment
update run set
    last_seq = last_seq + 1,
    epoch = case when lease_until = 0 then epoch else epoch + 1 end,
    lease_until = 0
where uuid = :run and epoch = :epoch and lease_until <= :now
returning id, last_seq

-- name: run_exists
select 1 from run where uuid = :run

-- name: over
select id from run
where coalesce(ended, nullif(lease_until, 0)) < :before and lease_until <= :now
order by coalesce(ended, lease_until), id

-- name: oldest_over
select id from run
where coalesce(ended, nullif(lease_until, 0)) is not null and lease_until <= :now
order by coalesce(ended, lease_until), id limit 1

-- It comes first and asks again, as somebody may have claimed the run in the meantime.
-- name: delete_run
delete from run
where id = :key and coalesce(ended, nullif(lease_until, 0)) is not null and lease_until <= :now
returning id

-- name: delete_events
delete from event where run = :key

-- name: delete_task_runs
delete from task_run where run = :key

-- name: delete_stretches
delete from stretch where run = :key

-- name: delete_log_chunks
delete from log_chunk where run = :key

-- name: delete_tasks
delete from run_task where run = :key

-- name: delete_tags
delete from run_tag where run = :key

-- name: delete_versions
delete from flow_version where digest not in (select version from run)

-- name: runs
select
    uuid, flow, version, name, state, message, parameters, context, tags, source, parent,
    created, started, ended, attempts, last_seq, epoch, owner, lease_until
from run

-- name: version
select digest, flow, document, created from flow_version where digest = :digest

-- name: tasks
select number, slug, name, width from run_task
where run = (select id from run where uuid = :run) order by number

-- name: task_runs
select seq, task, idx, state, attempt, started, ended, message, document, format, data from task_run

-- name: stretches
select seq, task, first, last, count, began, ended, indices, times, results from stretch

-- name: events
select seq, task, idx, last, attempt, state, at, message from event

-- name: counts
select task, state, cast(sum(number) as bigint) from (
    select task, state, count(*) as number from task_run
    where run = (select id from run where uuid = :run) group by task, state
    union all
    select task, 'Success' as state, count as number from stretch
    where run = (select id from run where uuid = :run)
) as both_kinds
group by task, state

-- name: logs
select id, began, ended, count, data from log_chunk
where run = (select id from run where uuid = :run) and id > :after order by id limit :limit
