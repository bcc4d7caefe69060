from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.conversations import answer, drive

from tablecloud.auth.authorizer import Authorizer, authorizer, bearer_file
from tablecloud.auth.spec import AuthSpec, read_default
from tablecloud.clock import FakeClock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Exchange, Request

LOGIN = json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"})
BEARER = AuthSpec(type="bearer", credentialsenvvar="T")


def request_to(url: str, provider: str = "acme") -> Request:
    return Request(http="GET", url=url, provider=provider)


def header(request: Request | Exchange) -> str | None:
    assert isinstance(request, Request)
    return dict(request.headers).get("Authorization")


def test_a_provider_has_its_own_credential() -> None:
    sign = authorizer({"acme": BEARER}, environ={"T": "t0k"})
    assert header(sign(request_to("https://h/x"))) == "Bearer t0k"
    assert header(sign(request_to("https://h/x", "other"))) is None


def test_the_secret_is_masked_afterwards() -> None:
    signed = authorizer({"acme": BEARER}, environ={"T": "t0k"})(request_to("https://h/?t=t0k"))
    assert isinstance(signed, Request)
    assert "t0k" not in signed.shown
    assert "t0k" in signed.secrets


def test_a_missing_variable_is_told_when_it_is_needed() -> None:
    sign = authorizer({"acme": BEARER}, environ={})
    with pytest.raises(CredentialError, match="T"):
        sign(request_to("https://h/x"))


def test_an_address_with_a_credential_of_its_own(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    sign = authorizer({"google": BEARER}, environ={"T": "never"})
    sign.assign("http://127.0.0.1:4321/", bearer_file(token))
    assert header(sign(request_to("http://127.0.0.1:4321/v1/x", "google"))) == "Bearer one"
    token.write_text("two\n")
    assert header(sign(request_to("http://127.0.0.1:4321/v1/x", "google"))) == "Bearer two"


def test_a_new_assignment_replaces_the_old() -> None:
    sign = authorizer({}, environ={"A": "a", "B": "b"})
    for name in ("A", "B"):
        sign.assign("https://h", AuthSpec(type="bearer", credentialsenvvar=name))
        assert header(sign(request_to("https://h/x"))) == f"Bearer {name.lower()}"


def test_what_lies_around_is_not_sent_in_the_clear(tmp_path: Path) -> None:
    sign = authorizer({}, environ={"GOOGLE_CREDENTIALS": LOGIN})
    assert header(sign(request_to("http://127.0.0.1:1/x", "google"))) is None


def test_what_was_asked_for_is_refused_in_the_clear_but_for_loopback() -> None:
    sign = authorizer({"acme": BEARER}, environ={"T": "t0k"})
    assert header(sign(request_to("http://localhost:1/x"))) == "Bearer t0k"
    with pytest.raises(CredentialError, match="in the clear"):
        sign(request_to("http://h/x"))


def test_no_credential_at_all_lets_the_service_decide(tmp_path: Path) -> None:
    assert (
        header(authorizer({}, environ={"HOME": str(tmp_path)})(request_to("https://h/x", "google"))) is None
    )
    assert header(authorizer({"acme": AuthSpec()}, environ={})(request_to("https://h/x"))) is None


def test_a_token_is_fetched_once_kept_and_renewed(tmp_path: Path) -> None:
    clock = FakeClock()
    sign = authorizer({}, environ={"GOOGLE_CREDENTIALS": LOGIN}, root=tmp_path, clock=clock)
    request = request_to("https://h/x", "google")
    exchange = sign(request)
    assert isinstance(exchange, Exchange)
    told = drive(exchange.begin(), [answer(b'{"access_token":"t0k","expires_in":3600}')])
    assert told.error is None
    assert header(sign(request)) == "Bearer t0k"
    again = authorizer({}, environ={"GOOGLE_CREDENTIALS": LOGIN}, root=tmp_path, clock=clock)
    assert header(again(request)) == "Bearer t0k"
    clock.advance(3590)
    assert isinstance(sign(request), Exchange)


def test_a_service_account_without_a_key() -> None:
    sign = authorizer({"google": AuthSpec(type="service_account")}, environ={})
    with pytest.raises(CredentialError, match="names no key"):
        sign(request_to("https://h/x", "google"))


def with_default(text: str, environ: dict[str, str], **specs: AuthSpec) -> Authorizer:
    return authorizer(specs, defaults={"acme": read_default("acme", text)}, environ=environ)


OWN = '{"type": "bearer", "credentialsenvvar": "ACME_TOKEN", "colour": "not ours"}'


def test_a_providers_own_description_serves_where_the_user_gives_none() -> None:
    request = request_to("https://acme.test/")
    environ = {"ACME_TOKEN": "t", "MINE": "m"}
    assert header(with_default(OWN, environ)(request)) == "Bearer t"
    mine = AuthSpec(type="bearer", credentialsenvvar="MINE")
    assert header(with_default(OWN, environ, acme=mine)(request)) == "Bearer m"
    with pytest.raises(CredentialError, match="ACME_TOKEN"):
        with_default(OWN, {})(request)


def test_a_providers_own_description_is_not_for_a_test_server() -> None:
    request = request_to("http://127.0.0.1:1/")
    assert with_default(OWN, {"ACME_TOKEN": "t"})(request) is request


@pytest.mark.parametrize("text", ['{"type": "no_such_type"}', '{"type": 5}', "no_such_type"])
def test_a_providers_own_description_that_cannot_be_used_fails_the_call_alone(text: str) -> None:
    made = with_default(text, {})
    with pytest.raises(CredentialError, match="calls of acme need credentials"):
        made(request_to("https://acme.test/"))
    other = request_to("https://other.test/", "other")
    assert made(other) is other


def test_replaced_descriptions_count_from_the_next_call() -> None:
    made = with_default(OWN, {"ACME_TOKEN": "t"})
    request = request_to("https://acme.test/")
    assert header(made(request))
    made.replace_defaults({})
    assert made(request) is request


def test_what_the_tools_left_serves_where_the_package_names_a_variable_that_is_not_set() -> None:
    own = read_default("google", '{"type": "service_account", "credentialsenvvar": "GONE"}')
    made = authorizer({}, defaults={"google": own}, environ={"GOOGLE_CREDENTIALS": LOGIN})
    assert isinstance(made(request_to("https://h/x", "google")), Exchange)
