-- What only SQLite understands. The rows of a bulk are padded with nulls, see `SqliteStore.bulk`.

-- name: tables
select name from sqlite_master where type = 'table'

-- name: size
select (page_count - freelist_count) * page_size from pragma_page_count, pragma_freelist_count, pragma_page_size

-- name: add_tasks
insert into run_task (run, number, slug, name, width)
select ?, column1, column2, column3, column4 from (values {rows}) where column1 is not null
on conflict (run, number) do update set slug = excluded.slug, name = excluded.name, width = excluded.width

-- name: add_events
insert into event (run, seq, task, idx, last, attempt, state, at, message)
select ?, column1, column2, column3, column4, column5, column6, column7, column8
from (values {rows}) where column1 is not null

-- name: add_task_runs
insert into task_run (run, seq, task, idx, state, attempt, started, ended, message, document, format, data)
select
    ?, column1, column2, column3, column4, column5, column6, column7, column8, column9, column10, column11
from (values {rows}) where column1 is not null
on conflict (run, task, idx) do update set
    seq = excluded.seq, state = excluded.state, attempt = excluded.attempt, started = excluded.started,
    ended = excluded.ended, message = excluded.message, document = excluded.document, format = excluded.format,
    data = excluded.data
