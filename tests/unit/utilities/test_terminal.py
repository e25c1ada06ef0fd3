"""Lines at the foot of a terminal: a real one, looked at through a small emulator of what it shows."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.utilities.terminal import Foot

if sys.platform == "win32":
    pytest.skip("There are no pseudo terminals here.", allow_module_level=True)

import pty
import termios

ROWS, COLUMNS = 12, 40
TOKEN = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|\x1b([78D])|([\r\n])|([^\x1b\r\n])")
MARK = b"\x05"  # the end of what is to be read


class Screen:
    """What a terminal shows, and the lines that left it at its upper end."""

    def __init__(self) -> None:
        self.rows = [""] * ROWS
        self.past: list[str] = []
        self.y = self.x = 0
        self.bottom = ROWS - 1
        self.saved = (0, 0)

    def feed(self, text: str) -> None:
        position = 0
        while position < len(text):
            token = TOKEN.match(text, position)
            assert token, f"not known here: {text[position : position + 9]!r}"
            position = token.end()
            numbers, command, escaped, control, sign = token.groups()
            if command:
                self.command(command, [int(each) for each in numbers.split(";") if each])
            elif sign:
                self.rows[self.y] = self.rows[self.y].ljust(self.x)[: self.x] + sign + self.rows[self.y][self.x + 1 :]
                self.x += 1
            else:
                self.move(escaped or control)

    def move(self, how: str) -> None:
        if how == "7":
            self.saved = (self.y, self.x)
        elif how == "8":
            self.y, self.x = self.saved
        elif how == "\r":
            self.x = 0
        elif self.y == self.bottom:
            self.past.append(self.rows.pop(0))
            self.rows.insert(self.bottom, "")
        else:
            self.y = min(self.y + 1, ROWS - 1)

    def command(self, name: str, numbers: list[int]) -> None:
        if name == "r":
            self.bottom = numbers[1] - 1 if numbers else ROWS - 1
            self.y = self.x = 0
        elif name == "H":
            self.y, self.x = numbers[0] - 1, numbers[1] - 1
        elif name == "A":
            self.y = max(0, self.y - numbers[0])
        elif name == "K":
            self.rows[self.y] = ""
        elif name == "J":
            self.rows[self.y :] = [self.rows[self.y][: self.x], *[""] * (ROWS - self.y - 1)]
        else:
            assert name == "m", f"not known here: {name}"

    @property
    def written(self) -> list[str]:
        """All lines from the first to that of the cursor."""
        return self.past + self.rows[: self.y + 1]


class Terminal:
    def __init__(self, outer: int, inner: int) -> None:
        self.outer, self.inner = outer, inner
        self.screen = Screen()
        self.foot = Foot(inner)

    def print(self, text: str) -> None:
        os.write(self.inner, text.encode())

    def look(self) -> Screen:
        os.write(self.inner, MARK)
        found = b""
        while not found.endswith(MARK):
            found += os.read(self.outer, 65536)
        self.screen.feed(found[:-1].decode())
        return self.screen


@contextmanager
def terminal() -> Iterator[Terminal]:
    outer, inner = pty.openpty()
    try:
        termios.tcsetwinsize(inner, (ROWS, COLUMNS))
        yield Terminal(outer, inner)
    finally:
        os.close(outer)
        os.close(inner)


def test_the_lines_stand_at_the_foot_while_others_scroll() -> None:
    with terminal() as there:
        there.foot.show(["load 1/9"])
        there.print("".join(f"line {n}\n" for n in range(20)))
        screen = there.look()

        assert screen.rows[-1] == "load 1/9"
        assert screen.written == [*(f"line {n}" for n in range(20)), ""]


def test_what_was_written_before_stays() -> None:
    with terminal() as there:
        there.print("".join(f"line {n}\n" for n in range(ROWS)))
        there.foot.show(["one", "two"])
        screen = there.look()

        assert screen.rows[-2:] == ["one", "two"]
        assert screen.written == [*(f"line {n}" for n in range(ROWS)), ""]


def test_an_unfinished_line_goes_on_where_it_was() -> None:
    with terminal() as there:
        there.print("half a ")
        there.foot.show(["one"])
        there.print("line\n")

        assert there.look().written == ["half a line", ""]


def test_at_most_half_of_the_terminal_is_taken() -> None:
    with terminal() as there:
        there.foot.show([f"map {n}" for n in range(ROWS)])

        assert there.look().rows == [*[""] * (ROWS // 2), *(f"map {n}" for n in range(ROWS // 2))]


def test_the_last_line_is_printed_as_any_other() -> None:
    with terminal() as there:
        there.print("before\n")
        there.foot.show(["one", "two"])
        there.foot.close("over")
        there.print("after\n")

        assert there.look().rows == ["before", "over", "after", *[""] * (ROWS - 3)]


def test_a_terminal_that_was_never_used_stays_as_it_is() -> None:
    with terminal() as there:
        there.print("before")
        there.foot.close()

        assert there.look().rows == ["before", *[""] * (ROWS - 1)]


def test_somebody_who_used_the_whole_terminal_meanwhile_does_no_harm() -> None:
    with terminal() as there:
        there.foot.show(["one", "two"])
        there.print("\x1b[r" + f"\x1b[{ROWS};1H" + "$ fg\n")
        there.foot.show(["one", "two"])
        there.print("first\nsecond\n")
        screen = there.look()

        assert screen.rows[-2:] == ["one", "two"]
        assert screen.written[-4:] == ["$ fg", "first", "second", ""]


def test_a_terminal_of_another_size_gets_a_new_foot() -> None:
    with terminal() as there:
        there.print("before\n")
        there.foot.show(["one", "two"])
        termios.tcsetwinsize(there.inner, (ROWS - 4, COLUMNS))
        there.foot.show(["one"])

        assert there.look().rows == ["before", *[""] * (ROWS - 6), "one", *[""] * 4]


def test_what_is_no_terminal_can_be_drawn_on_too(tmp_path) -> None:
    with open(tmp_path / "log", "wb") as file:
        foot = Foot(file.fileno())
        foot.show(["one"])
        foot.close("over")

    assert "one" in (tmp_path / "log").read_text()
    assert (tmp_path / "log").read_text().endswith("over\n")


lines = st.lists(st.text("abc", max_size=COLUMNS - 1), max_size=ROWS)
steps = st.lists(st.tuples(st.sampled_from(["print", "show"]), lines), max_size=12)


@given(steps)
def test_nothing_that_is_printed_gets_lost_whatever_the_foot_does(done) -> None:
    with terminal() as there:
        for what, texts in done:
            if what == "show":
                there.foot.show(texts)
            else:
                there.print("".join(f"{each}\n" for each in texts))
        printed = [each for what, texts in done if what == "print" for each in texts]
        foot = next((texts[: ROWS // 2] for what, texts in reversed(done) if what == "show"), [])
        screen = there.look()

        assert screen.written == [*printed, ""]
        assert screen.rows[screen.y + 1 :] == [*[""] * (ROWS - screen.y - 1 - len(foot)), *foot]

        there.foot.close()

        assert there.look().bottom == ROWS - 1
        assert screen.rows[screen.y + 1 :] == [""] * (ROWS - screen.y - 1)
