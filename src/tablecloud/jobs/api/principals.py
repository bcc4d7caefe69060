"""Who calls: bearer tokens as members, and the roles members have on projects.

Contract: ml-jobs-service 1.10 (principals). The file is JSON, readable by its owner only:

    {"tokens": {"<token>": "user:ann@example.com"},
     "groups": {"group:team@example.com": ["user:ann@example.com"]},
     "bindings": {"demo": [{"role": "roles/ml.viewer", "members": ["group:team@example.com"]}]}}

The project `*` stands for all projects.
"""

from __future__ import annotations

import hashlib
import hmac
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from tablecloud.errors import SettingError
from tablecloud.jobs.api.roles import Binding, is_member_name, known_role
from tablecloud.jobs.wire.errors import ApiError

LOCAL = "user:local"
"""The member behind the server's own token, and every caller of an open server."""

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]", ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principals:
    """Members by token, and project-level bindings."""

    members: dict[bytes, str] = field(default_factory=dict, repr=False)
    """SHA-256 of a token to its member: the tokens themselves are not kept."""
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    bindings: dict[str, tuple[Binding, ...]] = field(default_factory=dict)
    """By project; `*` for all."""
    open: bool = False
    """Whether a call without a known token is `user:local`; for a machine of one user only."""

    def of_project(self, project: str) -> tuple[Binding, ...]:
        """Return the bindings that hold for a project."""
        return self.bindings.get("*", ()) + self.bindings.get(project, ())


def local_principals(token: str, *, open_door: bool = False) -> Principals:
    """Return the principals of a server without a file: its own token is `user:local`, owner of all."""
    owner = Binding(role="roles/owner", members=(LOCAL,))
    return Principals(members={_digest(token): LOCAL}, bindings={"*": (owner,)}, open=open_door)


def load_principals(path: Path, token: str) -> Principals:
    """Return the principals of a file, and the server's own token beside them.

    Raises:
        SettingError: the file is missing, readable by others, or not of the form above.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SettingError(
                f"{path} holds tokens and is open to others", hint=f"make it private with: chmod 600 {path}"
            )
        content = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise SettingError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise SettingError(f"{path} is not a file of principals: {error}") from None
    return _with_file(local_principals(token), content, path)


def caller_of(principals: Principals, headers: dict[str, str], token: str | None) -> str:
    """Return the member who calls.

    Parameters:
        headers: of the request, by lower-case name.
        token: from the query, where the caller put it there.

    Raises:
        ApiError: UNAUTHENTICATED, or PERMISSION_DENIED for a browser page that tries an open server.
    """
    scheme, _, given = headers.get("authorization", "").partition(" ")
    token = given.strip() if scheme.lower() == "bearer" else token
    member = _member(principals, token) if token else None
    if member is not None:
        return member
    if principals.open:
        _refuse_pages(headers)
        return LOCAL
    raise ApiError(
        "UNAUTHENTICATED",
        "The bearer token is not known." if token else "The request has no bearer token.",
        headers=(("WWW-Authenticate", 'Bearer realm="tablecloud", error="invalid_token"'),),
    )


def signing_key(principals: Principals) -> bytes:
    """Return a key for page tokens that lives as long as the server's tokens do."""
    return hashlib.sha256(b"page tokens" + b"".join(sorted(principals.members))).digest()


class _FileBinding(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    members: list[str]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    tokens: dict[str, str] = {}
    groups: dict[str, list[str]] = {}
    bindings: dict[str, list[_FileBinding]] = {}


def _with_file(own: Principals, content: _File, path: Path) -> Principals:
    bindings = dict(own.bindings)
    for project, rows in content.bindings.items():
        added = tuple(Binding(role=row.role, members=tuple(row.members)) for row in rows)
        bindings[project] = bindings.get(project, ()) + added
    for binding in (binding for group in bindings.values() for binding in group):
        if not known_role(binding.role) or not all(map(is_member_name, binding.members)):
            raise SettingError(
                f"{path} binds {binding.role} to {', '.join(binding.members)}: unknown role or member"
            )
    return replace(
        own,
        members=own.members | {_digest(token): member for token, member in content.tokens.items()},
        groups={name: frozenset(members) for name, members in content.groups.items()},
        bindings=bindings,
    )


def _member(principals: Principals, token: str) -> str | None:
    digest, found = _digest(token), None
    # All are compared, each in constant time, so that the time taken says nothing about the tokens.
    for known, member in principals.members.items():
        if hmac.compare_digest(known, digest):
            found = member
    return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _refuse_pages(headers: dict[str, str]) -> None:
    """Keep web pages away from a server without tokens: cross-site requests and rebound host names."""
    host = headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if "origin" in headers or name.lower() not in _LOOPBACK:
        raise ApiError("PERMISSION_DENIED", "Requests of web pages need a bearer token.")
