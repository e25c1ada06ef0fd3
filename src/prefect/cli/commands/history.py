"""`prefect history …`: look after the store in which all runs are written down."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import click

from prefect.cli import moments, options, output, past
from prefect.configuration import config
from prefect.store import retention
from prefect.store.base import Store
from prefect.store.history import home, spool
from prefect.store.records import EVERY_RUN
from prefect.store.sql_store import SqlStore
from prefect.store.sqlite import SqliteStore
from prefect.store.sqlite_versions import is_affected

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B?")
POWERS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
EVERY = 2**31
"""More runs than any store has."""


@click.group("history")
def command() -> None:
    """Look after the store in which all runs are written down.

    \b
    prefect history info
    prefect history prune --before 30d
    """


# --- where it is ------------------------------------------------------------------------------------------------------


@command.command("path")
@options.store
@options.as_json
def path(url: str | None, as_json: bool) -> None:
    """Print where the history is."""
    with past.history_at(url) as store:
        where = store.path if isinstance(store, SqliteStore) else store.url
    output.print_json(where) if as_json else click.echo(where)


@command.command("info")
@options.store
@options.as_json
def info(url: str | None, as_json: bool) -> None:
    """Show where the history is, how large it is, and what is in it."""
    with past.history_at(url) as store:
        found = facts(store)
    if as_json:
        output.print_json(found)
        return
    now = moments.now()
    rows = [
        ("store", found["store"]),
        ("recording", "on" if found["recording"] else "off: set store.enabled"),
        ("runs", f"{found['runs']:,}"),
        ("oldest", moments.shown(found["oldest"], now)),
        ("size", bytes_in_words(found["size"])),
        ("values", f"{bytes_in_words(found['value_bytes'])} in files" if found["value_bytes"] else ""),
        (
            "waiting",
            f"{found['waiting']:,} batches: write them with `prefect history drain`" if found["waiting"] else "",
        ),
        ("schema", "" if found["schema"] is None else f"version {found['schema']}"),
        ("SQLite", "" if found["sqlite"] is None else f"{found['sqlite']}{remark(found)}"),
    ]
    output.print_table(("", ""), [(output.text(name, "dim"), value) for name, value in rows if value])


def facts(store: Store) -> dict[str, Any]:
    runs = store.runs(EVERY_RUN, EVERY)
    waiting = spool(store)
    library = sqlite_version() if isinstance(store, SqliteStore) else None
    return {
        "store": store.url,
        "recording": bool(config.store.enabled),
        "runs": len(runs),
        "oldest": runs[-1].created if runs else None,
        "size": store.size(),
        "value_bytes": bytes_below(os.path.join(home(), "values")),
        "waiting": 0 if waiting is None else len(waiting.waiting()),
        "schema": schema_version(store),
        "sqlite": library,
        "sqlite_affected": library is not None and is_affected(library),
    }


def schema_version(store: Store) -> int | None:
    if not isinstance(store, SqlStore):
        return None
    return int(store.rows(store.queries["schema_version"], {})[0][0])


def sqlite_version() -> str:
    import sqlite3

    return sqlite3.sqlite_version


def remark(found: dict[str, Any]) -> str:
    """A word about a version that can damage a file that other programs write to, too."""
    if not found["sqlite_affected"]:
        return ""
    return ", which can damage a database when other programs write to it, too; 3.51.3 does not"


def bytes_below(directory: str) -> int:
    """The size of all files in a directory."""
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(directory) for name in names)


def bytes_in_words(count: int) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count = count / 1000  # type: ignore[assignment]
    return f"{count:.1f} TB"


# --- less of it -------------------------------------------------------------------------------------------------------


def size(ctx: click.Context, param: click.Parameter, given: str | None) -> int | None:
    """`500MB` as a number of bytes."""
    matched = None if given is None else SIZE.fullmatch(given.strip())
    if given is not None and matched is None:
        raise click.BadParameter(f"{given!r} is no size: write 500MB or 10GB.")
    return None if matched is None else int(float(matched[1]) * POWERS[matched[2]])


@command.command("prune", short_help="Delete old runs.")
@click.option(
    "--before", metavar="TIME", callback=options.time_point, help="Delete runs that ended before: 30d, 2026-11-01."
)
@click.option("--keep-bytes", metavar="SIZE", callback=size, help="Delete the oldest until it is not larger: 1GB.")
@options.yes
@options.store
@options.as_json
def prune(before: int | None, keep_bytes: int | None, agreed: bool, url: str | None, as_json: bool) -> None:
    """Delete old runs; those that can still be resumed, as they came to no end, stay.

    Without --before and --keep-bytes, the settings store.keep_days and store.keep_bytes count.
    """
    now = moments.now()
    if before is None and keep_bytes is None:
        days = config.store.keep_days
        before, keep_bytes = int(now - days * retention.DAY) if days else None, config.store.keep_bytes or None
    ask(before, keep_bytes, agreed, as_json)
    with past.history_at(url) as store:
        deleted = retention.prune_before(store, home(), now, before or 0, keep_bytes)
        left = store.size()
    if as_json:
        output.print_json({"deleted": deleted, "size": left})
    else:
        runs = "1 run was" if deleted == 1 else f"{deleted:,} runs were"
        output.print_lines(f"{runs} deleted; the history takes {bytes_in_words(left)} now.")


def ask(before: int | None, keep_bytes: int | None, agreed: bool, as_json: bool) -> None:
    if agreed:
        return
    what = " and ".join(words(before, keep_bytes)) or "nothing"
    if as_json or not sys.stdin.isatty():
        raise click.UsageError(f"This deletes {what}: add --yes if that is what you want.")
    click.confirm(f"Delete {what}?", abort=True)


def words(before: int | None, keep_bytes: int | None) -> Iterator[str]:
    if before is not None:
        yield f"runs that ended before {moments.date(before)}"
    if keep_bytes is not None:
        yield f"the oldest runs while the history takes more than {bytes_in_words(keep_bytes)}"


# --- what waits -------------------------------------------------------------------------------------------------------


@command.command("drain", short_help="Write what waits in files.")
@options.store
@options.as_json
def drain(url: str | None, as_json: bool) -> None:
    """Write what waits in files, as the store could not be used when it happened.

    The next run that uses the store does so, too.
    """
    with past.history_at(url) as store:
        waiting = spool(store)
        count = 0 if waiting is None else waiting.drain(store)
    if as_json:
        output.print_json({"written": count})
    else:
        output.print_lines(f"Batches that were written: {count:,}." if count else "Nothing waits.")
