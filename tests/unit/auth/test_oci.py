from __future__ import annotations

import base64
import re
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tablecloud.auth.oci import OciKey, read_key, sign_oci
from tablecloud.auth.spec import AuthSpec
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Request

NOW = 1388957500.0  # Sun, 05 Jan 2014 21:31:40 GMT
DATE = "Sun, 05 Jan 2014 21:31:40 GMT"
PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
IDENTITY = {"tenancy_ocid": "ten", "user_ocid": "usr", "fingerprint": "aa:bb"}


def pem_of(password: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return PRIVATE.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    ).decode()


def key_of(environ: dict[str, str] | None = None, **spec) -> OciKey:
    return read_key("oci", AuthSpec(type="oci_signing_v1", **spec), environ or {})


def signed_headers(request: Request) -> dict[str, str]:
    key = OciKey(key_id="ten/usr/aa:bb", pem=pem_of())
    return dict(sign_oci("oci", request, key, NOW).headers)


def check(headers: dict[str, str], names: str, text: str) -> None:
    """Check the signature with the public key, as the service does."""
    found = dict(re.findall(r'(\w+)="([^"]*)"', headers["Authorization"]))
    assert headers["Authorization"].startswith("Signature ")
    assert (
        found["version"] == "1" and found["algorithm"] == "rsa-sha256" and found["keyId"] == "ten/usr/aa:bb"
    )
    assert found["headers"] == names
    signature = base64.b64decode(found["signature"])
    PRIVATE.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_get() -> None:
    request = Request(
        http="GET",
        url="https://iaas.us-phoenix-1.oraclecloud.com/20160918/instances?displayName=Team%20X",
        headers=(("Accept", "application/json"), ("date", "stale")),
    )
    headers = signed_headers(request)
    assert headers["Date"] == DATE and "date" not in headers
    check(
        headers,
        "date (request-target) host",
        f"date: {DATE}\n(request-target): get /20160918/instances?displayName=Team%20X\n"
        "host: iaas.us-phoenix-1.oraclecloud.com",
    )


@pytest.mark.parametrize("body", [b'{"a":1}', None])
def test_a_post(body: bytes | None) -> None:
    request = Request(http="POST", url="https://h/v", headers=(("Content-Type", "text/x"),), body=body)
    headers = signed_headers(request)
    data = body or b""
    digest = base64.b64encode(sha256(data).digest()).decode()
    assert headers["X-Content-SHA256"] == digest and headers["Content-Length"] == str(len(data))
    check(
        headers,
        "date (request-target) host content-length content-type x-content-sha256",
        f"date: {DATE}\n(request-target): post /v\nhost: h\ncontent-length: {len(data)}\n"
        f"content-type: text/x\nx-content-sha256: {digest}",
    )


def test_a_block_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(pem_of())
    assert key_of(**IDENTITY, private_key_path=str(path)) == OciKey(
        key_id="ten/usr/aa:bb", pem=pem_of().strip()
    )
    environ = {"T": "ten2", "K": pem_of().replace("\n", "\\n")}
    key = key_of(environ, **{**IDENTITY, "tenancy_ocid_env_var": "T"}, private_key_env_var="K")
    assert key.key_id == "ten2/usr/aa:bb" and key.pem == pem_of().strip()
    assert "BEGIN" not in repr(key)


def test_part_of_a_block_names_the_rest() -> None:
    with pytest.raises(CredentialError, match="cannot compose OCI signing credentials") as caught:
        key_of(tenancy_ocid="ten", fingerprint="f")
    assert "user_ocid, private_key" in caught.value.message


CONFIG = """[DEFAULT]
tenancy=ten
user=usr
fingerprint=aa:bb
key_file={}
[other]
user=usr2
pass_phrase=hunter2
"""


def test_a_profile_of_the_configuration_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(pem_of())
    file = tmp_path / "config"
    file.write_text(CONFIG.format(tmp_path / "key.pem"))
    assert key_of(config_file_path=str(file)).key_id == "ten/usr/aa:bb"
    other = key_of(config_file_path=str(file), profile="other")
    assert (other.key_id, other.passphrase) == ("ten/usr2/aa:bb", "hunter2")
    with pytest.raises(CredentialError, match="no profile third"):
        key_of(config_file_path=str(file), profile="third")
    with pytest.raises(CredentialError, match="no profile DEFAULT"):
        key_of(config_file_path=str(tmp_path / "none"))


def test_a_key_with_a_passphrase() -> None:
    request = Request(http="GET", url="https://h/v")
    sign_oci("oci", request, OciKey(key_id="k", pem=pem_of(b"hunter2"), passphrase="hunter2"), NOW)
    for key in (
        OciKey(key_id="k", pem=pem_of(b"hunter2"), passphrase="wrong"),
        OciKey(key_id="k", pem=pem_of(b"hunter2")),
        OciKey(key_id="k", pem="garbage"),
    ):
        with pytest.raises(CredentialError, match="broken") as caught:
            sign_oci("oci", request, key, NOW)
        assert "hunter2" not in caught.value.message
