"""The three policy methods of jobs and models. Contract: ml-jobs-service 1.10."""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.etags import etag_of, revision_of
from tablecloud.jobs.api.jobs import no_such_job
from tablecloud.jobs.api.parameters import integer_parameter
from tablecloud.jobs.api.permissions import permissions_of, require
from tablecloud.jobs.api.roles import is_member_name, known_role
from tablecloud.jobs.model import StoredPolicy
from tablecloud.jobs.models.records import no_such_model
from tablecloud.jobs.store import StaleRevision
from tablecloud.jobs.wire.errors import ApiError, field_error
from tablecloud.jobs.wire.json_reader import read_body
from tablecloud.jobs.wire.masks import read_mask
from tablecloud.jobs.wire.schemas import JsonObject

EMPTY_ETAG = "ACAB"
"""Of a policy that was never set."""

_MAX_MEMBERS, _MAX_GROUPS = 1500, 250
_CONDITIONAL = 3
"""The policy version that has conditions."""

_CONCURRENT = (
    "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."
)


async def get_iam_policy(api: Api, call: Call) -> JsonObject:
    """Return the policy of a job or model; an empty one where none was set.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND.
    """
    name = "options.requestedPolicyVersion"
    version = integer_parameter(call.query, name, "options.requested_policy_version") or 0
    if version not in (0, 1, _CONDITIONAL):
        raise field_error("options.requested_policy_version", "The policy version must be 0, 1 or 3.")
    require(api, call, f"ml.{_collection(call)}.getIamPolicy", **_target(call))
    return _shown(api.service.policy(_found(api, call)), version)


async def set_iam_policy(api: Api, call: Call) -> JsonObject:
    """Replace the policy of a job or model, and return the new one.

    Raises:
        ApiError: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND, ABORTED for a stale etag.
    """
    body = read_body("GoogleIamV1__SetIamPolicyRequest", call.body)
    require(api, call, f"ml.{_collection(call)}.setIamPolicy", **_target(call))
    if "policy" not in body:
        raise field_error("policy", "The policy is required.")
    supported = ("bindings", "etag", "auditConfigs", "version")
    mask = read_mask(body.get("updateMask"), supported=supported, required=False) or {"bindings", "etag"}
    name = _found(api, call)
    stored = api.service.policy(name)
    policy = body["policy"]
    _check_policy(policy, stored)
    etag = policy.get("etag") if "etag" in mask else None
    document = _merged(policy, stored, mask)
    expected = _expected(etag) if etag else None
    try:
        saved = await asyncio.to_thread(api.service.set_policy, name, document, expected_revision=expected)
    except StaleRevision:
        raise ApiError("ABORTED", _CONCURRENT) from None
    return _shown(saved, _CONDITIONAL)


async def test_iam_permissions(api: Api, call: Call) -> JsonObject:
    """Return those of the asked permissions that the caller has; none where the resource does not exist.

    Raises:
        ApiError: INVALID_ARGUMENT: a wildcard.
    """
    body = read_body("GoogleIamV1__TestIamPermissionsRequest", call.body)
    asked: list[str] = body.get("permissions", [])
    if any("*" in name for name in asked):
        raise field_error("permissions", "Permissions with wildcards are not allowed.")
    if _path(api, call) is None:
        return {}
    held = permissions_of(api, call, **_target(call))
    found = [name for name in dict.fromkeys(asked) if name in held]
    return {"permissions": found} if found else {}


def _collection(call: Call) -> str:
    return "models" if "modelsId" in call.names else "jobs"


def _target(call: Call) -> dict[str, str]:
    """Return how `permissions` is told of the resource."""
    if "modelsId" in call.names:
        return {"model": call.names["modelsId"]}
    return {"job_id": call.names["jobsId"]}


def _path(api: Api, call: Call) -> str | None:
    """Return the resource's full name; None where there is no such resource."""
    if "modelsId" in call.names:
        model = api.service.models.store.model(call.project, call.names["modelsId"])
        return None if model is None else model.path
    job = api.service.get(call.project, call.names["jobsId"])
    return None if job is None else job.name


def _found(api: Api, call: Call) -> str:
    """Return the resource's full name.

    Raises:
        ApiError, Refusal: NOT_FOUND.
    """
    path = _path(api, call)
    if path is None:
        raise no_such_model() if "modelsId" in call.names else no_such_job()
    return path


def _expected(etag: str) -> int:
    return 0 if etag == EMPTY_ETAG else revision_of(etag)


def _shown(stored: StoredPolicy | None, version: int) -> JsonObject:
    if stored is None:
        return {"etag": EMPTY_ETAG}
    policy = dict(stored.document)
    if policy["version"] == _CONDITIONAL and version < _CONDITIONAL:
        policy["version"] = 1
        policy["bindings"] = [_without_condition(row) for row in policy["bindings"]]
    return {**policy, "etag": etag_of(stored.revision)}


def _without_condition(row: JsonObject) -> JsonObject:
    """Old clients get a role name that cannot be mistaken for the unconditional one, nor written back."""
    if "condition" not in row:
        return row
    digest = hashlib.sha256(msgspec.json.encode(row["condition"], order="sorted")).hexdigest()[:20]
    return {"role": f"{row['role']}_withcond_{digest}", "members": row["members"]}


def _merged(policy: JsonObject, stored: StoredPolicy | None, mask: frozenset[str] | set[str]) -> JsonObject:
    old = stored.document if stored is not None else {}
    document: JsonObject = {}
    for name in ("bindings", "auditConfigs"):
        value = policy.get(name) if name in mask else old.get(name)
        if value:
            document[name] = value
    conditional = any("condition" in row for row in document.get("bindings", ()))
    return {"version": _CONDITIONAL if conditional else 1, **document}


def _check_policy(policy: JsonObject, stored: StoredPolicy | None) -> None:
    version = policy.get("version", 0)
    if version not in (0, 1, _CONDITIONAL):
        raise field_error("policy.version", "The policy version must be 0, 1 or 3.")
    bindings = policy.get("bindings", [])
    for index, row in enumerate(bindings):
        _check_binding(row, f"policy.bindings[{index}]")
    conditional = any("condition" in row for row in bindings)
    was_conditional = stored is not None and stored.document["version"] == _CONDITIONAL
    if (conditional or was_conditional) and version != _CONDITIONAL:
        raise field_error("policy.version", "A policy with conditions can only be set with version 3.")
    members = [member for row in bindings for member in row["members"]]
    if len(members) > _MAX_MEMBERS:
        raise field_error("policy.bindings", f"A policy may name at most {_MAX_MEMBERS} members.")
    if sum(member.startswith("group:") for member in members) > _MAX_GROUPS:
        raise field_error("policy.bindings", f"A policy may name at most {_MAX_GROUPS} groups.")


def _check_binding(row: JsonObject, path: str) -> None:
    role = row.get("role", "")
    if not known_role(role):
        raise field_error(f"{path}.role", f"The role '{role[:200]}' is not known.")
    if not row.get("members"):
        raise field_error(f"{path}.members", "A binding needs at least one member.")
    for member in row["members"]:
        if not is_member_name(member):
            raise field_error(
                f"{path}.members", f"'{member[:200]}' is not a member such as user:ann@example.com."
            )
    if "condition" in row and not row["condition"].get("expression"):
        raise field_error(f"{path}.condition", "A condition needs an expression.")
