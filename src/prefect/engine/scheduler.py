"""The scheduler: what finished goes in, what to do next comes out. Pure: no clock, no executor, no user code.

Each task of the plan counts the edges that have not reported yet. At zero it is ready; the ready task that is first in
running order is next. A mapped task is first *opened*, which tells how many children it has, and then gives out its
children in chunks. A run that has to wait (a retry, a pause with an end) is *due* at a time and comes back by itself.

```
waiting ──last edge reports──▶ ready ──next()──▶ at work ──ended()──▶ over ──▶ the tasks behind it
                                 ▲                  │ Retrying, Paused until …
                                 └────── due ◀──────┘
```
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from prefect.engine.plan import Node, RunPlan
from prefect.engine.state import Mapped, Scheduled, State, Success


class RunTask(NamedTuple):
    """Run a task that is not mapped."""

    node: int

    @property
    def indices(self) -> Sequence[int]:
        return (WHOLE,)

    @property
    def tasks(self) -> tuple[int, ...]:
        """The tasks whose states come of it."""
        return (self.node,)


class OpenMap(NamedTuple):
    """Find out how many children a mapped task has."""

    node: int


class Draw(NamedTuple):
    """Draw further elements for a mapped task whose number of children is not known yet."""

    node: int


class RunChildren(NamedTuple):
    """Run these children of a mapped task, and with each those of the same index in the mapped tasks of its lane.

    The indices grow, whatever order the children became ready in.
    """

    node: int
    indices: tuple[int, ...] | range
    lane: tuple[int, ...] = ()

    @property
    def tasks(self) -> tuple[int, ...]:
        """The tasks whose states come of it."""
        return (self.node, *self.lane)


Work = RunTask | RunChildren
Instruction = Work | OpenMap | Draw
ONE_BY_ONE: Mapping[int, int] = {}
UNLIMITED: Mapping[int, int] = {}
WHOLE = -1  # the index of a task that is not a child


class Children:
    """The children of one mapped task: their states, and which of them have not been given out yet.

    `cursor` passes over all indices once; a child that had to wait when it passed comes back through `late`, and if it
    is in `alone` it comes without others. `followers` are the tasks behind a lane, each once; `lane` are those that run
    together with this one, index by index, or None before that was decided. While it is `growing` further children may
    come, up to `bound`; `known` are states that they had before.
    """

    __slots__ = ("alone", "bound", "cursor", "followers", "fresh", "growing", "known", "lane", "late", "left", "states")

    def __init__(self, given: list[State | None], followers: Iterable[int], known: Sequence[State | None] = ()) -> None:
        self.states = given
        self.known = known
        self.followers = tuple(dict.fromkeys(followers))
        self.fresh = not any(given) and not any(known)
        self.left = len(given) if self.fresh else sum(1 for state in given if not is_over(state))
        self.cursor = 0
        self.late: deque[int] = deque()
        self.alone: set[int] = set()
        self.lane: tuple[int, ...] | None = None
        self.growing = False
        self.bound: int | None = None

    @property
    def all_given(self) -> bool:
        return self.cursor >= len(self.states) and not self.late

    @property
    def ended(self) -> bool:
        return not self.left and not self.growing

    def grow(self, count: int) -> None:
        start = len(self.states)
        known = self.known[start : start + count]
        self.states.extend([*known, *([None] * (count - len(known)))])
        self.left += count - sum(map(is_over, known))

    def over(self, index: int) -> bool:
        return index >= len(self.states) or is_over(self.states[index])


def iter_late(children: Children, limit: int) -> Iterator[int]:
    """Children that come back late, up to the first that has to come alone."""
    while children.late and limit and children.late[0] not in children.alone:
        limit -= 1
        yield children.late.popleft()


def is_over(state: State | None) -> bool:
    return state is not None and state.is_finished()


class Scheduler:
    """Decides the order of one pass over a plan.

    Args:
        plan: the compiled graph.
        given: states that tasks already have, by number; those that are `over` are kept and do not run.
        over: the numbers of those among them whose tasks need not run.
        by_lane: run map behind map index by index, instead of one map after the other.

    Attributes:
        due: a heap of the runs that wait for a time: `(time, number, index)`.
        limited: the group of each task that a limit holds, see `prefect.engine.limits`.
        apart: mapped tasks that the executor sends to places of their own, so that they belong to no lane.
        held: for each group that was shut, a heap of the tasks that wait until it opens.
    """

    def __init__(
        self, plan: RunPlan, given: Mapping[int, State], over: Iterable[int] = (), by_lane: bool = False
    ) -> None:
        self.plan = plan
        self.by_lane = by_lane
        self.states: list[State | None] = [given.get(number) for number in range(len(plan.nodes))]
        self.children: dict[int, Children] = {}
        self._over = frozenset(over)
        self._waiting = list(plan.waiting)
        self._ready: list[int] = []
        self._queued: set[int] = set()
        self._drawing: list[int] = []
        self.due: list[tuple[datetime, int, int]] = []
        self.limited = UNLIMITED
        self.apart: Collection[int] = ()
        self.held: dict[int, list[int]] = {}
        for number, count in enumerate(plan.waiting):
            if not count:
                self._start(number)
        for number in self._over:
            self._report(plan.after_end.get(number, ()))
            self._report(plan.after_opening.get(number, ()))

    # --- what to do next ---------------------------------------------------------------------------------------------

    def next(
        self,
        now: datetime | None,
        sizes: Mapping[int, int] = ONE_BY_ONE,
        draw: bool = True,
        shut: Collection[int] = (),
    ) -> Instruction | None:
        """The next thing to do, or None when everything waits.

        Args:
            now: what is due by then is ready; None leaves it waiting.
            sizes: how many children at once, for each mapped task; 1 if it is not there.
            draw: may further elements be drawn, if nothing else is ready?
            shut: groups of limited tasks that may not start now.
        """
        if self.due and now is not None:
            self._wake(now)
        if self.held:
            self._release(shut)
        while self._ready:
            number = self._ready[0]
            node = self.plan.nodes[number]
            if shut and self._hold(node, shut):
                continue
            if not node.mapped:
                heappop(self._ready)
                return tuple.__new__(RunTask, (number,))  # quicker than its constructor, and every task takes this road
            if number not in self.children:
                self._unqueue()
                return OpenMap(number)
            if self.by_lane and self.children[number].lane is None:
                unopened = self._join_lane(number)
                if unopened is not None:
                    return OpenMap(unopened)
            indices = self._chunk(node, sizes.get(number, 1))
            if self.children[number].all_given:
                self._unqueue()
            if indices:
                lane = self.children[number].lane if type(indices) is range else None
                return RunChildren(number, indices, lane or ())
        return Draw(self._drawing[0]) if self._drawing and draw and not self._jammed() else None

    def _unqueue(self) -> None:
        self._queued.discard(heappop(self._ready))

    # --- limits ------------------------------------------------------------------------------------------------------

    def _hold(self, node: Node, shut: Collection[int]) -> bool:
        """Put the first ready task aside if it may not start now; a mapped one can be opened all the same."""
        group = self.limited.get(node.number)
        if group not in shut or (node.mapped and node.number not in self.children):
            return False
        heappush(self.held.setdefault(group, []), heappop(self._ready))  # type: ignore[arg-type]
        return True

    def _release(self, shut: Collection[int]) -> None:
        """Take back the first task of each open group: the next ones may find it shut again."""
        for group in [each for each in self.held if each not in shut]:
            heappush(self._ready, heappop(self.held[group]))
            if not self.held[group]:
                del self.held[group]

    def _jammed(self) -> bool:
        """Is a map that takes what is drawn held? More would only pile up before it."""
        held = (number for numbers in self.held.values() for number in numbers)
        return any(number in self.children and self.children[number].growing for number in held)

    # --- lanes -------------------------------------------------------------------------------------------------------

    def _join_lane(self, number: int) -> int | None:
        """Decide which mapped tasks run together with this one; one that has to be opened first is returned."""
        lane = self._behind(number)
        for each in lane:
            if each not in self.children:
                self._queued.discard(each)
                self._ready.remove(each)
                heapify(self._ready)
                return each
        self.children[number].lane = lane
        for each in lane:
            children = self.children[each]
            children.lane, children.cursor = (), len(children.states)
        return None

    def _behind(self, number: int) -> tuple[int, ...]:
        """The mapped tasks that wait for nothing but children of this one, and of others behind it."""
        if not self._untouched(number):
            return ()
        found = [number]
        candidates = list(self.plan.after_opening.get(number, ()))
        heapify(candidates)
        while candidates:
            each = heappop(candidates)
            if each in found or not self._untouched(each) or not set(self.plan.nodes[each].lanes) <= set(found):
                continue
            found.append(each)
            for after in self.plan.after_opening.get(each, ()):
                heappush(candidates, after)
        return tuple(found[1:])

    def _untouched(self, number: int) -> bool:
        """Has no child of a mapped task, which is or can be opened, been given out or had a state before?"""
        if self.plan.nodes[number].task.timeout:  # what has to be stopped in time is stopped on its own
            return False
        if number in self.limited or number in self.apart:  # and what is limited, or placed, starts on its own
            return False
        if number not in self.children:
            return number in self._queued and not isinstance(self.states[number], State)
        children = self.children[number]
        return children.fresh and not children.cursor and bool(children.states)

    def _make_ready(self, number: int) -> None:
        """Queue a task; a mapped one, whose children come at different times, only once."""
        if self.plan.nodes[number].mapped:
            if number in self._queued:
                return
            self._queued.add(number)
        heappush(self._ready, number)

    def _wake(self, now: datetime) -> None:
        while self.due and self.due[0][0] <= now:
            _, number, index = heappop(self.due)
            if index != WHOLE:
                self.children[number].late.append(index)
            self._make_ready(number)

    def _chunk(self, node: Node, limit: int) -> tuple[int, ...] | range:
        """Children that may start: first those that had to wait, then further ones in the order of their indices."""
        children = self.children[node.number]
        late, end = children.late, len(children.states)
        if late and late[0] in children.alone:
            return (late.popleft(),)
        if late:
            return tuple(sorted(iter_late(children, limit)))
        if children.fresh and self._lanes_empty(node):
            start, children.cursor = children.cursor, min(children.cursor + limit, end)
            return range(start, children.cursor)
        found: list[int] = []
        while children.cursor < end and len(found) < limit:
            if self._may_start(node, children.cursor):
                found.append(children.cursor)
            children.cursor += 1
        return tuple(found)

    def _may_start(self, node: Node, index: int) -> bool:
        state = self.children[node.number].states[index]
        if is_over(state) or not self._lanes_over(node, index):
            return False
        return not self._set_aside(node.number, index, state)

    def _lanes_over(self, node: Node, index: int) -> bool:
        return all(lane not in self.children or self.children[lane].over(index) for lane in node.lanes)

    def _lanes_empty(self, node: Node) -> bool:
        """Is no child left to wait for?"""
        return all(lane not in self.children or not self.children[lane].left for lane in node.lanes)

    # --- what happened -----------------------------------------------------------------------------------------------

    def ended(self, number: int, state: State) -> None:
        """A task that is not mapped came to a state, or a mapped one could not be opened."""
        self.states[number] = state
        if type(state) is not Success and not state.is_finished():
            self._set_aside(number, WHOLE, state)
            return
        self._report(self.plan.after_end.get(number, ()))
        if self.plan.nodes[number].mapped:
            self._report(self.plan.after_opening.get(number, ()))

    def opened(
        self,
        number: int,
        parent: Mapped,
        given: list[State | None],
        draws: bool = False,
        bound: int | None = None,
        known: Sequence[State | None] = (),
    ) -> None:
        """A mapped task turned out to have these children; those with a state keep it until they run.

        Args:
            number: the task.
            parent: its state, which from now on holds the states of the children.
            given: one state or None for each child.
            draws: further children come from an iterator; `Draw` asks for them when nothing else is ready.
            bound: how many there will be at most; None if nobody knows.
            known: states that children had before, those that come later included.
        """
        self.states[number] = parent
        children = self.children[number] = Children(given, self.plan.after_opening.get(number, ()), known)
        parent.map_states = children.states
        parent.n_map_states = len(children.states)  # and it goes on counting them
        children.bound = bound
        children.growing = draws or self._grows_along(number)
        if draws:
            self._drawing.append(number)
        self._report(self.plan.after_opening.get(number, ()))
        if children.states:
            self._make_ready(number)
        if children.ended:
            self._report(self.plan.after_end.get(number, ()))

    def grew(self, number: int, count: int, over: bool) -> None:
        """So many further elements were drawn for a mapped task; those mapped behind it grow along.

        Args:
            number: the task.
            count: how many.
            over: there are no more.
        """
        children = self.children[number]
        children.grow(count)
        children.growing = not over and (children.bound is None or len(children.states) < children.bound)
        if not children.growing:
            self._drawing.remove(number)
        self._has_grown(number)

    def _has_grown(self, number: int) -> None:
        children = self.children[number]
        if children.cursor < len(children.states):
            self._make_ready(number)
        for follower in children.followers:
            if follower in self.children and self.children[follower].growing:
                self._grow_along(follower)
        if children.ended:
            self._report(self.plan.after_end.get(number, ()))

    def _grow_along(self, number: int) -> None:
        """Let a mapped task have as many children as those it maps over."""
        children = self.children[number]
        lengths = [len(self.children[lane].states) for lane in self.plan.nodes[number].lanes if lane in self.children]
        length = min(lengths) if children.bound is None else min(*lengths, children.bound)
        children.grow(length - len(children.states))
        children.growing = self._grows_along(number)
        self._has_grown(number)

    def _grows_along(self, number: int) -> bool:
        """May a mapped task get further children because one that it maps over does?"""
        children = self.children[number]
        if children.bound is not None and len(children.states) >= children.bound:
            return False
        lanes = [self.children[lane] for lane in self.plan.nodes[number].lanes if lane in self.children]
        return any(lane.growing for lane in lanes) and all(
            lane.growing or len(lane.states) > len(children.states) for lane in lanes
        )

    def lane_ended(self, numbers: Iterable[int], index: int, states: Iterable[State | None]) -> None:
        """The children with one index, of map behind map, came to these states; None where one did not run."""
        came = [(number, state) for number, state in zip(numbers, states, strict=False) if state is not None]
        there = frozenset(number for number, _ in came)
        for number, state in came:
            self.child_ended(number, index, state, there)

    def child_ended(self, number: int, index: int, state: State, together: Collection[int] = ()) -> None:
        """A child came to a state; those of the same index in the tasks `together` did so in the same go."""
        children = self.children[number]
        children.states[index] = state
        if type(state) is not Success and not state.is_finished():
            self._set_aside(number, index, state)
            return
        children.left -= 1
        for follower in children.followers:
            if follower in self.children and follower not in together:
                self._follow(follower, index)
        if children.ended:
            self._report(self.plan.after_end.get(number, ()))

    def again(self, number: int, indices: Iterable[int] = (WHOLE,), alone: bool = False) -> None:
        """Runs that were given out came to no state: their hands died.

        Args:
            number: the task.
            indices: which children.
            alone: from now on each of them comes without others, to find out which one kills its hands.
        """
        if not self.plan.nodes[number].mapped:
            self._make_ready(number)
            return
        children = self.children[number]
        children.late.extend(indices)
        if alone:
            children.alone.update(indices)
        if children.late:
            self._make_ready(number)

    def _follow(self, number: int, index: int) -> None:
        """Let child `index` of a task behind a lane start, if the cursor passed it while it had to wait."""
        children = self.children[number]
        if index < min(children.cursor, len(children.states)) and self._may_start(self.plan.nodes[number], index):
            children.late.append(index)
            self._make_ready(number)

    def _report(self, followers: Iterable[int]) -> None:
        waiting = self._waiting
        for number in followers:
            waiting[number] -= 1
            if waiting[number]:
                continue
            if self.states[number] is None and not self.plan.nodes[number].mapped:
                heappush(self._ready, number)  # what `_start` comes to for most
            else:
                self._start(number)

    def _start(self, number: int) -> None:
        """All edges of a task have reported: it is ready, or due later."""
        if number in self._over:
            return
        state = self.states[number]
        if state is None or not self._set_aside(number, WHOLE, state):
            self._make_ready(number)

    def _set_aside(self, number: int, index: int, state: State | None) -> bool:
        """Put a run that waits for a time among the due ones. True if it has to wait."""
        if not isinstance(state, Scheduled) or state.start_time is None:
            return False
        heappush(self.due, (state.start_time, number, index))
        return True
