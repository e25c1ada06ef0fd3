"""Results whose value lies somewhere as bytes: in a file, or as an object in a bucket.

```
write   value ──serializer──▶ bytes ──put───▶ location       the new result remembers size and digest of the bytes
read    value ◀──serializer── bytes ◀──fetch─ location       size and digest have to be the same, where they are known
```

What is stored is exactly what the serializer made, so any program can read it. Size and digest travel with the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from prefect.engine.result.base import Result, Stored, fill
from prefect.exceptions import (
    PrefectException,
    ResultMissing,
    ResultStoreError,
    ResultUnreadable,
    TaskSettingTypeError,
)


class StoredResult(Result):
    """Base of the results that keep a value as bytes at a location; a subclass says how to fetch and put bytes.

    Args:
        **kwargs: the arguments of `Result`.
    """

    _stored: tuple[str | None, Stored | None] = (None, None)
    """A location, and what was stored there: a copy that goes elsewhere does not take one for the other."""

    # --- what a subclass defines --------------------------------------------------------------------------------------

    def fetch(self, location: str) -> bytes | None:
        """The bytes at a location, None if there are none."""
        raise NotImplementedError(f"{type(self).__name__} has to define fetch(location) -> bytes or None")

    def put(self, location: str, data: bytes) -> None:
        """Store bytes at a location, all of them or none, over whatever is there."""
        raise NotImplementedError(f"{type(self).__name__} has to define put(location, data)")

    def holds(self, location: str) -> bool:
        """Whether there is something at a location."""
        raise NotImplementedError(f"{type(self).__name__} has to define holds(location) -> bool")

    def address(self, location: str) -> str:
        """The location that a written result remembers."""
        return location

    def uri(self, location: str) -> str:
        """How errors call a location."""
        return self.address(location)

    def advice(self, error: Exception) -> str:
        """What to do about an error of the store."""
        return "Check that the store can be reached and used from here."

    # --- what they share ----------------------------------------------------------------------------------------------

    def read(self, location: str) -> Result:
        """The value at a location, as a new result.

        Raises:
            ResultMissing: nothing is there.
            ResultUnreadable: it is not what was written, as far as this result knows that, or it is no value.
            ResultStoreError: the store cannot be read.
        """
        new = self.at(location)
        data = self.content(location)
        new.stored = self.checked(location, fingerprint(data), new.stored)
        new.value = self.value_of(location, data)
        return new

    def read_again(self, known: Result) -> Result:
        """The value that another result knows the location of, and perhaps size and digest."""
        here = self.at(known.location)
        here.stored = known.stored
        return here.read(known.location or "")

    def write(self, value_: Any, **kwargs: Any) -> Result:
        """Store a value; the new result knows it, its location, its size and its digest.

        Raises:
            ResultStoreError: the store cannot be written; what was there before still is.
        """
        location = self.address(self.locate(kwargs))
        data = self.bytes_of(value_)
        with self.explained("written", location):
            self.put(location, data)
        new = self.at(location)
        new.value = value_
        new.stored = fingerprint(data)
        return new

    def exists(self, location: str, **kwargs: Any) -> bool:
        """Whether a value is stored at a location; with `kwargs` the location is a template to fill first."""
        filled = fill(location, kwargs) if kwargs else location
        with self.explained("looked for", filled):
            return self.holds(filled)

    @property
    def stored(self) -> Stored | None:
        """Size and digest of what is stored at the location, once it was written or read."""
        location, stored = self._stored
        return stored if location == self.location else None

    @stored.setter
    def stored(self, stored: Stored | None) -> None:
        self._stored = (self.location, stored)

    # --- from values to bytes and back --------------------------------------------------------------------------------

    def bytes_of(self, value: Any) -> bytes:
        data = self.serializer.serialize(value)
        if isinstance(data, bytes | bytearray | memoryview):
            return bytes(data)
        raise TaskSettingTypeError(
            f"A serializer has to return bytes, but {self.serializer!r} returned {type(data).__name__}: encode it"
        )

    def content(self, location: str) -> bytes:
        with self.explained("read", location):
            data = self.fetch(location)
        if data is None:
            raise ResultMissing(
                f"No result is stored at {self.uri(location)!r}: check the location and the settings of this "
                f"{type(self).__name__}, or run the task that writes it"
            )
        return data

    def checked(self, location: str, found: Stored, known: Stored | None) -> Stored:
        if known is None or found == known:
            return found
        raise ResultUnreadable(
            f"{self.uri(location)!r} {difference(found, known)}: it was damaged, or something else was written there. "
            "Delete it and run the task again to have the value made anew; "
            f"to take what is there, read it with a new {type(self).__name__}"
        )

    def value_of(self, location: str, data: bytes) -> Any:
        try:
            return self.serializer.deserialize(data)
        except Exception as error:
            raise ResultUnreadable(
                f"{self.uri(location)!r} does not hold a value that {self.serializer!r} can read "
                f"({summary(error)}). Choose the serializer that it was written with; "
                "if it is damaged, delete it to have the value made again"
            ) from error

    @contextmanager
    def explained(self, done: str, location: str) -> Iterator[None]:
        """Say of errors of the store which location they are about, and what to do."""
        try:
            yield
        except (PrefectException, ImportError, NotImplementedError):  # these say so already
            raise
        except Exception as error:
            raise ResultStoreError(
                f"{self.uri(location)!r} could not be {done} ({summary(error)}). {self.advice(error)}"
            ) from error


def summary(error: Exception) -> str:
    """The class of an error and the first line of what it says."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def fingerprint(data: bytes) -> Stored:
    return Stored(len(data), blake2b(data, digest_size=16).hexdigest())


def difference(found: Stored, known: Stored) -> str:
    if found.size != known.size:
        return f"holds {found.size} bytes, {known.size} were written"
    return f"holds other bytes than were written (their digest is {found.digest}, not {known.digest})"
