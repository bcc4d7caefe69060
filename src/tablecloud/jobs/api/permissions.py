"""Whether a caller may do something: project-level bindings, then the policy of the job or model itself.

Contract: ml-jobs-service 1.10. A caller without the permission is told the same of resources that exist and
of those that do not.
"""

from __future__ import annotations

from tablecloud.jobs.api.calls import Api, Call
from tablecloud.jobs.api.conditions import Attributes
from tablecloud.jobs.api.roles import Binding, granted
from tablecloud.jobs.model import StoredPolicy
from tablecloud.jobs.wire.errors import ApiError
from tablecloud.jobs.wire.schemas import JsonObject


def require(
    api: Api, call: Call, *permissions: str, job_id: str | None = None, model: str | None = None
) -> None:
    """Refuse a call whose caller lacks any of the permissions.

    Parameters:
        job_id: the job at hand, whose own policy counts too.
        model: the same for a model, whose policy holds for its versions as well. Without either the project
            is the resource.

    Raises:
        ApiError: PERMISSION_DENIED.
    """
    if _of_project(api, call, job_id, model).issuperset(permissions):
        return  # most calls end here, without a look at the resource's own policy
    held = permissions_of(api, call, job_id, model)
    for name in permissions:
        if name not in held:
            resource = _resource(call, job_id, model)
            raise ApiError(
                "PERMISSION_DENIED",
                f"Permission '{name}' denied on resource '{resource}' (or it may not exist).",
            )


def permissions_of(
    api: Api, call: Call, job_id: str | None = None, model: str | None = None
) -> frozenset[str]:
    """Return every permission the caller has on a job or a model, or on the project."""
    held = _of_project(api, call, job_id, model)
    if job_id is None and model is None:
        return held
    policy = api.service.policy(_resource(call, job_id, model))
    return held if policy is None else held | _granted(api, call, policy_bindings(policy), job_id, model)


def policy_bindings(policy: StoredPolicy) -> tuple[Binding, ...]:
    """Return the bindings of a stored policy."""
    return tuple(map(_binding, policy.document.get("bindings", ())))


def _binding(row: JsonObject) -> Binding:
    # A condition without an expression is one nobody can evaluate: it stays a condition.
    condition = row["condition"].get("expression", "") if "condition" in row else None
    return Binding(role=row["role"], members=tuple(row["members"]), condition=condition)


def _of_project(api: Api, call: Call, job_id: str | None, model: str | None) -> frozenset[str]:
    return _granted(api, call, api.principals.of_project(call.project), job_id, model)


def _granted(
    api: Api, call: Call, bindings: tuple[Binding, ...], job_id: str | None, model: str | None
) -> frozenset[str]:
    kind = "cloudresourcemanager.googleapis.com/Project"
    if job_id is not None or model is not None:
        kind = "ml.googleapis.com/Job" if job_id is not None else "ml.googleapis.com/Model"
    attributes = Attributes(time=api.clock.now(), name=_resource(call, job_id, model), type=kind)
    return granted(bindings, member=call.member, groups=api.principals.groups, attributes=attributes)


def _resource(call: Call, job_id: str | None, model: str | None) -> str:
    project = f"projects/{call.project}"
    if job_id is not None:
        return f"{project}/jobs/{job_id}"
    return project if model is None else f"{project}/models/{model}"
