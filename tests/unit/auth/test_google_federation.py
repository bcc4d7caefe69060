from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from tests.support.conversations import answer, drive

from tablecloud.auth.google import key_source
from tablecloud.auth.tokens import TokenSource
from tablecloud.auth.ways import token_way
from tablecloud.clock import FakeClock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Request

CLOCK = FakeClock(1_700_000_000.0)
FEDERATED = answer(b'{"access_token":"federated","expires_in":3600}')
ACTED = answer(b'{"accessToken":"t0k","expireTime":"2023-11-14T22:23:20Z"}')
ACCOUNT = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/pool",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
}
ACT = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/robot@p:generateAccessToken"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def source_of(document: dict, scopes: tuple[str, ...] = ()) -> TokenSource:
    return key_source("google", json.dumps(document), scopes=scopes, sub="", clock=CLOCK)


def test_a_pipelines_token_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("jwt-hunter2\n")
    account = {**ACCOUNT, "credential_source": {"file": str(tmp_path / "token")}}
    told = drive(source_of(account, ("s1", "s2")).fetch(), [FEDERATED])
    assert told.value == ("federated", 3600)
    assert parse_qs(told.sent[0].body.decode()) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:token-exchange"],
        "audience": ["//iam.googleapis.com/pool"],
        "scope": ["s1 s2"],
        "requested_token_type": ["urn:ietf:params:oauth:token-type:access_token"],
        "subject_token": ["jwt-hunter2"],
        "subject_token_type": ["urn:ietf:params:oauth:token-type:jwt"],
    }
    assert "jwt-hunter2" in told.sent[0].secrets


def test_a_pipelines_token_behind_an_address_acting_for_an_account() -> None:
    source = {
        "url": "https://pipeline.example.com/token?audience=a",
        "headers": {"Authorization": "Bearer hunter2"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    }
    account = {**ACCOUNT, "credential_source": source, "service_account_impersonation_url": ACT}
    found = source_of(account)
    told = drive(found.fetch(), [answer(b'{"value":"jwt"}'), FEDERATED, ACTED])
    assert told.value == ("t0k", 600)
    asked, traded, acted = told.sent
    assert dict(asked.headers) == {"Authorization": "Bearer hunter2"} and asked.anonymous
    assert parse_qs(traded.body.decode())["subject_token"] == ["jwt"]
    assert (acted.url, dict(acted.headers)["Authorization"]) == (ACT, "Bearer federated")
    assert json.loads(acted.body) == {"scope": [SCOPE], "delegates": [], "lifetime": "3600s"}


def test_a_user_who_acts_for_an_account() -> None:
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    document = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": ACT,
        "source_credentials": user,
        "delegates": ["between@p"],
    }
    told = drive(source_of(document).fetch(), [FEDERATED, ACTED])
    assert told.value == ("t0k", 600)
    assert json.loads(told.sent[1].body)["delegates"] == ["between@p"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"credential_source": {}}, "neither from a file nor from an address"),
        ({"credential_source": {"url": "http://pipeline.example.com"}}, "not https"),
        ({"credential_source": {"file": "f"}, "token_url": "http://sts.example.com"}, "not https"),
        (
            {"credential_source": {"file": "f"}, "service_account_impersonation_url": "http://h"},
            "not https",
        ),
        ({"credential_source": "hunter2"}, "not understood"),
    ],
)
def test_accounts_that_cannot_be_used(changes: dict, word: str) -> None:
    with pytest.raises(CredentialError, match=word) as caught:
        source_of({**ACCOUNT, **changes})
    assert "hunter2" not in caught.value.message


def test_a_token_in_a_field_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "token").write_text('{"other": "hunter2"}')
    source = {"file": str(tmp_path / "token"), "format": {"type": "json", "subject_token_field_name": "x"}}
    told = drive(source_of({**ACCOUNT, "credential_source": source}).fetch(), [])
    assert isinstance(told.error, CredentialError) and "hunter2" not in told.error.message


def test_a_users_calls_say_whose_quota_they_use() -> None:
    user = {"type": "authorized_user", "client_id": "c", "refresh_token": "r", "quota_project_id": "mine"}
    signed = token_way(source_of(user)).sign(Request(http="GET", url="https://h"), "t0k")
    assert dict(signed.headers) == {"Authorization": "Bearer t0k", "x-goog-user-project": "mine"}
