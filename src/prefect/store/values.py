"""How values are kept in the history, and how they come back.

```
a value ──┬── JSON, where that is exact ────────────────┐
          ├── pickled, as long as it is small ──────────┼──▶ Value(format, data) ──▶ Recalled ──.value──▶ the value
          ├── pickled into a file beside the store ─────┤                             (lazily)
          ├── stored by its task: the place, no value ──┤
          └── too large, not to be pickled, a secret ───┘    `lost`, with the reason
```

Pickling stops as soon as it passes the limit, so a large value costs no more than a small one. What is kept is how the
value was when its task ended, whatever is done to it later.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from prefect.engine.result.base import Result
from prefect.engine.result.documents import result_document, result_from
from prefect.engine.result.released import Released
from prefect.engine.result.stored import StoredResult, fingerprint
from prefect.engine.results.local_result import LocalResult
from prefect.engine.results.secret_result import SecretResult
from prefect.exceptions import PrefectException, ResultMissing, ResultUnreadable
from prefect.store.records import Value
from prefect.utilities.documents import Fields
from prefect.utilities.serialization import dumps
from prefect.utilities.texts import text_of

SCALARS = frozenset({int, float, bool, str, type(None)})
COLUMN, PAIRS = b"j", b"m"
"""How the values of a stretch are packed: one JSON list of them, or a JSON list of formats and data."""

NOTHING = Value("json", "null")
LONGEST_SECRET_TO_IGNORE = 3
"""Texts so short are everywhere; hiding them would hide the rest, too."""


class TooLarge(Exception):
    """Pickling passed the limit."""


@dataclass(slots=True)
class Keeper:
    """Turns the values of one run into what is kept of them.

    Args:
        inline: up to so many bytes a value is kept in the store.
        most: up to so many bytes it is kept in a file.
        directory: where the files go; None for nowhere.

    Attributes:
        secrets: texts that must not get into the history.
        files: what has to be written before the records that tell of it: locations and contents.
    """

    inline: int
    most: int
    directory: str | None
    secrets: set[str] = field(default_factory=set)
    files: list[tuple[str, bytes]] = field(default_factory=list)

    # --- what goes in ------------------------------------------------------------------------------------------------

    def keep(self, held: Any) -> Value:
        """What is kept of what a state holds: a value, or a result."""
        if held is None:
            return NOTHING
        if isinstance(held, Result):
            return self._keep_result(held)
        if is_exact(held, self.inline):
            text = json.dumps(held)
            if len(text) <= self.inline:
                return self._checked(Value("json", text))
        return self._pickled(held)

    def keep_column(self, helds: Sequence[Any]) -> bytes:
        """What is kept of the values of many children, packed."""
        if SCALARS.issuperset(map(type, helds)):
            text = json.dumps(helds)
            if len(text) <= self.inline * len(helds) and not self.holds_secret(text):
                return COLUMN + text.encode()
        return PAIRS + json.dumps([self.keep(held) for held in helds]).encode()

    def learn_secret(self, value: Any) -> None:
        """From now on a text, and the texts in a collection, must not get into the history."""
        if isinstance(value, dict):
            for each in value.values():
                self.learn_secret(each)
        elif isinstance(value, (list, tuple, set)):
            for each in value:
                self.learn_secret(each)
        elif isinstance(value, (str, bytes)) and len(value) > LONGEST_SECRET_TO_IGNORE:
            self.secrets.add(value if isinstance(value, str) else value.decode(errors="replace"))

    def holds_secret(self, text: str) -> bool:
        """Does a text hold one of the secrets, as it is or as JSON writes it?"""
        return any(each in text or json.dumps(each)[1:-1] in text for each in self.secrets)

    def masked(self, text: str) -> str:
        """A text with the secrets in it hidden."""
        for each in self.secrets:
            text = text.replace(each, "*" * 8)
        return text

    def _keep_result(self, held: Result) -> Value:
        if isinstance(held, SecretResult):
            self.learn_secret(held.value)
            return lost("secrets are never kept")
        if isinstance(held, Released):
            return self.keep(held.stored_as) if held.stored_as is not None else lost("it was let go on its worker")
        if isinstance(held, Recalled):
            return held.kept
        if held.location is not None and isinstance(held, StoredResult):
            return Value("at", json.dumps(result_document(held)))
        return self.keep(held.value)

    def _pickled(self, value: Any) -> Value:
        try:
            data = pickled(value, self.most)
        except TooLarge:
            return lost(f"it takes more than {self.most:,} bytes (store.value_bytes)")
        except Exception as error:
            return lost(f"it cannot be pickled ({type(error).__name__}: {text_of(error)})"[:300])
        if self.secrets and any(each.encode() in data for each in self.secrets):
            return lost("it holds a secret")
        if len(data) <= self.inline:
            return Value("pickle", base64.b64encode(data).decode())
        return self._filed(data)

    def _filed(self, data: bytes) -> Value:
        if self.directory is None:
            return lost(f"it takes more than {self.inline:,} bytes (store.inline_bytes)")
        stored = fingerprint(data)
        place = LocalResult(dir=self.directory).at(f"{stored.digest}.pickle")
        place.stored = stored
        self.files.append((os.path.join(self.directory, f"{stored.digest}.pickle"), data))
        return Value("file", json.dumps(result_document(place)))

    def _checked(self, value: Value) -> Value:
        return lost("it holds a secret") if self.secrets and self.holds_secret(value.data) else value


def lost(reason: str) -> Value:
    return Value("lost", reason)


def is_exact(value: Any, budget: int) -> bool:
    """Does JSON give back the very same value? Only small ones are looked at."""
    todo = [value]
    while todo:
        each = todo.pop()
        budget -= 1
        if budget < 0:
            return False
        if type(each) in SCALARS:
            continue
        if type(each) is list:
            inner: Iterable[Any] = each
        elif type(each) is dict and all(type(key) is str for key in each):
            inner = each.values()
        else:
            return False
        if len(each) > budget:
            return False
        todo.extend(inner)
    return True


class Bounded(io.RawIOBase):
    """A file in memory that may not grow beyond a limit; of arrays it only notes the size, as copying takes time."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.parts: list[bytes] = []
        self.complete = True

    def write(self, data: Any) -> int:
        self._take(len(data))
        self.parts.append(bytes(data))
        return len(data)

    def note(self, array: pickle.PickleBuffer) -> None:
        self.complete = False
        self._take(memoryview(array).nbytes)

    def _take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise TooLarge


