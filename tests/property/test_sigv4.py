"""Our signatures against botocore's, over requests nobody thought of."""

from __future__ import annotations

import datetime
from unittest import mock
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tablecloud.auth.sigv4 import AwsKeys, sign_v4
from tablecloud.rest.messages import Request, Signing

botocore_auth = pytest.importorskip("botocore.auth", reason="botocore, the oracle, is not installed")
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

NOW = 1440938160
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
SEGMENT = TEXT.filter(lambda text: text not in (".", ".."))
NAMES = st.sampled_from(["X-One", "x-amz-target", "Content-Type", "X-Two"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=20)


def oracle(request: Request, keys: AwsKeys, signing: Signing) -> str:
    """Return what botocore puts into `Authorization`."""
    made = AWSRequest(
        method=request.http, url=request.url, headers=dict(request.headers), data=request.body or b""
    )
    made.context["payload_signing_enabled"] = True
    credentials = Credentials(keys.access_key, keys.secret_key, keys.session_token or None)
    kind = botocore_auth.S3SigV4Auth if signing.service == "s3" else botocore_auth.SigV4Auth
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=moment),
        mock.patch("botocore.compat.get_current_datetime", return_value=moment),
    ):
        kind(credentials, signing.service, signing.region).add_auth(made)
    return made.headers["Authorization"]


@settings(max_examples=150, deadline=None)
@given(
    http=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    segments=st.lists(SEGMENT, max_size=4),
    query=st.lists(
        st.tuples(TEXT, st.text(st.characters(exclude_categories=["Cs"]), max_size=12)), max_size=4
    ),
    headers=st.dictionaries(NAMES, VALUES.filter(str.strip), max_size=3),
    body=st.none() | st.binary(max_size=40),
    token=st.sampled_from(["", "session/token=="]),
    service=st.sampled_from(["ec2", "s3"]),
)
def test_signatures_agree(http, segments, query, headers, body, token, service) -> None:
    path = "/".join(quote(segment, safe="~") for segment in segments)
    pairs = "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in query)
    request = Request(
        http=http,
        url=f"https://{service}.us-east-1.amazonaws.com/{path}{'?' + pairs if pairs else ''}",
        headers=tuple(headers.items()),
        body=body,
    )
    keys = AwsKeys(access_key="AKID", secret_key="secret", session_token=token)
    signing = Signing(service=service, region="us-east-1")
    ours = dict(sign_v4(request, keys, signing, NOW).headers)["Authorization"]
    assert ours == oracle(request, keys, signing)
