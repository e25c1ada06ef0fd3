"""Values as objects in a bucket of Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.engine.results.cloud_result import CloudResult, secret_table, vendor
from prefect.exceptions import TaskSettingError

SECRET = "GCP_CREDENTIALS"
CREDENTIALS = f"Set the secret {SECRET} to the key of a service account, or log in with `gcloud auth`."
BUCKET = "Create the bucket, or correct its name."
PERMISSION = f"Check that the credentials are right and may read and write the bucket. {CREDENTIALS}"

ADVICE = {
    "DefaultCredentialsError": CREDENTIALS,
    "RefreshError": CREDENTIALS,
    "NotFound": BUCKET,
    "Forbidden": PERMISSION,
    "Unauthorized": PERMISSION,
}


class GCSResult(CloudResult):
    """Keeps values in a bucket of Google Cloud Storage; install `prefect-core[google]`.

    Credentials are those of the secret `GCP_CREDENTIALS`, else those that Google's library finds.

    Args:
        bucket: the name of the bucket.
        **kwargs: the arguments of `Result`; a location is the name of an object in the bucket.
    """

    def __init__(self, bucket: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket

    def connect(self) -> Any:
        """A client of google-cloud-storage."""
        storage = vendor("google.cloud.storage", extra="google")
        secret = secret_table(SECRET, required=["type"])
        if secret is None:
            return storage.Client()
        return storage.Client(project=secret.get("project_id"), credentials=credentials(secret))

    def blob(self, location: str) -> Any:
        if not self.bucket:
            raise TaskSettingError("This GCSResult has no bucket: create it with GCSResult(bucket=...)")
        return self.client.bucket(self.bucket).blob(location)

    def fetch(self, location: str) -> bytes | None:
        """The bytes of an object; Google does not say whether it is the object or the bucket that is missing."""
        blob = self.blob(location)
        try:
            data: bytes = blob.download_as_bytes()
        except Exception as error:
            if type(error).__name__ == "NotFound":
                return None
            raise
        return data

    def put(self, location: str, data: bytes) -> None:
        """Upload an object; it is seen when all of it is there."""
        self.blob(location).upload_from_string(data, content_type="application/octet-stream")

    def holds(self, location: str) -> bool:
        """Whether there is an object."""
        return bool(self.blob(location).exists())

    def uri(self, location: str) -> str:
        """`gs://bucket/name`."""
        return f"gs://{self.bucket}/{location}"

    def advice(self, error: Exception) -> str:
        """What to do about an error of Google's library."""
        return ADVICE.get(type(error).__name__) or super().advice(error)


def credentials(secret: Mapping[str, Any]) -> Any:
    """The credentials that a secret spells: the key of a service account, or a user's login."""
    if secret["type"] == "authorized_user":
        return vendor("google.oauth2.credentials", extra="google").Credentials.from_authorized_user_info(secret)
    service_account = vendor("google.oauth2.service_account", extra="google")
    return service_account.Credentials.from_service_account_info(secret)
