"""Which labels a resource may have. Pure. Contract: ml-jobs-service 1.5."""

from __future__ import annotations

from tablecloud.jobs.wire.errors import field_error

MAX_LABELS, MAX_LENGTH = 64, 63


def check_labels(labels: dict[str, str], field: str = "job.labels") -> None:
    """Refuse labels that are too many, too long, or use other characters than they may.

    Raises:
        ApiError: INVALID_ARGUMENT on `field`.
    """
    if len(labels) > MAX_LABELS:
        raise field_error(field, f"There may be at most {MAX_LABELS} labels; {len(labels)} were given.")
    for key, value in labels.items():
        if not key[:1].isalpha() or not _fits(key):
            raise _refused(field, "key", key, " It must start with a letter.")
        if not _fits(value):
            raise _refused(field, "value", value, "")


def _fits(text: str) -> bool:
    # Caseless scripts pass: a letter is wrong only where it has a lower-case form that differs.
    return len(text) <= MAX_LENGTH and all((c.isalnum() and c == c.lower()) or c in "_-" for c in text)


def _refused(field: str, what: str, text: str, more: str) -> Exception:
    return field_error(
        field,
        f"The label {what} '{text[:80]}' may have at most {MAX_LENGTH} characters: lower-case letters, "
        f"digits, underscores and dashes.{more}",
    )
