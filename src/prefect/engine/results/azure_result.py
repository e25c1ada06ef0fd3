"""Values as blobs in a container of Azure Storage."""

from __future__ import annotations

import os
from typing import Any

from prefect.engine.results.cloud_result import CloudResult, vendor
from prefect.exceptions import SecretMissing, TaskSettingError
from prefect.utilities.secrets import find_secret

VARIABLE = "AZURE_STORAGE_CONNECTION_STRING"
KEYS = ("accountkey=", "sharedaccesssignature=", "usedevelopmentstorage=")
"""What a connection string contains that brings its own key, in small letters."""

CONTAINER = "Create the container, or correct its name."
PERMISSION = "Check that the connection string, or the identity of this machine, may read and write the container."
REFUSED = (401, 403)


class AzureResult(CloudResult):
    """Keeps values in a container of Azure Storage; install `prefect-core[azure]`.

    A connection string without a key is used with the identity that Azure's `DefaultAzureCredential` finds.

    Args:
        container: the name of the container.
        connection_string: how to reach the account. Better leave it out, and have it in a secret or in the environment
            variable `AZURE_STORAGE_CONNECTION_STRING`: what is given here travels with the flow.
        connection_string_secret: the name of the secret that holds the connection string.
        **kwargs: the arguments of `Result`; a location is the name of a blob in the container.
    """

    def __init__(
        self,
        container: str,
        connection_string: str | None = None,
        connection_string_secret: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.container = container
        self.connection_string = connection_string
        self.connection_string_secret = connection_string_secret

    def connect(self) -> Any:
        """A client of azure-storage-blob."""
        blob = vendor("azure.storage.blob", extra="azure")
        text = self.found_connection_string()
        credential = None if has_key(text) else vendor("azure.identity", extra="azure").DefaultAzureCredential()
        return blob.BlobServiceClient.from_connection_string(text, credential=credential)

    def found_connection_string(self) -> str:
        """The connection string that is given, else that of the secret, else that of the environment."""
        if self.connection_string:
            return self.connection_string
        if self.connection_string_secret:
            return secret_text(self.connection_string_secret)
        if text := os.environ.get(VARIABLE):
            return text
        raise TaskSettingError(
            "This AzureResult knows no connection string: give connection_string or connection_string_secret, "
            f"or set the environment variable {VARIABLE}"
        )

    def fetch(self, location: str) -> bytes | None:
        """The bytes of a blob."""
        try:
            data: bytes = self.blob(location).download_blob().readall()
        except Exception as error:
            if code(error) == "BlobNotFound":
                return None
            raise
        return data

    def put(self, location: str, data: bytes) -> None:
        """Upload a blob; a large one goes in blocks and is seen when all are there."""
        self.blob(location).upload_blob(data, overwrite=True)

    def holds(self, location: str) -> bool:
        """Whether there is a blob."""
        return bool(self.blob(location).exists())

    def blob(self, location: str) -> Any:
        return self.client.get_blob_client(self.container, location)

    def uri(self, location: str) -> str:
        """`azure://container/name`."""
        return f"azure://{self.container}/{location}"

    def advice(self, error: Exception) -> str:
        """What to do about an error of Azure's library."""
        if code(error) == "ContainerNotFound":
            return CONTAINER
        if getattr(error, "status_code", None) in REFUSED or "Credential" in type(error).__name__:
            return PERMISSION
        return super().advice(error)


def secret_text(name: str) -> str:
    text = find_secret(name)
    if not text:
        raise SecretMissing(f"The secret {name!r}, which is to hold the connection string of Azure, is set nowhere")
    return str(text)


def has_key(connection_string: str) -> bool:
    return any(key in connection_string.lower() for key in KEYS)


def code(error: Exception) -> str:
    """What Azure calls an error."""
    return str(getattr(error, "error_code", "") or "")
