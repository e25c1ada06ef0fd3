"""What is peculiar to each cloud: credentials, options, and what is wrong with them."""

from __future__ import annotations

import json
import pickle
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from botocore.config import Config
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import credentials as google_users
from tests.contract.conftest import GCS, S3, Azure
from tests.contract.stand_ins import KEY, connection_string

import prefect
from prefect.engine.results import AzureResult, GCSResult, S3Result
from prefect.engine.results.cloud_result import CloudResult
from prefect.engine.results.s3_result import session
from prefect.exceptions import ResultStoreError, SecretMissing, TaskSettingError
from prefect.utilities.configuration import set_temporary_config

WORKS = connection_string("http://127.0.0.1:1/devstoreaccount1")
KEYLESS = "AccountName=account;EndpointSuffix=core.windows.net"
USER = {"type": "authorized_user", "client_id": "me", "client_secret": "x", "refresh_token": "y"}

MAKERS: list[Callable[[], CloudResult]] = [
    lambda: S3Result("b", boto3_kwargs={"region_name": "us-east-1"}),
    lambda: GCSResult("b"),
    lambda: AzureResult("b", connection_string=WORKS),
]
makers = pytest.mark.parametrize("make", MAKERS)


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing is found on the machine that runs the tests, and no address outside is asked."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_CONNECTION_STRING"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    session.cache_clear()
    yield
    session.cache_clear()


def used(result: S3Result) -> tuple[str | None, ...]:
    """The credentials that the client of a result works with."""
    found = result.client._request_signer._credentials
    return found.access_key, found.secret_key, found.token


# --- the client -------------------------------------------------------------------------------------------------------


