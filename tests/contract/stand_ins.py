"""What stands in for the cloud on loopback: servers that speak the protocols of the stores, and a gate before them.

```
S3Result    ─boto3──────────────▶ Gate ─▶ moto
GCSResult   ─google-cloud-storage▶ Gate ─▶ gcp-storage-emulator
AzureResult ─azure-storage-blob──▶ Gate ─▶ Blobs, or azurite where it is installed
```
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and the key that everybody uses for tests of Azure Storage; they open nothing else."""

SIGNED = (
    *("Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date"),
    *("If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"),
)
"""The headers that `SharedKey` signs, in its order."""

LONG_AGO = "Mon, 01 Jan 2024 00:00:00 GMT"


class Handler(BaseHTTPRequestHandler):
    """Reads the body of a request, and answers whole."""

    protocol_version = "HTTP/1.1"
    server: Any
    body: bytes

    def parse_request(self) -> bool:
        parsed = super().parse_request()
        if parsed:
            self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return parsed

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests that pass are quiet."""


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- the gate ---------------------------------------------------------------------------------------------------------


class Gate(ThreadingHTTPServer):
    """Passes every request on to a store; closed, it refuses those that would change something."""

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), GateHandler)
        self.target = urlsplit(url)
        self.url = f"http://127.0.0.1:{self.server_port}{self.target.path}"
        self.closed = False
        self.refused = 0


class GateHandler(Handler):
    def do_GET(self) -> None:
        status, headers, body = self.forwarded()
        length = {"Content-Length": headers["Content-Length"]} if "Content-Length" in headers else {}
        self.answer(status, body, {name: headers[name] for name in headers if passed_on(name)} | length)

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        if not self.server.closed:
            return self.do_GET()
        self.server.refused += 1
        return self.answer(HTTPStatus.FORBIDDEN)

    do_POST = do_PUT

    def forwarded(self) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = http.client.HTTPConnection(self.server.target.hostname, self.server.target.port)
        try:
            connection.request(self.command, self.path, self.body, dict(self.headers.items()))
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()


def passed_on(header: str) -> bool:
    return header.lower() not in ("connection", "content-length", "keep-alive", "transfer-encoding")


# --- Azure ------------------------------------------------------------------------------------------------------------


class Blobs(ThreadingHTTPServer):
    """A few calls of the Blob service: containers are made, blobs put, read and looked for. Signatures are checked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), BlobHandler)
        self.url = f"http://127.0.0.1:{self.server_port}/{ACCOUNT}"
        self.containers: dict[str, dict[str, bytes]] = {}


class BlobHandler(Handler):
    def do_PUT(self) -> None:
        container, name, query = self.asked_for()
        if not self.signed():
            return self.error(HTTPStatus.FORBIDDEN, "AuthenticationFailed")
        if query.get("restype") == "container":
            self.server.containers.setdefault(container, {})
        elif query or self.headers["x-ms-blob-type"] != "BlockBlob":
            return self.error(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented")
        elif container not in self.server.containers:
            return self.error(HTTPStatus.NOT_FOUND, "ContainerNotFound")
        else:
            self.server.containers[container][name] = self.body
        return self.answer(HTTPStatus.CREATED, headers={"ETag": '"1"', "Last-Modified": LONG_AGO})

    def do_GET(self) -> None:
        container, name, _ = self.asked_for()
        if not self.signed():
            return self.error(HTTPStatus.FORBIDDEN, "AuthenticationFailed")
        if container not in self.server.containers:
            return self.error(HTTPStatus.NOT_FOUND, "ContainerNotFound")
        if name not in self.server.containers[container]:
            return self.error(HTTPStatus.NOT_FOUND, "BlobNotFound")
        return self.blob(self.server.containers[container][name])

    do_HEAD = do_GET

    def blob(self, data: bytes) -> None:
        headers = {"ETag": '"1"', "Last-Modified": LONG_AGO, "x-ms-blob-type": "BlockBlob"}
        asked = self.headers["x-ms-range"]
        if asked is None:
            return self.answer(HTTPStatus.OK, data, headers)
        start, end = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        if start >= len(data):
            return self.error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "InvalidRange")
        part = data[start : end + 1]
        headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
        return self.answer(HTTPStatus.PARTIAL_CONTENT, part, headers)

    def asked_for(self) -> tuple[str, str, dict[str, str]]:
        """Container, blob and query of the request."""
        url = urlsplit(self.path)
        container, _, name = url.path.removeprefix(f"/{ACCOUNT}/").partition("/")
        return container, unquote(name), dict(parse_qsl(url.query))

    def error(self, status: int, code: str) -> None:
        self.answer(status, headers={"x-ms-error-code": code})

    def signed(self) -> bool:
        signature = hmac.new(b64decode(KEY), self.text_to_sign().encode(), hashlib.sha256).digest()
        return bool(self.headers["Authorization"] == f"SharedKey {ACCOUNT}:{b64encode(signature).decode()}")

    def text_to_sign(self) -> str:
        """What the scheme `SharedKey` signs."""
        length = self.headers.get("Content-Length", "0")
        plain = {"Content-Length": "" if length == "0" else length}
        lines = [self.command, *(plain.get(name, self.headers.get(name, "")) for name in SIGNED)]
        ours = sorted((name.lower(), value) for name, value in self.headers.items() if name.lower()[:5] == "x-ms-")
        url = urlsplit(self.path)
        query = [f"{name}:{value}" for name, value in sorted(parse_qsl(url.query))]
        resource = f"/{ACCOUNT}{url.path}"
        return "\n".join([*lines, *(f"{name}:{value}" for name, value in ours), resource, *query])


def connection_string(url: str, key: str = KEY) -> str:
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={url}"


@contextmanager
def azurite(command: str) -> Iterator[str]:
    """Microsoft's own stand-in, as a process; its address."""
    options = "--blobPort 0 --inMemoryPersistence --silent --disableTelemetry --skipApiVersionCheck"
    process = subprocess.Popen([command, *options.split()], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        listens = next(line for line in process.stdout if "listens on" in line)
        yield f"{listens.split()[-1]}/{ACCOUNT}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
