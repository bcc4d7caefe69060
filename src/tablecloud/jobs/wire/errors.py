"""The one error the HTTP face raises: a google.rpc status with its text and field violations. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from tablecloud.errors import JobError

HTTP_CODES = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Status word to HTTP status, contract 1.3. METHOD_NOT_ALLOWED is ours: google.rpc has no word for 405."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One entry of a BadRequest detail: a field (proto path, such as `job.job_id`) and what is wrong."""

    field: str
    description: str


class ApiError(JobError):
    """A request that is answered with an error envelope (contract 1.3).

    Parameters:
        status: a key of HTTP_CODES.
        message: the envelope's text.
        violations: fields at fault; they become one google.rpc.BadRequest detail.
        headers: extra reply headers, such as `WWW-Authenticate`.
    """

    def __init__(
        self,
        status: str,
        message: str,
        *,
        violations: tuple[Violation, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.violations = violations
        self.headers = headers

    @property
    def code(self) -> int:
        """The HTTP status."""
        return HTTP_CODES[self.status]


def invalid(message: str, *, field: str = "") -> ApiError:
    """Return an INVALID_ARGUMENT in the parser's own words; `field` adds a violation with the same text."""
    violations = (Violation(field=field, description=message),) if field else ()
    return ApiError("INVALID_ARGUMENT", message, violations=violations)


def field_error(field: str, text: str, *, status: str = "INVALID_ARGUMENT") -> ApiError:
    """Return an error in the service's house style: `Field: <proto path> Error: <text>`, one violation."""
    violation = Violation(field=field, description=text)
    return ApiError(status, f"Field: {field} Error: {text}", violations=(violation,))
