"""The rules of the history, by calling them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.engine.state import KINDS
from prefect.store.records import UNOWNED, Batch, FlowRun
from prefect.store.rules import Kind, Verdict, kind_of, may_be_claimed, may_follow, verdict

STATES = st.sampled_from(sorted(KINDS))
NUMBERS = st.integers(0, 5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, "Success"),
        ("Pending", "Skipped"),
        ("Running", "Failed"),
        ("Failed", "Retrying"),
        ("Success", "Running"),
        ("Success", "Cached"),
        ("Mapped", "Mapped"),
        ("Running", "Looped"),
        ("Looped", "Pending"),
        ("Failed", "TimedOut"),
    ],
)
def test_what_happens_in_a_run_is_allowed(old, new):
    assert may_follow(old, new)


@pytest.mark.parametrize(
    ("old", "new"), [("Success", "Failed"), ("Failed", "Success"), ("Cached", "Crashed"), ("TriggerFailed", "Skipped")]
)
def test_what_is_over_does_not_turn_into_its_opposite(old, new):
    assert not may_follow(old, new)


@given(STATES, STATES)
def test_beginning_anew_leads_from_any_state_to_any_other(old, new):
    assert may_follow(old, "Running")
    assert may_follow("Running", new)


def test_a_state_of_ones_own_may_come_and_go():
    assert kind_of("MyState") is Kind.OPEN


def batch(epoch, after, last):
    return Batch(run="r", epoch=epoch, after=after, last_seq=last, lease_until=0)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_a_batch_is_written_once_and_only_by_the_owner(epoch, after, more, last_seq):
    found = verdict(batch(epoch, after, after + more), epoch=2, last_seq=last_seq)

    assert (found is Verdict.WRITE) == (epoch == 2 and after == last_seq)
    if found is Verdict.PASS_OVER:
        assert epoch == 2
        assert after + more <= last_seq


def test_a_gap_is_refused():
    assert verdict(batch(1, 5, 8), epoch=1, last_seq=3) is Verdict.REFUSE


@given(owner=st.sampled_from("ab"), lease=NUMBERS, now=NUMBERS, dead=st.sampled_from(["a", "b", None]))
def test_a_run_is_claimed_when_its_lease_is_over_or_its_owner_dead(owner, lease, now, dead):
    run = FlowRun(id="r", flow="f", version="v", name="n", state="Running", created=0, owner=owner, lease_until=lease)

    assert may_be_claimed(run, now, dead) == (lease <= now or owner == dead)


def test_a_run_that_is_nobodys_can_always_be_claimed():
    run = FlowRun(id="r", flow="f", version="v", name="n", state="Failed", created=0, lease_until=UNOWNED)

    assert may_be_claimed(run, now=1)
