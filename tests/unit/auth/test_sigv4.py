"""The published test suite of AWS Signature Version 4: keys, date, region and signatures are AWS's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tablecloud.auth.sigv4 import AwsKeys, sign_v4
from tablecloud.rest.messages import Request, Signing

KEYS = AwsKeys(access_key="AKIDEXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SERVICE = Signing(service="service", region="us-east-1")
NOON = 1440938160.0  # 2015-08-30 12:36:00 UTC
VANILLA = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"


def signature(request: Request, keys: AwsKeys = KEYS) -> tuple[str, str]:
    """Return the names of the signed headers and the signature."""
    value = dict(sign_v4(request, keys, SERVICE, NOON).headers)["Authorization"]
    start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
    assert value.startswith(start)
    names, _, found = value.removeprefix(start).partition(", Signature=")
    return names, found


def get(target: str, *headers: tuple[str, str]) -> Request:
    return Request(http="GET", url=f"https://example.amazonaws.com{target}", headers=headers)


UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", VANILLA),
        ("", VANILLA),
        ("/?", VANILLA),
        ("/example/..", VANILLA),
        ("/example1/example2/../..", VANILLA),
        ("/./", VANILLA),
        ("//", VANILLA),
        ("//example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
        ("/./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
        ("/example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
        ("/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        (f"/{UNRESERVED}", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        ("/?Param1=value1", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        (
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            f"/?{UNRESERVED}={UNRESERVED}",
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        ("/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
    ],
)
def test_paths_and_queries(target: str, expected: str) -> None:
    assert signature(get(target)) == ("host;x-amz-date", expected)


@pytest.mark.parametrize(
    ("headers", "names", "expected"),
    [
        (
            [("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')],
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            [("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
            "host;my-header1;x-amz-date",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        (
            [
                ("My-Header1", "value4"),
                ("My-Header1", "value1"),
                ("My-Header1", "value3"),
                ("My-Header1", "value2"),
            ],
            "host;my-header1;x-amz-date",
            "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        ),
    ],
)
def test_header_normalisation(headers: list[tuple[str, str]], names: str, expected: str) -> None:
    assert signature(get("/", *headers)) == (names, expected)


def post(target: str = "/", *headers: tuple[str, str], body: bytes | None = None) -> Request:
    return replace(get(target, *headers), http="POST", body=body)


FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("request_", "names", "expected"),
    [
        (
            post(),
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            post("/", ("My-Header1", "value1")),
            "host;my-header1;x-amz-date",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            post("/", ("My-Header1", "VALUE1")),
            "host;my-header1;x-amz-date",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
        (
            post("/?Param1=value1"),
            "host;x-amz-date",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
        (
            post("/", FORM, body=b"Param1=value1"),
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_posts(request_: Request, names: str, expected: str) -> None:
    assert signature(request_) == (names, expected)


def test_a_session_token_is_sent_signed_and_masked() -> None:
    token = (
        "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8"
        "YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6"
        "fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQ"
        "wj2ICCR/oLxBA=="
    )
    keys = replace(KEYS, session_token=token)
    assert signature(post(), keys) == (
        "host;x-amz-date;x-amz-security-token",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    )
    signed = sign_v4(get(f"/?echo={token}"), keys, SERVICE, NOON)
    assert token not in signed.shown
    assert KEYS.secret_key not in repr(signed) + repr(keys) and token not in repr(keys)


def test_the_object_store_gets_the_bodys_hash_and_its_path_as_it_is() -> None:
    signed = sign_v4(get("/a//b/../c%20d"), KEYS, Signing(service="s3", region="us-east-1"), NOON)
    assert dict(signed.headers)["X-Amz-Content-Sha256"].startswith("e3b0c44298fc1c149afbf4c8996fb924")
    assert "x-amz-content-sha256" in dict(signed.headers)["Authorization"]


def test_the_published_example_of_an_object_store_request() -> None:
    """GET Object of "Authenticating Requests: Using the Authorization Header" in the S3 API reference."""
    keys = AwsKeys(access_key="AKIAIOSFODNN7EXAMPLE", secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    request = Request(
        http="GET",
        url="https://examplebucket.s3.amazonaws.com/test.txt",
        headers=(("Range", "bytes=0-9"),),
    )
    signed = sign_v4(request, keys, Signing(service="s3", region="us-east-1"), 1369353600.0)
    assert dict(signed.headers)["Authorization"].endswith(
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_signing_again_replaces_the_first_signature() -> None:
    once = sign_v4(get("/"), KEYS, SERVICE, NOON)
    later = sign_v4(once, KEYS, SERVICE, NOON + 86400)
    assert later.headers == sign_v4(get("/"), KEYS, SERVICE, NOON + 86400).headers
    assert later.headers != once.headers


def test_a_default_port_is_no_part_of_the_host() -> None:
    plain = replace(get("/"), url="https://example.amazonaws.com:443/")
    assert signature(plain)[1] == VANILLA
    assert signature(replace(plain, url="https://example.amazonaws.com:8443/"))[1] != VANILLA
