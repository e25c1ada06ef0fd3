"""Where a database file may lie: a private file, on a disk of this machine."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

MOUNTS = "/proc/self/mounts"

NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gluster", "beegfs", "gpfs", "fuse.sshfs", "fuse.gluster")
"""How the names of file systems begin to which other machines may write, too. SQLite's processes find each other in
memory that they share, and no other machine shares that."""

OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """A file system in its place."""

    point: str
    kind: str


def private_file(path: str) -> None:
    """Make an empty file that only this user can read, in a directory likewise; what is there stays as it is."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    # A database that is there must not be opened and closed: SQLite would lose the locks that it has in this process.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def identity(path: str) -> tuple[int, int] | None:
    """What stays the same as long as a path leads to the same file; None if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def size_of(path: str) -> int:
    """The size of a file; 0 if there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def network_file_system(path: str, mounts: str = MOUNTS) -> str | None:
    """The type of the network file system that a path lies on; None for a disk of this machine, or if nobody knows."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            every = [mount(line) for line in file]
    except OSError:
        return None
    # The innermost counts, and of those in one place the last, which covers the others.
    above = [each for each in reversed(every) if contains(each.point, path)]
    kind = max(above, key=lambda each: len(each.point), default=Mount("", "")).kind
    return kind if kind.startswith(NETWORK) else None


def mount(line: str) -> Mount:
    """What a line such as `server:/home /home nfs4 rw 0 0` says; blanks in names are written as octal numbers."""
    _, point, kind, *_ = line.split(" ")
    return Mount(OCTAL.sub(lambda match: chr(int(match[1], 8)), point), kind)


def contains(directory: str, path: str) -> bool:
    return os.path.join(os.path.realpath(path), "").startswith(os.path.join(directory, ""))
