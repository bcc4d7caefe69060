"""Credentials on the wire: what a service that checks them sees, page by page and try by try."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Mapping

import pytest
from msgspec import structs
from tests.support.api import LIST, resource
from tests.support.http_server import HttpServer, Reply, Seen, json_reply

from tablecloud.auth.authorizer import Authorizer, authorizer
from tablecloud.auth.spec import read_auth
from tablecloud.clock import FakeClock
from tablecloud.errors import RemoteDenied
from tablecloud.rest.messages import Request, Signing
from tablecloud.rest.paginate import read_pages
from tablecloud.rest.retry import RetryPolicy, attempt
from tablecloud.rest.transport import Transport, TransportSettings

QUICK = RetryPolicy(first_delay=0.001, longest_delay=0.01)
SECRET = "wJalrXUtnFEMI"
KEYS = '{"acme": {"type": "aws_signing_v4", "keyID": "AK", "credentialsenvvar": "SECRET"}}'


def signer(auth: str, environ: Mapping[str, str], clock: FakeClock) -> Authorizer:
    return authorizer(read_auth(auth), environ=environ, clock=clock)


def is_signed(seen: Seen) -> bool:
    """Check a signature as the service does: from what arrived, and the secret."""
    head, names, signature = (part.partition("=")[2] for part in seen.headers["authorization"].split(", "))
    _, date, region, service, _ = head.split("/")
    path, _, query = seen.target.partition("?")
    covered = "".join(f"{name}:{' '.join(seen.headers[name].split())}\n" for name in names.split(";"))
    digest = hashlib.sha256(seen.body).hexdigest()
    canonical = f"{seen.http}\n{path}\n{'&'.join(sorted(query.split('&')))}\n{covered}\n{names}\n{digest}"
    scope = f"{date}/{region}/{service}/aws4_request"
    stamp = seen.headers["x-amz-date"]
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex() == signature


def test_every_page_and_every_try_has_a_signature_of_its_own() -> None:
    clock, tries = FakeClock(), iter([503, 200, 200, 503, 200])

    def respond(seen: Seen) -> Reply:
        clock.advance(1)
        status = next(tries)
        if status != 200 or not is_signed(seen):
            return Reply(status=status if status != 200 else 403)
        page = int(seen.query.get("pageToken", "0"))
        return json_reply({"items": [page], **({"nextPageToken": str(page + 1)} if page < 2 else {})})

    shop = structs.replace(resource(LIST), signing_service="shop")
    with (
        HttpServer(respond) as server,
        Transport(TransportSettings(), signer(KEYS, {"SECRET": SECRET}, clock)) as transport,
    ):
        reading = read_pages(shop, LIST, {"color": "a b/c"}, root_url=server.url, policy=QUICK)
        pages = [json.loads(page.body)["items"] for page in transport.start(reading).pages()]
    assert pages == [[0], [1], [2]]
    assert len({seen.headers["authorization"] for seen in server.seen}) == 5


def test_a_posted_body_is_covered() -> None:
    clock = FakeClock()
    with (
        HttpServer(lambda seen: Reply(status=200 if is_signed(seen) else 403)) as server,
        Transport(TransportSettings(), signer(KEYS, {"SECRET": SECRET}, clock)) as transport,
    ):
        request = Request(
            http="POST",
            url=f"{server.url}/",
            headers=(("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", "Shop.List")),
            body=b'{"a": 1}',
            provider="acme",
            signing=Signing(service="shop", region="us-east-1"),
        )
        assert transport.start(attempt(request, QUICK)).result(10).status == 200


class TokenService:
    """A token endpoint and a service behind it that takes the newest token only."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.issued = 0
        self.revoked = False

    def respond(self, seen: Seen) -> Reply:
        with self.lock:
            if seen.path == "/token":
                self.issued += 1
                self.revoked = False
                return json_reply({"access_token": f"token-{self.issued}", "expires_in": 3600})
            good = seen.headers.get("authorization") == f"Bearer token-{self.issued}" and not self.revoked
            return json_reply({}) if good else Reply(status=401)


def token_auth(server: HttpServer) -> str:
    block = {"type": "oauth2", "client_id": "c", "client_secret": "s", "auth_style": 1}
    return json.dumps({"acme": {**block, "token_url": f"{server.url}/token"}})


def test_a_revoked_token_is_fetched_anew_once_for_all_calls() -> None:
    service, clock = TokenService(), FakeClock()
    with (
        HttpServer(service.respond) as server,
        Transport(TransportSettings(), signer(token_auth(server), {}, clock)) as transport,
    ):
        read = Request(http="GET", url=f"{server.url}/x", provider="acme")
        assert transport.start(attempt(read, QUICK)).result(10).status == 200
        clock.advance(600)
        service.revoked = True
        calls = [transport.start(attempt(read, QUICK)) for _ in range(20)]
        assert {call.result(10).status for call in calls} == {200}
    assert service.issued == 2


def test_a_call_that_may_not_does_not_ask_for_tokens_for_ever() -> None:
    service, clock = TokenService(), FakeClock()
    with (
        HttpServer(
            lambda seen: service.respond(seen) if seen.path == "/token" else Reply(status=401)
        ) as server,
        Transport(TransportSettings(), signer(token_auth(server), {}, clock)) as transport,
    ):
        read = Request(http="GET", url=f"{server.url}/x", provider="acme")
        for _ in range(3):
            with pytest.raises(RemoteDenied):
                transport.start(attempt(read, QUICK)).result(10)
    assert service.issued == 1
