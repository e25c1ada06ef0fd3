"""The spool: batches that could not be written wait in files, until the store is back.

```
<home_dir>/spool/<digest of the store's url>/<run id>-<when>.batch      one batch each, complete or not there
```

Batches of a run are written in their order. One that the store refuses, as another process took over the run meanwhile,
is dropped: what it tells did not come to be.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import time_ns

from prefect.store.base import Store
from prefect.store.records import Batch
from prefect.utilities.files import forget, write_file
from prefect.utilities.hashing import digest
from prefect.utilities.logging import get_logger

LOGGER = get_logger("History")
AT_ONCE = 100
"""So many files are written in one transaction."""


@dataclass(frozen=True)
class Spool:
    """Keeps batches for one store.

    Args:
        directory: it is made when there is something to keep.
    """

    directory: str

    def add(self, batches: Sequence[Batch]) -> str:
        """Keep batches; returns where."""
        now = time_ns()
        for number, batch in enumerate(batches):
            name = f"{batch.run}-{batch.epoch:08d}-{now:020d}-{number:06d}.batch"
            write_file(os.path.join(self.directory, name), pickle.dumps(batch, pickle.HIGHEST_PROTOCOL), private=True)
        return self.directory

    def drain(self, store: Store) -> int:
        """Write what waits, and forget it; returns how many batches.

        Raises:
            StoreUnavailable: the store still cannot be used; the rest waits on.
        """
        names = self.waiting()
        for start in range(0, len(names), AT_ONCE):
            found = [(name, self._read(name)) for name in names[start : start + AT_ONCE]]
            refused = store.commit([batch for _, batch in found if batch is not None])
            for run in refused:
                LOGGER.warning("The flow run %s was taken over before all of its history was written.", run)
            for name, _ in found:
                forget(os.path.join(self.directory, name))
        return len(names)

    def waiting(self) -> list[str]:
        """The names of the files, those of each run in their order."""
        with suppress(OSError):  # nothing was ever spooled, or the directory cannot be read
            return sorted(name for name in os.listdir(self.directory) if name.endswith(".batch"))
        return []

    def _read(self, name: str) -> Batch | None:
        path = os.path.join(self.directory, name)
        try:
            with open(path, "rb") as file:
                batch: Batch = pickle.load(file)
            return batch
        except FileNotFoundError:  # another process was quicker
            return None
        except Exception as error:
            LOGGER.warning("The spooled history in %s cannot be read and is left out: %r", path, error)
            return None


def spool_for(url: str, home: str) -> Spool:
    """The spool of a store, in the home directory of this user."""
    return Spool(os.path.join(home, "spool", digest(url) or "store"))
