"""The error tree: every failure a user can meet, as a type with facts and a hint.

    TablecloudError [XX000]
    ├ SqlError (text, span)    ├ SqlSyntaxError [42601]  ├ UnknownColumn [42703]  ├ AmbiguousColumn [42702]
    │                          ├ MissingParameter [42P02]  ├ InvalidValue [22023]  ├ NotSupported [0A000]
    │                          └ QueryFailed [XX000]
    ├ CatalogError             ├ UnknownProvider [3D000]  ├ UnknownService [3F000]  ├ UnknownResource [42P01]
    │                          ├ UnknownMethod [42883]  ├ DocumentError [HV000]
    │                          └ TransformError [HV000]
    ├ CredentialError [28000]
    ├ RemoteError [HV000]      ├ RemoteDenied [42501]  ├ RemoteNotFound [HV00R]  ├ RemoteThrottled [53400]
    │                          ├ RemoteUnavailable [08006]  ├ RemoteRefused [HV000]
    │                          └ OperationFailed [HV000]
    ├ Cancelled [57014]
    ├ SettingError [F0000]
    └ JobError [58000]         ├ ServiceNotRunning [08001]  ├ StateFileBroken [58030]
                               └ ExecutorError [58000]

Nothing below this module. A message says what happened and to which call; `hint` says what to do next.
Secrets never reach an error: whoever builds one passes only what may be shown.
"""

from __future__ import annotations

from typing import ClassVar


class TablecloudError(Exception):
    """Any failure this package raises on purpose.

    Parameters:
        message: what happened, to which call; one sentence or a few, no trailing newline.
        hint: what to do next; empty where there is nothing to say.
    """

    sqlstate: ClassVar[str] = "XX000"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class SqlError(TablecloudError):
    """A statement that cannot be understood or carried out.

    `text` is the whole script the user gave and `span` the (start, end) character offsets of the culprit in
    it; both may be absent. The front that prints the error turns them into line, column and caret.
    """

    sqlstate = "42000"

    def __init__(
        self, message: str, *, hint: str = "", text: str | None = None, span: tuple[int, int] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.text = text
        self.span = span


class SqlSyntaxError(SqlError):
    """The text is not a statement."""

    sqlstate = "42601"


class UnknownColumn(SqlError):
    """A column that neither the rows nor the parameters of the table have."""

    sqlstate = "42703"


class AmbiguousColumn(SqlError):
    """A name that stands for more than one thing."""

    sqlstate = "42702"


class MissingParameter(SqlError):
    """No method of the resource can be called with the parameters at hand."""

    sqlstate = "42P02"


class InvalidValue(SqlError):
    """A value that does not fit where it stands."""

    sqlstate = "22023"


class NotSupported(SqlError):
    """A statement that is understood and that this version refuses."""

    sqlstate = "0A000"


class QueryFailed(SqlError):
    """The relational engine refused or failed: a type error, a division, memory."""

    sqlstate = "XX000"


class CatalogError(TablecloudError):
    """A name or a document of the catalog is wrong."""

    sqlstate = "42P01"


class UnknownProvider(CatalogError):
    """No such provider; the message carries the nearest spellings."""

    sqlstate = "3D000"


class UnknownService(CatalogError):
    """No such service in the provider."""

    sqlstate = "3F000"


class UnknownResource(CatalogError):
    """No such resource in the service."""

    sqlstate = "42P01"


class UnknownMethod(CatalogError):
    """No such method of the resource."""

    sqlstate = "42883"


class DocumentError(CatalogError):
    """A provider document that cannot be used; the message names the file and the path inside it."""

    sqlstate = "HV000"


class TransformError(CatalogError):
    """What a document prescribes for a request or an answer does not fit it; the message says where."""

    sqlstate = "HV000"


class CredentialError(TablecloudError):
    """No usable credential, or one that was refused before a call."""

    sqlstate = "28000"


class RemoteError(TablecloudError):
    """A call that the other side answered with a failure, or did not answer.

    Parameters:
        method: id of the method called, such as `google.ml.projects.jobs.list`.
        status: HTTP status; None where no answer came.
        code: the service's own word, such as `NOT_FOUND`; empty where it gave none.
        call: the request line shown to users, secrets masked, such as `GET https://…/v1/projects/p/jobs`.
        retry_after: seconds the service asked to wait; None where it did not say.
        sent: False only when the request certainly never left this machine.
    """

    sqlstate = "HV000"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        method: str = "",
        status: int | None = None,
        code: str = "",
        call: str = "",
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message, hint=hint)
        self.method = method
        self.status = status
        self.code = code
        self.call = call
        self.retry_after = retry_after
        self.sent = sent


class RemoteDenied(RemoteError):
    """401 or 403."""

    sqlstate = "42501"


class RemoteNotFound(RemoteError):
    """404 or 410."""

    sqlstate = "HV00R"


class RemoteThrottled(RemoteError):
    """429, or a quota answer in another dress."""

    sqlstate = "53400"


class RemoteUnavailable(RemoteError):
    """5xx, a broken connection, a time-out, a name that does not resolve."""

    sqlstate = "08006"


class RemoteRefused(RemoteError):
    """Any other 4xx: the request is wrong and repeating it will not help."""


class OperationFailed(RemoteError):
    """A long-running operation that ended with an error."""


class Cancelled(TablecloudError):
    """The user, or a client's cancel request, ended the statement."""

    sqlstate = "57014"


class SettingError(TablecloudError):
    """A flag, an environment variable or a configuration file holds something unusable."""

    sqlstate = "F0000"


class JobError(TablecloudError):
    """The job service, or a command about it, failed."""

    sqlstate = "58000"


class ServiceNotRunning(JobError):
    """The job service is not there, or did not come up."""

    sqlstate = "08001"


class StateFileBroken(JobError):
    """A file of the application root cannot be read, is damaged, or is of another version."""

    sqlstate = "58030"


class ExecutorError(JobError):
    """An executor could not do what it was asked."""


def error_from_status(status: int) -> type[RemoteError]:
    """Return the class that stands for an HTTP status of 400 or more."""
    if status in (401, 403):
        return RemoteDenied
    if status in (404, 410):
        return RemoteNotFound
    if status == 429:
        return RemoteThrottled
    if status == 408 or status >= 500:
        return RemoteUnavailable
    return RemoteRefused
