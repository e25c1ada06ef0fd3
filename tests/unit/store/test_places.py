"""Where a database file may lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect.store.places import network_file_system, private_file


@pytest.fixture
def mounts(tmp_path: Path) -> str:
    """A table of mounts, as Linux writes it."""
    path = tmp_path / "mounts"
    path.write_text(
        "/dev/vda / ext4 rw 0 0\n"
        "server:/home /home nfs4 rw 0 0\n"
        "/dev/vdb /home/me/disk xfs rw 0 0\n"
        "//server/share /mnt/our\\040files cifs rw 0 0\n"
        "/dev/vdc /data ext4 rw 0 0\n"
        "server:/data /data fuse.sshfs rw 0 0\n"
    )
    return str(path)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/history.db", None),
        ("/homes/history.db", None),
        ("/home/me/.prefect/history.db", "nfs4"),
        ("/home/me/disk/history.db", None),
        ("/mnt/our files/history.db", "cifs"),
        ("/data/history.db", "fuse.sshfs"),
    ],
)
def test_the_innermost_and_last_mount_tells_where_a_path_lies(mounts: str, path: str, kind: str | None) -> None:
    assert network_file_system(path, mounts) == kind


def test_without_a_table_of_mounts_nobody_knows(tmp_path: Path) -> None:
    assert network_file_system("/history.db", str(tmp_path / "nothing")) is None


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"content")
    path.chmod(0o640)

    private_file(str(path))

    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o640
