"""Whatever is wrong with a description, and whatever a token service answers: no secret is shown."""

from __future__ import annotations

import json
import os
import traceback
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.conversations import answer, drive

from tablecloud.auth.authorizer import authorizer
from tablecloud.auth.spec import KNOWN_TYPES, read_auth
from tablecloud.clock import FakeClock
from tablecloud.errors import TablecloudError
from tablecloud.rest.messages import Exchange, Request, Signing

SECRET = "hunter2!"
SECRET_KEYS = ("password", "api_secret", "client_secret", "private_key", "passphrase", "aws_role_external_id")
REQUEST = Request(
    http="GET",
    url="https://h/x",
    provider="p",
    signing=Signing(service="s", region="r"),
)
ENVIRON = {"SECRET": SECRET, "ID": "id", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nowhere", "PATH": ""}
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        "credentialsenvvar": st.sampled_from(["SECRET", "GONE"]),
        "credentialsfilepath": st.just("/nowhere/file"),
        "username": st.just("u"),
        "api_key": st.just("k"),
        "keyID": st.just("AK"),
        "client_id_env_var": st.sampled_from(["ID", "GONE"]),
        "token_url": st.sampled_from(
            ["https://t/{{ .client_id }}", "https://t", "http://t", "{{", "https://t/{{.client_secret}}"]
        ),
        "aws_role_arn": st.just("arn"),
        "tenancy_ocid": st.just("t"),
        "user_ocid": st.just("u"),
        "fingerprint": st.just("f"),
        "scopes": st.just(["s"]),
        "auth_style": st.sampled_from([0, 1, 2]),
        "location": st.sampled_from(["header", "query", SECRET[:3]]),
        "bogus": st.just("x"),
    },
)
ANSWERS = st.sampled_from(
    [b"{}", b"<x/>", b'{"error": "no: %s"}' % SECRET.encode(), b'{"access_token": "t"}', b"\xff"]
)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(KNOWN_TYPES),
    held=st.sets(st.sampled_from(SECRET_KEYS)),
    others=OTHERS,
    body=ANSWERS,
    status=st.sampled_from([200, 400, 401, 403]),
)
def test_no_secret_is_shown(kind: str, held: set[str], others: dict, body: bytes, status: int) -> None:
    block = {"type": kind, **others, **dict.fromkeys(held, SECRET)}
    try:
        specs = read_auth(json.dumps({"p": block}))
        shown = repr(specs)
        # No command line tool of a provider must be found and run.
        with mock.patch.dict(os.environ, PATH="/nowhere"):
            ready = authorizer(specs, environ=ENVIRON, clock=FakeClock())(REQUEST)
        shown += repr(ready)
        if isinstance(ready, Exchange):
            told = drive(ready.begin(), [answer(body, status=status)] * 9)
            shown += repr(told.sent) + "".join(request.shown for request in told.sent)
            if told.error:
                raise told.error
    except TablecloudError as error:
        shown = error.message + error.hint + "".join(traceback.format_exception(error, chain=False)[-1:])
        assert error.message
    assert SECRET not in shown
