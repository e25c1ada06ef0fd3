"""`flow.run` with schedules: which runs there are, with which parameters, and when it ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import prefect
from prefect import Flow, Parameter, task
from prefect.engine.signals import FAIL
from prefect.exceptions import ParameterError, ScheduleError
from prefect.schedules import CronSchedule, IntervalSchedule, Schedule
from prefect.schedules.clocks import Clock, DatesClock, IntervalClock


def soon(*milliseconds: int) -> list[datetime]:
    now = datetime.now(UTC)
    return [now + timedelta(milliseconds=each) for each in milliseconds]


class Log:
    """A flow `x ─▶ note` that notes the values of x and the times it was meant to run at."""

    def __init__(self, *clocks: Clock, default: Any = None, required: bool = True) -> None:
        self.values: list[Any] = []
        self.meant: list[datetime] = []

        @task
        def note(x: Any) -> None:
            self.values.append(x)
            self.meant.append(prefect.context.scheduled_start_time)

        with Flow("log", schedule=Schedule(clocks) if clocks else None) as self.flow:
            self.note = note(Parameter("x", required=required, default=default))


def test_a_flow_runs_at_each_time_of_its_schedule_and_then_ends() -> None:
    dates = soon(150, 300, 450)
    log = Log(DatesClock(dates))

    state = log.flow.run(x=1)

    assert datetime.now(UTC) >= dates[-1]
    assert state.is_successful()
    assert log.meant == dates


def test_the_state_of_the_last_run_is_returned() -> None:
    runs: list[int] = []

    @task
    def second_fails() -> int:
        runs.append(1)
        if len(runs) == 2:
            raise FAIL("the second")
        return 1

    flow = Flow("last", tasks=[second_fails], schedule=Schedule([DatesClock(soon(150, 350))]))
    state = flow.run()

    assert state.is_failed()
    assert state.result[second_fails].message == "the second"


def test_times_that_pass_during_a_run_are_dropped() -> None:
    log = Log(DatesClock(dates := soon(150, 151, 152, 500)))

    @task
    def slow() -> None:
        time.sleep(0.1)

    log.flow.add_task(slow)
    log.flow.run(x=1)

    assert log.meant == [dates[0], dates[-1]]


def test_an_interval_is_kept_to_until_its_end() -> None:
    (start, end) = soon(20, 300)
    log = Log(IntervalClock(timedelta(milliseconds=20), start_date=start, end_date=end))

    assert log.flow.run(x=1).is_successful()

    gaps = {(moment - start) % timedelta(milliseconds=20) for moment in log.meant}
    assert log.meant == sorted(set(log.meant))
    assert gaps == {timedelta(0)}
    assert all(start <= moment <= end for moment in log.meant)


def test_values_of_a_clock_override_those_of_the_user() -> None:
    first, second, third = soon(150, 300, 450)
    log = Log(
        DatesClock([first], parameter_defaults={"x": "first"}),
        DatesClock([second]),
        DatesClock([third], parameter_defaults={"x": "third"}),
    )

    log.flow.run(x="user")

    assert log.values == ["first", "user", "third"]


def test_values_of_a_clock_override_defaults() -> None:
    log = Log(DatesClock(soon(150), parameter_defaults={"x": "clock"}), default="default", required=False)

    log.flow.run()

    assert log.values == ["clock"]


def test_a_required_parameter_that_every_clock_supplies_is_not_missing() -> None:
    first, second = soon(150, 300)
    log = Log(DatesClock([first], parameter_defaults={"x": 1}), DatesClock([second], parameter_defaults={"x": 2}))

    assert log.flow.run().is_successful()
    assert log.values == [1, 2]


def test_a_required_parameter_that_a_clock_does_not_supply_is_missing_before_anything_runs() -> None:
    first, second = soon(150, 300)
    log = Log(DatesClock([first], parameter_defaults={"x": 1}), DatesClock([second]))

    with pytest.raises(ParameterError, match="needs a value for the parameter 'x'"):
        log.flow.run()
    assert log.values == []


def test_clocks_supply_nothing_to_a_run_without_them() -> None:
    log = Log(DatesClock(soon(60_000), parameter_defaults={"x": 1}))

    with pytest.raises(ParameterError, match="'x'"):
        log.flow.run(run_on_schedule=False)


def test_a_flow_can_run_once_now() -> None:
    log = Log(DatesClock(dates := soon(60_000)))

    assert log.flow.run(x=1, run_on_schedule=False).is_successful()
    assert log.values == [1]
    assert log.meant[0] < dates[0]


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule([]),
        Schedule([DatesClock([datetime(2020, 1, 1)])]),
        CronSchedule("@daily", end_date=datetime(2020, 1, 1)),
        IntervalSchedule(interval=timedelta(days=1), end_date=datetime(2020, 1, 1)),
    ],
    ids=repr,
)
def test_a_schedule_without_a_time_left_is_an_error(schedule: Schedule) -> None:
    with pytest.raises(ScheduleError, match="no time left"):
        Flow("late", schedule=schedule).run()


def test_two_runs_at_one_time_with_different_values_both_start() -> None:
    (moment,) = soon(150)
    log = Log(*(DatesClock([moment], parameter_defaults={"x": each}) for each in "ab"))

    log.flow.run()

    assert log.values == ["a", "b"]
    assert log.meant == [moment, moment]


def test_times_that_an_adjustment_moves_to_one_are_one_run() -> None:
    (moment,) = soon(150)
    clocks = [DatesClock([moment, moment + timedelta(microseconds=5)]), DatesClock([moment + timedelta(minutes=1)])]
    log = Log(*clocks)
    log.flow.schedule = Schedule(clocks, adjustments=[lambda each: moment])

    log.flow.run(x=1)

    assert log.meant == [moment]
