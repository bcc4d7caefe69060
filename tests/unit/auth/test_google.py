from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tests.support.conversations import answer, drive

from tablecloud.auth.google import find_default, gcloud_source, key_source, metadata_source
from tablecloud.clock import FakeClock
from tablecloud.errors import CredentialError

CLOCK = FakeClock()
TOKEN = answer(b'{"access_token":"t0k","expires_in":1799,"token_type":"Bearer"}')


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def key_text(private: rsa.RSAPrivateKey) -> str:
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "robot@p.iam.gserviceaccount.com",
            "private_key": pem,
            "private_key_id": "kid1",
            "token_uri": "https://oauth2.googleapis.com/token",
            "project_id": "p",
        }
    )


def source_of(text: str, scopes: tuple[str, ...] = (), sub: str = ""):
    return key_source("google", text, scopes=scopes, sub=sub, clock=CLOCK)


def decoded(part: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_service_account_signs_its_request(key_text: str, private: rsa.RSAPrivateKey) -> None:
    told = drive(source_of(key_text, scopes=("s1", "s2"), sub="boss@x").fetch(), [TOKEN])
    assert told.value == ("t0k", 1799)
    (request,) = told.sent
    assert (request.http, request.url, request.anonymous) == (
        "POST",
        "https://oauth2.googleapis.com/token",
        True,
    )
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = form["assertion"][0].split(".")
    assert decoded(head) == {"alg": "RS256", "typ": "JWT", "kid": "kid1"}
    now = int(CLOCK.now())
    assert decoded(claims) == {
        "iss": "robot@p.iam.gserviceaccount.com",
        "scope": "s1 s2",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": now,
        "exp": now + 3600,
        "sub": "boss@x",
    }
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    private.public_key().verify(raw, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())


def test_tokens_of_different_scopes_or_subjects_are_kept_apart(key_text: str) -> None:
    keys = {source_of(key_text).key, source_of(key_text, scopes=("a",)).key, source_of(key_text, sub="b").key}
    assert len(keys) == 3


def test_a_users_login() -> None:
    login = {"type": "authorized_user", "client_id": "c", "client_secret": "cs", "refresh_token": "rt"}
    told = drive(source_of(json.dumps(login)).fetch(), [TOKEN])
    assert told.value[0] == "t0k"
    assert parse_qs(told.sent[0].body.decode())["refresh_token"] == ["rt"]


def test_a_refusal_names_the_reason_and_no_secret() -> None:
    login = {
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": "cs-hunter2",
        "refresh_token": "rt-hunter2",
    }
    refused = answer(b'{"error":"invalid_grant","error_description":"rt-hunter2 expired"}', status=400)
    told = drive(source_of(json.dumps(login)).fetch(), [refused])
    assert isinstance(told.error, CredentialError)
    assert "invalid_grant" in told.error.message and "hunter2" not in told.error.message


def test_an_answer_without_a_token() -> None:
    login = {"type": "authorized_user", "client_id": "c", "client_secret": "cs", "refresh_token": "rt"}
    assert isinstance(drive(source_of(json.dumps(login)).fetch(), [answer(b"[]")]).error, CredentialError)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "impersonated_service_account", "service_account_impersonation_url": "https://h"}',
        "not json hunter2",
        '{"type": "service_account", "client_email": "hunter2"}',
        '{"type": "external_account"}',
        '{"type": "authorized_user", "refresh_token": "hunter2", "token_uri": "http://evil.test/"}',
    ],
)
def test_files_that_are_no_keys(text: str) -> None:
    with pytest.raises(CredentialError) as caught:
        source_of(text)
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("pem", ["garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_broken_private_key(pem: str) -> None:
    text = json.dumps({"type": "service_account", "client_email": "e", "private_key": pem})
    assert isinstance(drive(source_of(text).fetch(), []).error, CredentialError)


def test_where_defaults_are_looked_for(tmp_path: Path) -> None:
    def login(name: str) -> str:
        return json.dumps({"type": "authorized_user", "client_id": name, "refresh_token": "r"})

    (tmp_path / "named.json").write_text(login("named"))
    (tmp_path / "application_default_credentials.json").write_text(login("gcloud"))
    environ = {
        "GOOGLE_CREDENTIALS": login("text"),
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "named.json"),
        "CLOUDSDK_CONFIG": str(tmp_path),
    }
    for variable, who in (
        ("GOOGLE_CREDENTIALS", "text"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "named"),
        ("CLOUDSDK_CONFIG", "gcloud"),
    ):
        source = find_default("google", environ, CLOCK)
        assert source is not None and f" {who} " in source.key
        del environ[variable]
    assert find_default("google", {"HOME": str(tmp_path)}, CLOCK) is None


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match=r"gone\.json"):
        find_default("google", {"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "gone.json")}, CLOCK)


def test_the_metadata_server() -> None:
    told = drive(metadata_source("google", {"GCE_METADATA_HOST": "127.0.0.1:8"}).fetch(), [TOKEN])
    assert told.value[0] == "t0k"
    assert told.sent[0].url.startswith("http://127.0.0.1:8/computeMetadata/v1/")
    assert told.sent[0].headers == (("Metadata-Flavor", "Google"),)


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "gcloud"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return program


def install(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def really_wait(seconds: float) -> None:
    import time

    time.sleep(seconds)


def test_gcloud_is_asked(gcloud: Path) -> None:
    install(gcloud, 'echo "t0k for $*"')
    told = drive(gcloud_source("google").fetch(), [], on_pause=really_wait)
    assert told.value[0] == "t0k for auth print-access-token"


def test_gcloud_that_fails_says_why(gcloud: Path) -> None:
    install(gcloud, "echo 'you are not logged in' >&2; exit 1")
    told = drive(gcloud_source("google").fetch(), [], on_pause=really_wait)
    assert isinstance(told.error, CredentialError) and "not logged in" in told.error.message


def test_a_gcloud_that_is_given_up_is_ended(gcloud: Path) -> None:
    noted = gcloud.parent / "pid"
    install(gcloud, f"echo $$ > {noted}.new; mv {noted}.new {noted}; exec sleep 600")
    fetch = gcloud_source("google").fetch()
    while not noted.exists():
        really_wait(next(fetch).seconds)
    fetch.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)


def test_without_gcloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CredentialError, match="not installed"):
        gcloud_source("google")
