"""The files of an attempt's folder, as the supervisor and the server both use them."""

from __future__ import annotations

import fcntl
import os
import time

SPEC, LOCK, STARTED, STOP = "spec.json", "lock", "started", "stop"
STATE, EXIT, LOG = "state.json", "exit.json", "log"
ATTEMPT_VARIABLE = "CLOUD_ML_ATTEMPT_ID"


def claim(folder: str, token: str) -> bool:
    """Create `started`; False when it is there already, so that an attempt is begun once in its life."""
    try:
        fd = os.open(os.path.join(folder, STARTED), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    os.write(fd, token.encode())
    os.close(fd)
    return True


def take_lock(folder: str) -> int | None:
    """Take the attempt's lock; None when it was begun already.

    A server that looks holds the lock shared for a moment, so a refusal is tried again.
    """
    fd = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    while not os.path.exists(os.path.join(folder, STARTED)):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.001)
        else:
            return fd
    os.close(fd)
    return None


def replace(path: str, data: bytes, *, sync: bool = False) -> None:
    """Give a file new content at once, durably with `sync`.

    Raises:
        OSError: it has its old content still.
    """
    fd = os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(f"{path}.tmp", path)
    if sync:
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def wake(path: str) -> None:
    """Write a byte into the server's pipe, if there is one and someone reads it."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        os.write(fd, b"w")
    except OSError:
        pass  # full: it is awake already
    finally:
        os.close(fd)
