"""What states hold besides their result, in documents: each kind of field knows how it is written and read.

A class of states lists its own fields in `FIELDS`:

```python
class Scheduled(Pending):
    FIELDS = {"start_time": MOMENT}      # {"type": "Scheduled", "start_time": "2030-01-01T09:00:00+00:00", …}
```
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from prefect.engine.result.base import Result
from prefect.engine.result.documents import result_document, result_from
from prefect.utilities.documents import Document, Fields, plain_part

FORMAT = 1
"""The format of the documents of states; a change that older code would misread makes it one more."""


class Field(NamedTuple):
    """A kind of field.

    Attributes:
        write: from the value of a state to the one in its document.
        read: back, given the document and the name of the field.
    """

    write: Callable[[Any], Any]
    read: Callable[[Fields, str], Any]


def write_moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def read_moment(fields: Fields, key: str) -> datetime | None:
    return fields.maybe(key, fields.moment)


def read_text(fields: Fields, key: str) -> str | None:
    return fields.maybe(key, fields.text)


def write_facts(values: Mapping[str, Any] | None) -> Document | None:
    """The plain part of a dictionary."""
    return None if values is None else plain_part(values)


def read_facts(fields: Fields, key: str) -> Document | None:
    found = fields.maybe(key, fields.inner)
    return None if found is None else copy.deepcopy(dict(found.values))


def write_result(held: Any) -> Document | None:
    """What a state holds: a result, or a bare value, of which nothing is written."""
    return None if held is None else result_document(held if isinstance(held, Result) else Result())


def read_result(fields: Fields, key: str) -> Result | None:
    found = fields.maybe(key, fields.inner)
    return None if found is None else result_from(found)


def write_inputs(values: Mapping[str, Any] | None) -> Document | None:
    return None if values is None else {name: write_result(each) for name, each in values.items()}


def read_inputs(fields: Fields, key: str) -> dict[str, Any] | None:
    found = fields.maybe(key, fields.inner)
    return None if found is None else {name: read_result(found, name) for name in found.values}


MOMENT = Field(write_moment, read_moment)
NUMBER = Field(lambda number: number, Fields.whole)
TEXT = Field(lambda text: text, read_text)
FACTS = Field(write_facts, read_facts)
RESULT = Field(write_result, read_result)
INPUTS = Field(write_inputs, read_inputs)
