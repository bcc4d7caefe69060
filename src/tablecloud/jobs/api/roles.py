"""Roles and permissions of the ml API as data, and which bindings grant what. Pure.

Contract: ml-jobs-service 1.10.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tablecloud.jobs.api.conditions import Attributes, condition_holds

_VERBS = {
    "jobs": "cancel create get getIamPolicy list setIamPolicy update",
    "locations": "get list",
    "models": "create delete get getIamPolicy list predict setIamPolicy update",
    "operations": "cancel get list",
    "projects": "getConfig",
    "studies": "create delete get getIamPolicy list setIamPolicy",
    "trials": "create delete get list update",
    "versions": "create delete get list predict update",
}


def _permissions(*patterns: str) -> frozenset[str]:
    """Return the permissions of patterns such as `jobs.create get` or `studies.*`."""
    found: set[str] = set()
    for pattern in patterns:
        collection, _, verbs = pattern.partition(".")
        chosen = _VERBS[collection] if verbs == "*" else verbs
        found.update(f"ml.{collection}.{verb}" for verb in chosen.split())
    return frozenset(found)


_ADMIN = _permissions(*(f"{collection}.*" for collection in _VERBS))
_EDITOR = frozenset(name for name in _ADMIN if not name.endswith(".setIamPolicy"))
_VIEWER = _permissions(
    "jobs.get list",
    "locations.*",
    "models.get list",
    "operations.get list",
    "projects.getConfig",
    "studies.get getIamPolicy list",
    "trials.get list",
    "versions.get list",
)
_DEVELOPER = _permissions(
    "jobs.create get getIamPolicy list",
    "locations.*",
    "models.create get getIamPolicy list predict",
    "operations.get list",
    "projects.getConfig",
    "studies.*",
    "trials.*",
    "versions.get list predict",
)

ROLES: dict[str, frozenset[str]] = {
    "roles/owner": _ADMIN,
    "roles/editor": _EDITOR,
    "roles/viewer": _VIEWER,
    "roles/ml.admin": _ADMIN,
    "roles/ml.editor": _EDITOR,
    "roles/ml.developer": _DEVELOPER,
    "roles/ml.viewer": _VIEWER,
    "roles/ml.jobOwner": _permissions("jobs.*"),
    "roles/ml.modelOwner": _permissions("models.*", "versions.*"),
    "roles/ml.modelUser": _permissions("models.get predict", "versions.get list predict"),
    "roles/ml.operationOwner": _permissions("operations.*"),
}

_MEMBER = re.compile(r"(user|serviceAccount|group|domain|principal|principalSet|deleted:\w+):\S+\Z")
_PUBLIC = {"allUsers", "allAuthenticatedUsers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Members who have a role, perhaps under a condition."""

    role: str
    members: tuple[str, ...]
    condition: str | None = None
    """CEL; None where there is none."""


def known_role(role: str) -> bool:
    """Say whether a role exists here."""
    return role in ROLES


def is_member_name(name: str) -> bool:
    """Say whether a text is a well-formed member."""
    return name in _PUBLIC or _MEMBER.match(name) is not None


def granted(
    bindings: Iterable[Binding], *, member: str, groups: dict[str, frozenset[str]], attributes: Attributes
) -> frozenset[str]:
    """Return the permissions that bindings give to a member.

    A condition that cannot be evaluated grants nothing.
    """
    found: set[str] = set()
    for binding in bindings:
        if not any(_is(member, name, groups) for name in binding.members):
            continue
        if binding.condition is None or condition_holds(binding.condition, attributes):
            found |= ROLES.get(binding.role, frozenset())
    return frozenset(found)


def _is(member: str, name: str, groups: dict[str, frozenset[str]]) -> bool:
    if name in _PUBLIC or member == name:
        return True  # whoever got this far is authenticated
    if name.startswith("domain:"):
        return member.startswith("user:") and member.endswith("@" + name.removeprefix("domain:"))
    return member in groups.get(name, ())
