"""Names of the wire in snake case: `ListTargetARNs` is `list_target_arns`.

Contract: the alias rule of provider documents, which is the one that AWS's command line tools use.
"""

from __future__ import annotations

import re

_PLURAL_ACRONYM = re.compile(r"[A-Z]{2,}s$")
_STEPS = (
    re.compile(r"(.)([A-Z][a-z]+)"),
    re.compile(r"([a-z])([0-9]+)"),
    re.compile(r"([a-z0-9])([A-Z])"),
)


def to_snake(name: str) -> str:
    """Return a name in snake case; one that holds an underscore stays as it is."""
    if "_" in name:
        return name
    acronym = _PLURAL_ACRONYM.search(name)
    if acronym is not None:
        name = f"{name[: acronym.start()]}_{acronym.group().lower()}".removeprefix("_")
    for step in _STEPS:
        name = step.sub(r"\1_\2", name)
    return name.lower()
