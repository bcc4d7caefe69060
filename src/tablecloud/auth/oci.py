"""Signs requests for Oracle Cloud: HTTP signatures (draft-cavage-http-signatures-08), as version 1 there."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tablecloud.auth.credentials import either, read_file
from tablecloud.auth.profiles import read_sections
from tablecloud.auth.spec import AuthSpec, plain
from tablecloud.errors import CredentialError
from tablecloud.rest.messages import Request

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_IDENTITY = ("tenancy_ocid", "user_ocid", "fingerprint")
_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})
_SIGNED = frozenset({"authorization", "content-length", "date", "host", "x-content-sha256"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OciKey:
    """An API signing key and whose it is."""

    key_id: str
    pem: str = field(repr=False)
    passphrase: str = field(default="", repr=False)


def read_key(provider: str, spec: AuthSpec, environ: Mapping[str, str]) -> OciKey:
    """Return the key that a block of the type `oci_signing_v1` describes: its own, else a profile's.

    Raises:
        CredentialError: the block has some of what is needed, or the configuration file has not all of it.
    """
    values = _written(provider, spec, environ)
    if not any(values[name] for name in (*_IDENTITY, "private_key", "private_key_path")):
        values = _profile(provider, spec, environ)
    missing = [name for name in _IDENTITY if not values[name]]
    if not (values["private_key"] or values["private_key_path"]):
        missing.append("private_key")
    if missing:
        raise CredentialError(
            f"cannot compose OCI signing credentials: {provider} lacks {', '.join(missing)}",
            hint="give all of tenancy_ocid, user_ocid, fingerprint and private_key, or none: ~/.oci/config",
        )
    # A key in an environment variable often has its line breaks written as \n.
    pem = values["private_key"].replace("\\n", "\n").strip()
    return OciKey(
        key_id="/".join(values[name] for name in _IDENTITY),
        pem=pem or read_file(provider, Path(values["private_key_path"]).expanduser()),
        passphrase=values["passphrase"],
    )


def sign_oci(provider: str, request: Request, key: OciKey, now: float) -> Request:
    """Return the request with its date and signature, and for one with a body the body's length and hash.

    Parameters:
        now: seconds since the epoch.

    Raises:
        CredentialError: the key is broken, or the cryptography package is missing.
    """
    from email.utils import formatdate

    parts = urlsplit(request.url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    date = formatdate(now, usegmt=True)
    lines = {"date": date, "(request-target)": f"{request.http.lower()} {target}", "host": parts.netloc}
    added = [("Date", date)]
    headers = [pair for pair in request.headers if pair[0].lower() not in _SIGNED]
    body = request.body
    if request.http in _WITH_BODY:
        body = body or b""
        kind = next((value for name, value in headers if name.lower() == "content-type"), "")
        if not kind:
            kind = "application/json"
            added.append(("Content-Type", kind))
        digest = b64encode(sha256(body).digest()).decode()
        lines |= {"content-length": str(len(body)), "content-type": kind, "x-content-sha256": digest}
        added += [("Content-Length", str(len(body))), ("X-Content-SHA256", digest)]
    signature = _signature(provider, key, "\n".join(f"{name}: {value}" for name, value in lines.items()))
    value = (
        f'Signature version="1",keyId="{key.key_id}",algorithm="rsa-sha256",'
        f'headers="{" ".join(lines)}",signature="{signature}"'
    )
    return replace(request, headers=(*headers, *added, ("Authorization", value)), body=body)


def _written(provider: str, spec: AuthSpec, environ: Mapping[str, str]) -> dict[str, str]:
    block = plain(spec)
    names = (*_IDENTITY, "private_key", "private_key_path", "passphrase")
    return {
        name: either(provider, str(block.get(f"{name}_env_var", "")), str(block.get(name, "")), environ)
        for name in names
    }


def _profile(provider: str, spec: AuthSpec, environ: Mapping[str, str]) -> dict[str, str]:
    file = spec.config_file_path or environ.get("OCI_CLI_CONFIG_FILE") or "~/.oci/config"
    path, name = Path(file).expanduser(), spec.profile or environ.get("OCI_CLI_PROFILE") or "DEFAULT"
    sections = read_sections(provider, path)
    if name not in sections:
        raise CredentialError(
            f"cannot compose OCI signing credentials: {provider} finds no profile {name} in {path}",
            hint="run: oci setup config; or give tenancy_ocid, user_ocid, fingerprint and private_key",
        )
    # Every profile takes what it does not say from DEFAULT.
    section = {**sections.get("DEFAULT", {}), **sections[name]}
    return {
        "tenancy_ocid": section.get("tenancy", ""),
        "user_ocid": section.get("user", ""),
        "fingerprint": section.get("fingerprint", ""),
        "private_key": "",
        "private_key_path": section.get("key_file", ""),
        "passphrase": section.get("pass_phrase", ""),
    }


def _signature(provider: str, key: OciKey, text: str) -> str:
    private = _load(provider, key)
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    return b64encode(private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


@lru_cache(maxsize=64)
def _load(provider: str, key: OciKey) -> RSAPrivateKey:
    """Read the private key: once, for it takes longer than a signature."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
    except ImportError:
        raise CredentialError(
            f"the signatures of {provider} need the package cryptography", hint="pip install cryptography"
        ) from None
    try:
        password = key.passphrase.encode() or None
        private = serialization.load_pem_private_key(key.pem.encode(), password=password)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise CredentialError(f"the private key of {provider} is broken, or its passphrase is wrong")
    return private
