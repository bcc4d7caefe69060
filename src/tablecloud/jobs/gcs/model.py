"""What the storage face speaks of: objects, preconditions, refusals. Data only, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tablecloud.errors import JobError

REASONS = {
    400: "invalid",
    401: "required",
    403: "forbidden",
    404: "notFound",
    405: "methodNotAllowed",
    409: "conflict",
    412: "conditionNotMet",
    416: "requestedRangeNotSatisfiable",
    499: "cancelled",
    500: "backendError",
    501: "notImplemented",
}
"""HTTP status to the word that Cloud Storage's error documents carry."""


class Refusal(JobError):
    """A storage request that is answered with an error document.

    Parameters:
        status: HTTP status, a key of REASONS.
        message: what is wrong, for the caller.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def reason(self) -> str:
        """The word for the status."""
        return REASONS[self.status]


class NotModified(JobError):
    """A read whose `ifGenerationNotMatch` says that the caller has this content already: 304."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksums:
    """Of one content, as raw bytes."""

    md5: bytes
    crc32c: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object as it lies on disk."""

    bucket: str
    name: str
    path: Path
    size: int
    generation: int
    """Microseconds since the epoch of the content's last change."""
    metageneration: int = 1
    created: float
    updated: float
    checksums: Checksums | None = None
    """None where a program wrote the file and nobody has asked yet."""
    fields: dict[str, Any] = field(default_factory=dict)
    """What a client said of it: contentType, metadata, cacheControl and their like."""

    @property
    def content_type(self) -> str:
        """The media type that the uploader named."""
        return str(self.fields.get("contentType") or "application/octet-stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Preconditions of a request; None where it makes none. A generation of 0 means: no object."""

    generation: int | None = None
    generation_not: int | None = None
    metageneration: int | None = None
    metageneration_not: int | None = None

    def check(self, found: StoredObject | None) -> None:
        """Refuse what does not hold of the object found.

        Raises:
            Refusal: 412.
        """
        generation = found.generation if found else 0
        revision = found.metageneration if found else 0
        holds = (
            self.generation in (None, generation)
            and (self.generation_not is None or self.generation_not != generation)
            and self.metageneration in (None, revision)
            and (self.metageneration_not is None or self.metageneration_not != revision)
        )
        if not holds:
            raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")


NO_CONDITIONS = Conditions()

WRITABLE = (
    "contentType",
    "contentEncoding",
    "contentDisposition",
    "contentLanguage",
    "cacheControl",
    "customTime",
    "metadata",
)
"""Fields of an object that a client may set."""
