"""What a value says of itself, for messages and logs: also where it cannot say anything.

A `__repr__` or `__str__` is code of the user, and it may fail, as that of an object whose database session is closed.
That must not hide what the message is about.

```python
repr_of(ValueError(order))   # "ValueError(<its repr failed: DetachedInstanceError: ...>)"
```
"""

from __future__ import annotations

from collections.abc import Callable
from traceback import format_exception_only
from typing import Any


def repr_of(value: Any) -> str:
    """The `repr` of a value, or else its type and what is wrong with its `repr`."""
    return said_by(repr, value)


def text_of(value: Any) -> str:
    """The `str` of a value, or else its type and what is wrong with its `str`."""
    return said_by(str, value)


def said_by(ask: Callable[[Any], str], value: Any) -> str:
    try:
        return ask(value)
    except Exception as error:
        why = "".join(format_exception_only(error)).partition("\n")[0]
        return f"{type(value).__name__}(<its {ask.__name__} failed: {why}>)"
