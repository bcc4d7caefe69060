from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import parse_qs

import pytest
from tests.support.conversations import Told, answer, drive

from tablecloud.auth.oauth2 import client_source, expand_address
from tablecloud.auth.spec import AuthSpec
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Response

TOKEN = answer(b'{"access_token":"t0k","expires_in":3600}')
ENVIRON = {"ID": "my id", "SECRET": "hunter2:&", "TENANT": "a/b"}


@dataclass
class Block:
    token_url: str = "https://idp.example.com/token"

    def spec(self, **extra) -> AuthSpec:
        given = {"client_id_env_var": "ID", "client_secret_env_var": "SECRET", "token_url": self.token_url}
        return AuthSpec(type="oauth2", **{**given, **extra})


def fetch(spec: AuthSpec, *answers: Response) -> Told:
    return drive(client_source("acme", spec, ENVIRON).fetch(), answers)


def form(told: Told, number: int = 0) -> dict[str, list[str]]:
    return parse_qs(told.sent[number].body.decode())


def test_the_secret_goes_into_the_header_first() -> None:
    told = fetch(Block().spec(scopes=("a", "b"), values={"audience": ("x", "y")}), TOKEN)
    assert told.value == ("t0k", 3600)
    assert form(told) == {
        "grant_type": ["client_credentials"],
        "audience": ["x", "y"],
        "scope": ["a b"],
    }
    pair = base64.b64encode(b"my+id:hunter2%3A%26").decode()
    assert dict(told.sent[0].headers)["Authorization"] == f"Basic {pair}"
    assert told.sent[0].anonymous


def test_a_service_that_wants_it_in_the_form_gets_it_there() -> None:
    told = fetch(Block().spec(), answer(b'{"error":"invalid_client"}', status=401), TOKEN)
    assert told.value == ("t0k", 3600)
    assert form(told, 1)["client_secret"] == ["hunter2:&"]
    assert "Authorization" not in dict(told.sent[1].headers)


@pytest.mark.parametrize(("style", "in_form"), [(1, True), (2, False)])
def test_a_style_that_is_said_is_the_only_one_tried(style: int, in_form: bool) -> None:
    told = fetch(Block().spec(auth_style=style), answer(b'{"error":"invalid_client"}', status=401))
    assert isinstance(told.error, CredentialError) and "invalid_client" in told.error.message
    assert ("client_secret" in form(told)) is in_form


def test_the_address_is_a_template() -> None:
    spec = Block("https://idp/{{ .__env__TENANT }}/{{.account_id}}/{{\n  .client_id_env_var }}/t").spec(
        account_id="7"
    )
    assert expand_address("acme", spec, ENVIRON) == "https://idp/a%2Fb/7/ID/t"


def test_the_account_may_lie_in_a_variable() -> None:
    spec = Block("https://idp/{{ .account_id }}").spec(account_id_var="TENANT")
    assert expand_address("acme", spec, ENVIRON) == "https://idp/a%2Fb"


@pytest.mark.parametrize(
    "url",
    [
        "https://idp/{{ .__env__GONE }}",
        "https://idp/{{ .nothing }}",
        "https://idp/{{ .client_secret }}",
        "https://idp/{{ if .x }}",
        "https://idp/{{ .scopes }}",
    ],
)
def test_a_template_that_cannot_be_filled(url: str) -> None:
    with pytest.raises(CredentialError) as caught:
        client_source("acme", Block(url).spec(client_secret="hunter2"), ENVIRON)
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ({"token_url": ""}, "token_url"),
        ({"client_id_env_var": ""}, "client_id"),
        ({"client_secret_env_var": "GONE"}, "GONE"),
        ({"grant_type": "password"}, "password"),
        ({"token_url": "http://idp.example.com/token"}, "not https"),
    ],
)
def test_what_is_missing_is_named(extra: dict, word: str) -> None:
    with pytest.raises(CredentialError, match=word):
        client_source("acme", Block().spec(**extra), ENVIRON)


def test_a_refusal_that_echoes_the_secret_is_masked() -> None:
    echo = answer(b'{"error":"bad","error_description":"no client with hunter2:&"}', status=400)
    told = fetch(Block().spec(auth_style=1), echo)
    assert isinstance(told.error, CredentialError) and "hunter2" not in told.error.message


def test_another_secret_has_another_token() -> None:
    keys = {client_source("acme", Block().spec(), {**ENVIRON, "SECRET": s}).key for s in ("one", "two")}
    assert len(keys) == 2
