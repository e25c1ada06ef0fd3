"""Documents: plain values as JSON has them, and a reader that trusts none of them.

```python
fields = Fields({"name": "etl", "edges": [{"upstream_task": "a"}, {"upstream_task": 7}]})

fields.text("name")                              # 'etl'
fields.each("edges")[1].text("upstream_task")    # DocumentError: edges[1].upstream_task: …
```

Whoever reads a document asks for each value together with its type, so a broken document is found out before anything
is made of it, and the error names the path of the culprit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from prefect.exceptions import DocumentError, PrefectException
from prefect.utilities.version import __version__

T = TypeVar("T")

Document = dict[str, Any]

WITHHELD = "secrets"
"""The key of dictionaries, such as the context, whose value never gets into a document."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A part of a document to be read.

    Attributes:
        values: what it holds.
        path: where it stands in the whole document; empty for the whole.
    """

    values: Mapping[str, Any]
    path: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.values, Mapping):
            raise DocumentError(f"{self.path or 'the document'}: {shown(self.values)} is no object with named values")

    def at(self, key: str) -> str:
        """The path of a value; without a key, of this part itself."""
        return ".".join(each for each in (self.path, key) if each)

    def wrong(self, key: str, problem: object, cause: Exception | None = None) -> NoReturn:
        """Refuse a value."""
        raise DocumentError(f"{self.at(key)}: {problem}") from cause

    def value(self, key: str) -> Any:
        """Any value that is there."""
        if key not in self.values:
            self.wrong(key, "is missing")
        return self.values[key]

    def text(self, key: str) -> str:
        return self._of(key, str, "text")

    def flag(self, key: str) -> bool:
        return self._of(key, bool, "true or false")

    def listed(self, key: str) -> list[Any]:
        return self._of(key, list, "a list")

    def whole(self, key: str, least: int | None = None) -> int:
        """A whole number, not below a bound."""
        number = self._of(key, int, "a whole number")
        if least is not None and number < least:
            self.wrong(key, f"{number} is less than {least}")
        return number

    def number(self, key: str) -> float:
        return self._of(key, (int, float), "a number")  # type: ignore[arg-type]

    def texts(self, key: str) -> list[str]:
        for index, each in enumerate(self.listed(key)):
            if not isinstance(each, str):
                self.wrong(f"{key}[{index}]", f"{shown(each)} is no text")
        return self.listed(key)

    def inner(self, key: str) -> Fields:
        """The part that stands under a key."""
        return Fields(self.value(key), self.at(key))

    def each(self, key: str) -> list[Fields]:
        """The parts of a list."""
        return [self.part(key, index) for index in range(len(self.listed(key)))]

    def part(self, key: str, index: int) -> Fields:
        """One part of a list."""
        return Fields(self.value(key)[index], f"{self.at(key)}[{index}]")

    def moment(self, key: str) -> datetime:
        """A point in time, in ISO 8601."""
        return self.made(key, datetime.fromisoformat, self.text(key))

    def maybe(self, key: str, read: Callable[[str], T]) -> T | None:
        """A value that may be null: `fields.maybe("message", fields.text)`."""
        return None if self.value(key) is None else read(key)

    def made(self, key: str, make: Callable[..., T], *arguments: Any) -> T:
        """What is made of a value; if that cannot be, the error names the path."""
        try:
            return make(*arguments)
        except DocumentError:
            raise
        except (PrefectException, TypeError, ValueError, LookupError, OverflowError) as error:
            self.wrong(key, error, error)

    def check_format(self, newest: int) -> None:
        """Refuse a document of a format that came later than this code."""
        number = self.whole("format", least=1)
        if number > newest:
            self.wrong(
                "format",
                f"this document has the format {number}, and prefect-core {__version__} reads formats up to {newest}. "
                "Update prefect-core to read it",
            )

    def _of(self, key: str, kind: type[T], name: str) -> T:
        value = self.value(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.wrong(key, f"{shown(value)} is not {name}")
        return value


def shown(value: Any) -> str:
    """A value in an error: its beginning, for documents can be long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


# --- plain values -----------------------------------------------------------------------------------------------------


def is_plain(value: Any) -> bool:
    """Does JSON give this value back as it is?"""
    if type(value) is float:
        return math.isfinite(value)
    if type(value) is list:
        return all(map(is_plain, value))
    if type(value) is dict:
        return WITHHELD not in value and all(type(key) is str and is_plain(each) for key, each in value.items())
    return value is None or type(value) in (str, int, bool)


def plain_part(values: Mapping[Any, Any]) -> Document:
    """What of a dictionary is plain; secrets are left out, however deep they are."""
    found: Document = {}
    for key, value in values.items():
        if type(key) is not str or key == WITHHELD:
            continue
        if isinstance(value, dict):
            found[key] = plain_part(value)
        elif is_plain(value):
            found[key] = copy.deepcopy(value)
    return found