@makers
def test_the_client_is_made_when_it_is_needed_and_shared_by_copies(
    make: Callable[[], CloudResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    result = make()
    assert "_client" not in vars(result)

    client = result.client

    assert result.client is result.at("x").client is result.from_value(1).client is client  # type: ignore[attr-defined]


@makers
def test_the_client_stays_behind_when_the_result_travels(
    make: Callable[[], CloudResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    result = make().at("{x}")
    client = result.client

    again = pickle.loads(pickle.dumps(result))

    assert again == result
    assert "_client" not in vars(again)
    assert again.client is not client


@pytest.mark.parametrize(
    ("make", "module", "extra"),
    [
        (MAKERS[0], "boto3", "aws"),
        (MAKERS[1], "google.cloud.storage", "google"),
        (MAKERS[2], "azure.storage.blob", "azure"),
        (lambda: AzureResult("b", connection_string=KEYLESS), "azure.identity", "azure"),
    ],
)
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    make: Callable[[], CloudResult], module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ImportError, match=rf"{module}.*prefect-core\[{extra}\]"):
        make().read("x")


# --- S3 ---------------------------------------------------------------------------------------------------------------


def test_s3_takes_its_credentials_from_the_secret() -> None:
    secret = {"ACCESS_KEY": "a", "SECRET_ACCESS_KEY": "b", "SESSION_TOKEN": "c"}
    with prefect.context(secrets={"AWS_CREDENTIALS": secret}):
        assert used(S3Result("b")) == ("a", "b", "c")
    with prefect.context(secrets={"AWS_CREDENTIALS": json.dumps({**secret, "SESSION_TOKEN": ""})}):
        assert used(S3Result("b")) == ("a", "b", None)
    with set_temporary_config({"context.secrets": {"AWS_CREDENTIALS": secret}}):
        assert used(S3Result("b")) == ("a", "b", "c")


def test_s3_prefers_the_credentials_that_it_is_given() -> None:
    given = {"aws_access_key_id": "mine", "aws_secret_access_key": "too"}
    with prefect.context(
        secrets={"AWS_CREDENTIALS": {"ACCESS_KEY": "a", "SECRET_ACCESS_KEY": "b", "SESSION_TOKEN": "c"}}
    ):
        assert used(S3Result("b", boto3_kwargs=given)) == ("mine", "too", None)


def test_s3_falls_back_to_what_boto3_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment")
    assert used(S3Result("b"))[:2] == ("from", "environment")


@pytest.mark.parametrize("secret", ["text", {"ACCESS_KEY": "hidden"}, ["hidden"]])
def test_a_secret_of_the_wrong_form_is_an_error_that_does_not_show_it(secret: Any) -> None:
    with (
        prefect.context(secrets={"AWS_CREDENTIALS": secret}),
        pytest.raises(TaskSettingError, match="AWS_CREDENTIALS.*ACCESS_KEY, SECRET_ACCESS_KEY") as caught,
    ):
        S3Result("b").read("x")
    assert "hidden" not in str(caught.value)


def test_s3_without_credentials_says_where_to_put_them(s3: S3) -> None:
    result = S3Result(s3.bucket, boto3_kwargs={"endpoint_url": s3.gate.url, "region_name": "us-east-1"})
    with pytest.raises(ResultStoreError, match="NoCredentialsError.*secret AWS_CREDENTIALS.*ACCESS_KEY"):
        result.read("x")


def test_s3_gives_the_upload_its_options(s3: S3) -> None:
    options = {"ContentType": "text/csv", "Metadata": {"made-by": "a test"}}

    S3Result(s3.bucket, boto3_kwargs=s3.options, upload_options=options, location="x").write(1)

    head = s3.client.head_object(Bucket=s3.bucket, Key="x")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"made-by": "a test"})


def test_s3_uploads_large_values_in_parts(s3: S3) -> None:
    value = bytes(range(256)) * 40_000  # ten million: more than one part holds
    written = s3.result(location="large").write(value)

    assert written.stored is not None
    assert written.stored.size > 10_000_000
    assert s3.client.head_object(Bucket=s3.bucket, Key="large")["ETag"].endswith('-2"')
    assert written.read("large").value == value


def test_s3_reading_from_a_bucket_that_is_not_there_is_no_missing_value(s3: S3) -> None:
    with pytest.raises(ResultStoreError, match="'s3://nowhere/x' could not be read.*Create the bucket"):
        s3.misplaced().read("x")


def test_s3_that_cannot_be_reached_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        options = {
            "endpoint_url": f"http://127.0.0.1:{taken.getsockname()[1]}",
            "config": Config(retries={"total_max_attempts": 1}),
            **{"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"},
        }
        with pytest.raises(ResultStoreError, match="EndpointConnectionError.*can be reached"):
            S3Result("bucket", boto3_kwargs=options).exists("x")


# --- Google -----------------------------------------------------------------------------------------------------------


def test_gcs_takes_its_credentials_from_the_secret() -> None:
    with prefect.context(secrets={"GCP_CREDENTIALS": {**USER, "project_id": "p"}}):
        client = GCSResult("b").client

    assert isinstance(client._credentials, google_users.Credentials)
    assert (client._credentials.client_id, client.project) == ("me", "p")


def test_gcs_takes_the_key_of_a_service_account(service_account: dict[str, str]) -> None:
    with prefect.context(secrets={"GCP_CREDENTIALS": json.dumps(service_account)}):
        client = GCSResult("b").client

    assert client._credentials.service_account_email == "robot@example.com"
    assert client.project == "p"


@pytest.fixture(scope="module")
def service_account() -> dict[str, str]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "p",
        "private_key": key.decode(),
        "client_email": "robot@example.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def test_gcs_with_an_incomplete_key_says_what_is_missing() -> None:
    secret = {"type": "service_account", "private_key": "hidden"}
    with (
        prefect.context(secrets={"GCP_CREDENTIALS": secret}),
        pytest.raises(ResultStoreError, match="client_email") as caught,
    ):
        GCSResult("b").read("x")
    assert "hidden" not in str(caught.value)


def test_gcs_without_credentials_says_where_to_put_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    with pytest.raises(ResultStoreError, match="DefaultCredentialsError.*secret GCP_CREDENTIALS"):
        GCSResult("b").read("x")


def test_gcs_needs_no_credentials_for_a_stand_in(gcs: GCS) -> None:
    assert isinstance(gcs.result().client._credentials, AnonymousCredentials)  # type: ignore[attr-defined]


def test_gcs_without_a_bucket_says_so(gcs: GCS) -> None:
    with pytest.raises(TaskSettingError, match=r"GCSResult\(bucket="):
        GCSResult().write(1)


# --- Azure ------------------------------------------------------------------------------------------------------------


def test_azure_takes_the_connection_string_from_a_secret_or_from_the_environment(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with prefect.context(secrets={"AZURE": azure.address}):
        assert AzureResult(azure.bucket, connection_string_secret="AZURE", location="x").write(1).value == 1
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azure.address)
    assert AzureResult(azure.bucket).read("x").value == 1


def test_azure_without_a_connection_string_says_where_to_put_it() -> None:
    with pytest.raises(TaskSettingError, match="connection_string_secret.*AZURE_STORAGE_CONNECTION_STRING") as caught:
        AzureResult("c").read("x")
    assert isinstance(caught.value, ValueError)
    with pytest.raises(SecretMissing, match="'NOT_SET'"):
        AzureResult("c", connection_string_secret="NOT_SET").read("x")


def test_azure_without_a_key_uses_the_identity_of_the_machine() -> None:
    client = AzureResult("c", connection_string=KEYLESS).client

    assert isinstance(client, BlobServiceClient)
    assert client.url == "https://account.blob.core.windows.net/"
    assert isinstance(client.credential, DefaultAzureCredential)


@pytest.mark.parametrize("signature", [f"AccountKey={KEY}", "SharedAccessSignature=sv=2024&sig=abc"])
def test_azure_with_a_key_or_a_signature_uses_it(signature: str) -> None:
    client = AzureResult("c", connection_string=f"{KEYLESS};{signature}").client

    assert not isinstance(client.credential, DefaultAzureCredential)


def test_azure_with_a_wrong_key_says_what_to_check(azure: Azure) -> None:
    wrong = connection_string(azure.gate.url, key="bm90IHRoZSBrZXk=")

    with pytest.raises(ResultStoreError, match="could not be read.*Check that the connection string"):
        AzureResult(azure.bucket, connection_string=wrong).read("x")


def test_azure_refuses_a_malformed_connection_string_without_showing_it() -> None:
    with pytest.raises(ResultStoreError, match="malformed") as caught:
        AzureResult("c", connection_string="AccountKey=;hidden").read("x")
    assert "hidden" not in str(caught.value)


def test_azure_reading_from_a_container_that_is_not_there_is_no_missing_value(azure: Azure) -> None:
    with pytest.raises(ResultStoreError, match="'azure://nowhere/x' could not be read.*Create the container"):
        azure.misplaced().read("x")
