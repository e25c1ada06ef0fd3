"""Values as objects in a bucket of Amazon S3, or of a store that speaks its language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from typing import Any

from prefect.engine.results.cloud_result import CloudResult, secret_table, vendor

SECRET = "AWS_CREDENTIALS"
KEYS = {"ACCESS_KEY": "aws_access_key_id", "SECRET_ACCESS_KEY": "aws_secret_access_key"}
TOKEN = {"SESSION_TOKEN": "aws_session_token"}

CREDENTIALS = f"Set the secret {SECRET} to a table with {' and '.join(KEYS)}, or let boto3 find its credentials."
BUCKET = "Create the bucket, or correct its name."
PERMISSION = f"Check that the credentials are right and may read and write the bucket. {CREDENTIALS}"

ADVICE = {
    "NoCredentialsError": CREDENTIALS,
    "PartialCredentialsError": CREDENTIALS,
    "NoSuchBucket": BUCKET,
    "403": PERMISSION,
    "AccessDenied": PERMISSION,
    "InvalidAccessKeyId": PERMISSION,
    "SignatureDoesNotMatch": PERMISSION,
}


class S3Result(CloudResult):
    """Keeps values in a bucket of S3; install `prefect-core[aws]`.

    Args:
        bucket: the name of the bucket.
        boto3_kwargs: options for the client of boto3, such as `region_name` or `endpoint_url`. Credentials are those
            given here, else those of the secret `AWS_CREDENTIALS`, else those that boto3 finds.
        upload_options: options for each upload, such as `{"ServerSideEncryption": "AES256"}`: the `ExtraArgs` of boto3.
        **kwargs: the arguments of `Result`; a location is a key in the bucket.
    """

    def __init__(
        self,
        bucket: str,
        boto3_kwargs: Mapping[str, Any] | None = None,
        upload_options: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.boto3_kwargs = dict(boto3_kwargs or {})
        self.upload_options = dict(upload_options or {})

    def connect(self) -> Any:
        """A client of boto3."""
        return session().client("s3", **self.credentials(), **self.boto3_kwargs)

    def credentials(self) -> dict[str, Any]:
        """The credentials of the secret, unless others are given: keys and tokens of two sources do not go together."""
        if "aws_access_key_id" in self.boto3_kwargs:
            return {}
        secret = secret_table(SECRET, required=KEYS) or {}
        return {theirs: secret[ours] for ours, theirs in {**KEYS, **TOKEN}.items() if secret.get(ours)}

    def fetch(self, location: str) -> bytes | None:
        """The bytes of an object."""
        try:
            data: bytes = self.client.get_object(Bucket=self.bucket, Key=location)["Body"].read()
        except Exception as error:
            if code(error) == "NoSuchKey":
                return None
            raise
        return data

    def put(self, location: str, data: bytes) -> None:
        """Upload an object; a large one goes in parts and is seen when all are there."""
        self.client.upload_fileobj(BytesIO(data), self.bucket, location, ExtraArgs=self.upload_options or None)

    def holds(self, location: str) -> bool:
        """Whether there is an object."""
        try:
            self.client.head_object(Bucket=self.bucket, Key=location)
        except Exception as error:
            if code(error) == "404":
                return False
            raise
        return True

    def uri(self, location: str) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self.bucket}/{location}"

    def advice(self, error: Exception) -> str:
        """What to do about an error of boto3."""
        return ADVICE.get(code(error)) or super().advice(error)


@cache
def session() -> Any:
    """One for all clients, because it takes long to learn what S3 can do; not the default one, which is not ours."""
    return vendor("boto3", extra="aws").session.Session()


def code(error: Exception) -> str:
    """What S3 calls an error; the name of its class if it is not from S3."""
    answer = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code") or type(error).__name__)
