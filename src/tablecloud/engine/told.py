"""What a mutation says it did, in a line: `1 row inserted: projects/demo/jobs/x (QUEUED)`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from tablecloud.catalog.model import Method, Resource
from tablecloud.engine.tally import method_name
from tablecloud.sql.plan import Invocation, Mutation, Scalar

Answer: TypeAlias = tuple[bytes, Mapping[str, Scalar]]
"""The body of a response and the arguments of its call."""

_DONE = {"INSERT": "inserted", "UPDATE": "updated", "REPLACE": "replaced", "DELETE": "deleted"}
_NAMED = 3
"""More things than these are counted, not named."""


def outcome_text(plan: Mutation | Invocation, answers: Sequence[Answer], counts: tuple[int, int, int]) -> str:
    """Return the message of a finished mutation or bare call.

    Parameters:
        answers: of the calls that succeeded, in order.
        counts: how many were done, failed and were not tried.
    """
    names = [name for name in (_target(plan.resource, plan.method, answer) for answer in answers) if name]
    told = f": {', '.join(names)}" if names and len(names) <= _NAMED else ""
    if isinstance(plan, Invocation):
        word = "done" if plan.await_ or plan.method.long_running is None else "started"
        return f"{method_name(plan.resource, plan.method)} {word}{told}"
    if counts[1] or counts[2]:
        return f"{summary_text(counts)}{told}"
    return f"{counts[0]} row{'' if counts[0] == 1 else 's'} {_DONE.get(plan.verb, 'done')}{told}"


def summary_text(counts: tuple[int, int, int]) -> str:
    """Return `3 done, 1 failed, 16 not tried`."""
    done, failed, rest = counts
    return f"{done} done, {failed} failed, {rest} not tried"


def _target(resource: Resource, method: Method, answer: Answer) -> str:
    """Return what a call was about: the thing's path and its state, as far as the answer tells."""
    body = _object(answer[0])
    path = _expanded(method.path, answer[1])
    full = _text(body.get("name"))
    name = _identity(resource, body) or full
    if "/" in full:
        path = full
    elif name and method.http == "POST" and not path.endswith("/" + name):
        path = f"{path}/{name}"
    state = _text(body.get("state")) or _text(body.get("status"))
    return f"{path} ({state})" if state else path


def _identity(resource: Resource, body: Mapping[str, Any]) -> str:
    for method in resource.methods:
        for column in method.identity:
            if _text(body.get(column)):
                return _text(body.get(column))
    return ""


def _expanded(path: str, arguments: Mapping[str, Scalar]) -> str:
    """Return the method's path with its arguments and without version and custom verb."""
    filled = re.sub(r"\{\+?([^}]+)\}", lambda m: str(arguments.get(m.group(1), m.group(0))), path)
    filled = re.sub(r"^/?v\d[^/]*/", "", filled)
    return re.sub(r":[A-Za-z]+$", "", filled)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(body) if body.strip() else {}
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
