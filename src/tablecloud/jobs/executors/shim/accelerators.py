"""Share accelerators between attempts: each is a lock file, held while its supervisor lives.

A supervisor that dies takes its programs along and frees its locks, so nothing has to be kept in step.
"""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False  # `typing` is slow to import
if TYPE_CHECKING:
    from .program import Process


def take(folder: str, names: list[str], wanted: int) -> dict[str, int] | None:
    """Take some accelerators for as long as their descriptors stay open; None while too few are free.

    All or none: two attempts that each held a part of what they need would wait for each other.
    """
    guard = os.open(os.path.join(folder, "guard"), os.O_RDWR | os.O_CREAT, 0o600)
    taken: dict[str, int] = {}
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for name in names:
            if len(taken) < wanted:
                fd = _take_one(os.path.join(folder, f"{name}.lock"))
                if fd is not None:
                    taken[name] = fd
        if len(taken) == wanted:
            return taken
        for fd in taken.values():
            os.close(fd)
        return None
    finally:
        os.close(guard)


def _take_one(path: str) -> int | None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def hand_out(names: list[str], replicas: list[Process]) -> None:
    """Show every replica its own accelerators and no others, the primary's first while there are any."""
    left = list(names)
    for replica in replicas:
        own, left = left[: replica.accelerators], left[replica.accelerators :]
        replica.environment["CUDA_VISIBLE_DEVICES"] = ",".join(own)