def pickled(value: Any, most: int) -> bytes:
    """A value as bytes; things of the script itself are named, as the history is read by the same script.

    Raises:
        TooLarge: it takes more bytes than `most`.
    """
    file = Bounded(most)
    try:
        pickle.Pickler(file, pickle.HIGHEST_PROTOCOL, buffer_callback=file.note).dump(value)
    except TooLarge:
        raise
    except Exception:  # perhaps a function made inside a function: cloudpickle sends its code along
        data = dumps(value)
        if len(data) > most:
            raise TooLarge from None
        return data
    return b"".join(file.parts) if file.complete else pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


# --- what comes back --------------------------------------------------------------------------------------------------


class Recalled(Result):
    """A value from the history, read when somebody asks for it.

    Args:
        kept: what the history holds.
        reader: the result of its task, if it is stored where only that can read it.
    """

    __slots__ = ("_value", "kept", "reader")

    def __init__(self, kept: Value, reader: Result | None = None) -> None:
        self.kept = kept
        self.reader = reader
        super().__init__()
        del self._value  # which the base class has just set, to nothing

    @property
    def value(self) -> Any:
        """The value.

        Raises:
            ResultMissing: it was not kept, or is not there any more; running the task again makes it anew.
        """
        if not hasattr(self, "_value"):
            self._value = recall(self.kept, self.reader)
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        self._value = value

    def copy(self) -> Recalled:
        return Recalled(self.kept, self.reader)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recalled) and self.kept == other.kept

    __hash__ = None

    def __repr__(self) -> str:
        return f"<Recalled: {self.kept.format}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Recalled, (self.kept, self.reader)


def recall(kept: Value, reader: Result | None = None) -> Any:
    """The value of which this was kept.

    Raises:
        ResultMissing: it was not kept, or is not there any more.
    """
    if kept.format == "json":
        return json.loads(kept.data)
    if kept.format == "lost":
        raise ResultMissing(f"This value was not kept in the history: {kept.data}. Run its task again to have it.")
    try:
        if kept.format == "pickle":
            return pickle.loads(base64.b64decode(kept.data))
        place = place_of(kept, reader)
        if kept.format == "file":
            data = place.content(place.location or "")
            place.checked(place.location or "", fingerprint(data), place.stored)
            return pickle.loads(data)
        return place.read_again(place).value
    except PrefectException as error:
        raise ResultMissing(f"This value is not there any more: {error}") from error
    except Exception as error:
        raise ResultMissing(
            f"This value cannot be read any more ({type(error).__name__}: {error}): did its class change?"
        ) from error


def reason_lost(kept: Value, reader: Result | None = None) -> str | None:
    """Why a value cannot be had any more; None if it can."""
    if kept.format == "json":
        return None
    if kept.format == "lost":
        return kept.data
    try:
        if kept.format == "pickle":
            recall(kept)
            return None
        place = place_of(kept, reader)
        return None if place.exists(place.location or "") else f"nothing is at {place.location!r} any more"
    except Exception as error:
        return str(error)


def held_by(kept: Value | None, reader: Result | None = None) -> Any:
    """What a state holds for a value of the history: itself if that costs nothing, else something that reads it."""
    if kept is None or kept is NOTHING:
        return None
    return json.loads(kept.data) if kept.format == "json" else Recalled(kept, reader)


def column_of(packed: bytes, reader: Result | None = None) -> list[Any]:
    """What the states of the children of a stretch hold."""
    if packed[:1] == COLUMN:
        return list(json.loads(packed[1:]))
    return [held_by(Value(*pair), reader) for pair in json.loads(packed[1:])]


def kept_in(packed: bytes, position: int) -> Value:
    """What is kept of one child of a stretch."""
    found = json.loads(packed[1:])[position]
    return Value("json", json.dumps(found)) if packed[:1] == COLUMN else Value(*found)


def place_of(kept: Value, reader: Result | None = None) -> StoredResult:
    """The result that reads a value from its place."""
    known = result_from(Fields(json.loads(kept.data)))
    if isinstance(known, StoredResult):
        return known
    if not isinstance(reader, StoredResult):
        raise ResultUnreadable("only the `result` of its task can read it, and the task has none now")
    place = reader.at(known.location)
    place.stored = known.stored
    return place


def shown(kept: Value | None, width: int = 200) -> str:
    """A value for people, without unpickling anything."""
    if kept is None:
        return ""
    if kept.format == "json":
        return kept.data if len(kept.data) <= width else kept.data[: width - 1] + "…"
    if kept.format == "pickle":
        return f"<{len(kept.data) * 3 // 4:,} bytes, pickled>"
    if kept.format == "lost":
        return f"<not kept: {kept.data}>"
    document = json.loads(kept.data)
    return f"<at {document.get('location')}>"


__all__ = [
    "Keeper",
    "Recalled",
    "column_of",
    "held_by",
    "kept_in",
    "lost",
    "reason_lost",
    "recall",
    "shown",
]
