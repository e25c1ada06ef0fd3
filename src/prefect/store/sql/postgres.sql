-- What only PostgreSQL understands. The rows of a bulk come as one JSON text, which is
-- quicker to make and to read than an array for each column.

-- name: tables
select table_name from information_schema.tables where table_schema = current_schema()

-- name: make_schema
create schema if not exists prefect

-- Held until the end of the transaction. The number is ours: nobody else uses it.
-- name: lock_migrations
select pg_advisory_xact_lock(7305240910253)

-- name: size
select coalesce(sum(bytes), 0)::bigint from run

-- name: add_tasks
insert into run_task (run, number, slug, name, width)
select
    :key, (each ->> 0)::bigint, each ->> 1, each ->> 2, (each ->> 3)::bigint
from jsonb_array_elements(:rows::jsonb) as rows (each)
on conflict (run, number) do update set slug = excluded.slug, name = excluded.name, width = excluded.width

-- name: add_events
insert into event (run, seq, task, idx, last, attempt, state, at, message)
select
    :key, (each ->> 0)::bigint, (each ->> 1)::bigint, (each ->> 2)::bigint, (each ->> 3)::bigint,
    (each ->> 4)::bigint, each ->> 5, (each ->> 6)::bigint, each ->> 7
from jsonb_array_elements(:rows::jsonb) as rows (each)

-- name: add_task_runs
insert into task_run (run, seq, task, idx, state, attempt, started, ended, message, document, format, data)
select
    :key, (each ->> 0)::bigint, (each ->> 1)::bigint, (each ->> 2)::bigint, each ->> 3, (each ->> 4)::bigint,
    (each ->> 5)::bigint, (each ->> 6)::bigint, each ->> 7, each ->> 8, each ->> 9, each ->> 10
from jsonb_array_elements(:rows::jsonb) as rows (each)
on conflict (run, task, idx) do update set
    seq = excluded.seq, state = excluded.state, attempt = excluded.attempt, started = excluded.started,
    ended = excluded.ended, message = excluded.message, document = excluded.document, format = excluded.format,
    data = excluded.data
