"""What passes between the parts of the HTTP face: a request, a call of one method, a reply. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tablecloud.clock import Clock, SystemClock

if TYPE_CHECKING:
    from tablecloud.jobs.api.principals import Principals
    from tablecloud.jobs.service import JobService


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request as it came, nothing decoded."""

    method: str
    path: str
    """Raw: percent escapes still in place."""
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    """By lower-case name."""
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """One reply, ready to send."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of one API method, routed and authenticated."""

    method: str
    """Discovery id, such as `ml.projects.jobs.create`."""
    names: dict[str, str]
    """Path variables by their Discovery names, decoded: `projectsId`, `jobsId`."""
    query: dict[str, str]
    """The method's own query parameters by their Discovery names; system parameters are not among them."""
    body: bytes
    member: str
    """Who calls: `user:local`."""

    @property
    def project(self) -> str:
        """The project of the path."""
        return self.names["projectsId"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What every method works with."""

    service: JobService
    principals: Principals
    token_key: bytes = field(repr=False)
    """Signs page tokens."""
    clock: Clock = field(default_factory=SystemClock)
