"""Where secrets are looked up: the context first, then the configuration.

```
with prefect.context(secrets={"NAME": …})      ◀─ before ─      [context.secrets] of the configuration
```
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefect.configuration import config
from prefect.utilities.context import lookup


def find_secret(name: str) -> Any:
    """The value of a secret, None if it is set nowhere; text that is JSON is read as such."""
    return next((decoded(place[name]) for place in places() if name in place), None)


def places() -> Iterator[Mapping[str, Any]]:
    """Where secrets are, the nearest first."""
    yield lookup("secrets") or {}
    yield config.get("context", {}).get("secrets", {})


def decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
