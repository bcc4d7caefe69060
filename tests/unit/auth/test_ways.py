from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.support.conversations import answer, drive

from tablecloud.auth.authorizer import Authorizer, authorizer
from tablecloud.auth.spec import read_auth
from tablecloud.clock import FakeClock
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Exchange, Request, Signing

REQUEST = Request(
    http="GET",
    url="https://ec2.us-east-1.amazonaws.com/",
    provider="aws",
    signing=Signing(service="ec2", region="us-east-1"),
)
TOKEN = answer(b'{"access_token":"t0k","expires_in":3600}')
OAUTH2 = (
    '"type": "oauth2", "token_url": "https://idp/t", "client_id": "c", "client_secret": "s", "auth_style": 1'
)


def signer(auth: str, clock: FakeClock | None = None, **environ: str) -> Authorizer:
    return authorizer(read_auth(auth), environ=environ, clock=clock or FakeClock())


def headers(request: Request | Exchange) -> dict[str, str]:
    assert isinstance(request, Request)
    return dict(request.headers)


def test_an_aws_request_is_signed_anew_each_time_it_is_sent() -> None:
    clock = FakeClock()
    sign = signer(
        '{"aws": {"type": "aws_signing_v4", "keyID": "AK", "credentialsenvvar": "S"}}', clock, S="s"
    )
    first = headers(sign(REQUEST))
    assert "Credential=AK/20231114/us-east-1/ec2/aws4_request" in first["Authorization"]
    clock.advance(1)
    assert headers(sign(REQUEST))["Authorization"] != first["Authorization"]
    other = replace(REQUEST, url=REQUEST.url + "?NextToken=x")
    assert headers(sign(other))["Authorization"] != headers(sign(REQUEST))["Authorization"]


def test_a_document_that_names_no_service_for_signatures() -> None:
    sign = signer('{"aws": {"type": "aws_signing_v4", "keyID": "AK", "credentialsenvvar": "S"}}', S="s")
    with pytest.raises(CredentialError, match="names no service for signatures"):
        sign(replace(REQUEST, signing=None))


def test_a_role_is_assumed_before_the_first_request_and_again_when_it_ends() -> None:
    clock = FakeClock(1_700_000_000.0)
    sign = signer(
        '{"aws": {"type": "aws_assume_role", "keyID": "AK", "credentialsenvvar": "S", "aws_role_arn": "r"}}',
        clock,
        S="s",
    )
    sts = answer(
        b"<R><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>t</SecretAccessKey><SessionToken>u"
        b"</SessionToken><Expiration>2023-11-14T23:13:20Z</Expiration></Credentials></R>"
    )
    exchange = sign(REQUEST)
    assert isinstance(exchange, Exchange)
    assert drive(exchange.begin(), [sts]).error is None
    assert "Credential=ASIA1/" in headers(sign(REQUEST))["Authorization"]
    assert headers(sign(REQUEST))["X-Amz-Security-Token"] == "u"
    clock.advance(3600)
    assert isinstance(sign(REQUEST), Exchange)


def test_successors_add_up_whatever_their_types() -> None:
    own = '"type": "custom", "name": "X-Key", "credentialsenvvar": "K"'
    sign = signer(f'{{"acme": {{{own}, "successor": {{{OAUTH2}}}}}}}', K="k")
    request = Request(http="GET", url="https://h/x", provider="acme")
    exchange = sign(request)
    assert isinstance(exchange, Exchange)
    drive(exchange.begin(), [TOKEN])
    assert headers(sign(request)) == {"X-Key": "k", "Authorization": "Bearer t0k"}


def test_a_token_that_was_refused_is_fetched_anew() -> None:
    clock = FakeClock()
    sign = signer(f'{{"acme": {{{OAUTH2}}}}}', clock)
    request = Request(http="GET", url="https://h/x", provider="acme")
    exchange = sign(request)
    assert isinstance(exchange, Exchange)
    drive(exchange.begin(), [TOKEN])
    signed = sign(request)
    assert isinstance(signed, Request) and signed.renew is not None
    assert not signed.renew()
    clock.advance(600)
    assert signed.renew()
    assert isinstance(sign(request), Exchange)


def test_a_named_connection_has_its_own_credentials() -> None:
    sign = signer(
        '{"aws": {"type": "aws_signing_v4", "keyID": "AK", "credentialsenvvar": "S", "connections":'
        ' {"dev": {"keyID": "AKDEV"}, "broken": {"keyID": 1}}}}',
        S="s",
    )
    assert "Credential=AK/" in headers(sign(REQUEST))["Authorization"]
    assert "Credential=AKDEV/" in headers(sign(replace(REQUEST, connection="dev")))["Authorization"]
    with pytest.raises(CredentialError, match="no connection 'prod'"):
        sign(replace(REQUEST, connection="prod"))


def test_a_named_connection_of_a_provider_without_auth() -> None:
    with pytest.raises(CredentialError, match="no connection 'dev'"):
        signer("{}")(replace(REQUEST, connection="dev"))


@pytest.mark.parametrize(
    ("entry", "sent"),
    [({}, None), ({"credentialsenvvar": "KEY"}, "Exchange")],
)
def test_without_a_type_the_other_keys_say_it(entry: dict, sent: str | None) -> None:
    login = json.dumps({"type": "authorized_user", "client_id": "c", "refresh_token": "r"})
    ready = signer(json.dumps({"acme": entry}), KEY=login)(
        Request(http="GET", url="https://h/", provider="acme")
    )
    assert (type(ready).__name__ == "Exchange") is (sent == "Exchange")
