"""Stores to keep values in: a directory, and clouds on loopback."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from azure.storage.blob import BlobServiceClient
from gcp_storage_emulator.server import create_server
from google.cloud import storage
from moto.server import ThreadedMotoServer
from tests.contract import postgres as postgres_server
from tests.contract.stand_ins import Blobs, Gate, azurite, connection_string, served

from prefect.engine.result import StoredResult
from prefect.engine.results import AzureResult, GCSResult, LocalResult, S3Result

AZURITE = shutil.which("azurite-blob")
STORES = ["local", "s3", "gcs", "azure", *(["azurite"] if AZURITE else [])]

AWS = {"aws_access_key_id": "me", "aws_secret_access_key": "mine", "region_name": "us-east-1"}


class Store:
    """A place of its own for one test, and a way to it that does not go through a result."""

    def result(self, **kwargs: Any) -> StoredResult:
        """A result that keeps its values here."""
        raise NotImplementedError

    def misplaced(self, **kwargs: Any) -> StoredResult:
        """A result whose bucket, or whatever it is, does not exist and cannot be made."""
        raise NotImplementedError

    def get(self, location: str) -> bytes:
        """What is really stored."""
        raise NotImplementedError

    def put(self, location: str, data: bytes) -> None:
        """Put anything there."""
        raise NotImplementedError

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Writing fails as long as this lasts."""
        raise NotImplementedError
        yield


class Directory(Store):
    def __init__(self, path: Path) -> None:
        self.path = path

    def result(self, **kwargs: Any) -> StoredResult:
        return LocalResult(self.path, **kwargs)

    def misplaced(self, **kwargs: Any) -> StoredResult:
        (self.path / "file").write_bytes(b"in the way")
        return LocalResult(self.path / "file", **kwargs)

    def get(self, location: str) -> bytes:
        return (self.path / location).read_bytes()

    def put(self, location: str, data: bytes) -> None:
        (self.path / location).parent.mkdir(parents=True, exist_ok=True)
        (self.path / location).write_bytes(data)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Cloud(Store):
    """A bucket behind a gate."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.bucket = f"bucket-{uuid4().hex[:12]}"

    @contextmanager
    def refusing(self) -> Iterator[None]:
        refused = self.gate.refused
        self.gate.closed = True
        try:
            yield
        finally:
            self.gate.closed = False
        assert self.gate.refused > refused, "nobody tried to write"


class S3(Cloud):
    def __init__(self, gate: Gate) -> None:
        super().__init__(gate)
        self.options = {**AWS, "endpoint_url": gate.url}
        self.client = boto3.session.Session().client("s3", **self.options)
        self.client.create_bucket(Bucket=self.bucket)

    def result(self, **kwargs: Any) -> StoredResult:
        return S3Result(self.bucket, boto3_kwargs=self.options, **kwargs)

    def misplaced(self, **kwargs: Any) -> StoredResult:
        return S3Result("nowhere", boto3_kwargs=self.options, **kwargs)

    def get(self, location: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.bucket, Key=location)["Body"].read()
        return body

    def put(self, location: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=location, Body=data)


class GCS(Cloud):
    def __init__(self, gate: Gate) -> None:
        super().__init__(gate)
        self.handle = storage.Client().create_bucket(self.bucket)

    def result(self, **kwargs: Any) -> StoredResult:
        return GCSResult(self.bucket, **kwargs)

    def misplaced(self, **kwargs: Any) -> StoredResult:
        return GCSResult("nowhere", **kwargs)

    def get(self, location: str) -> bytes:
        data: bytes = self.handle.blob(location).download_as_bytes()
        return data

    def put(self, location: str, data: bytes) -> None:
        self.handle.blob(location).upload_from_string(data)


class Azure(Cloud):
    def __init__(self, gate: Gate) -> None:
        super().__init__(gate)
        self.address = connection_string(gate.url)
        self.handle = BlobServiceClient.from_connection_string(self.address).create_container(self.bucket)

    def result(self, **kwargs: Any) -> StoredResult:
        return AzureResult(self.bucket, connection_string=self.address, **kwargs)

    def misplaced(self, **kwargs: Any) -> StoredResult:
        return AzureResult("nowhere", connection_string=self.address, **kwargs)

    def get(self, location: str) -> bytes:
        data: bytes = self.handle.download_blob(location).readall()
        return data

    def put(self, location: str, data: bytes) -> None:
        self.handle.upload_blob(location, data, overwrite=True)


# --- servers ----------------------------------------------------------------------------------------------------------


@contextmanager
def gate_before(url: str) -> Iterator[Gate]:
    gate = Gate(url)
    with served(gate):
        yield gate


@pytest.fixture(scope="session")
def s3_gate() -> Iterator[Gate]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with gate_before(f"http://{host}:{port}") as gate:
        yield gate
    server.stop()


@pytest.fixture(scope="session")
def gcs_gate() -> Iterator[Gate]:
    server = create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    with gate_before(f"http://127.0.0.1:{server._api._httpd.server_port}") as gate:
        yield gate
    server.stop()


@pytest.fixture(scope="session")
def azure_gate() -> Iterator[Gate]:
    blobs = Blobs()
    with served(blobs), gate_before(blobs.url) as gate:
        yield gate


@pytest.fixture(scope="session")
def azurite_gate() -> Iterator[Gate]:
    with azurite(str(AZURITE)) as url, gate_before(url) as gate:
        yield gate


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a database on a real PostgreSQL server."""
    with postgres_server.server() as url:
        yield url


@pytest.fixture
def s3(s3_gate: Gate) -> S3:
    return S3(s3_gate)


@pytest.fixture
def gcs(gcs_gate: Gate, monkeypatch: pytest.MonkeyPatch) -> GCS:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_gate.url)
    return GCS(gcs_gate)


@pytest.fixture
def azure(azure_gate: Gate) -> Azure:
    return Azure(azure_gate)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return Directory(tmp_path)
    if request.param == "azurite":
        return Azure(request.getfixturevalue("azurite_gate"))
    found: Store = request.getfixturevalue(request.param)
    return found
