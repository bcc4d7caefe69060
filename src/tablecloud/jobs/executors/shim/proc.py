"""What `/proc` tells of processes: which they are, what is below them, what they use."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # `typing` is slow to import
if TYPE_CHECKING:
    from typing import Any


def boot_id() -> str:
    """Return the kernel's identifier of this boot."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when there is no such process."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def identity(pid: int) -> dict[str, Any]:
    """Return what tells this process from a later one with the same pid."""
    return {"pid": pid, "start_time": start_time(pid), "boot_id": boot_id()}


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process, those adopted by it included."""
    try:
        found: list[int] = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
        return found
    except FileNotFoundError:
        # The process is gone, or the kernel was built without these files: then only a scan tells.
        return [other for other in all_pids() if (f := _stat(other)) and int(f[1]) == pid]
    except ProcessLookupError:
        return []


def all_pids() -> list[int]:
    """Return the pid of every process that `/proc` shows."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descendants(pid: int) -> list[int]:
    """Return every process below `pid`, parents before their children."""
    found: list[int] = []
    todo = [pid]
    while todo:
        below = children_of(todo.pop())
        found += below
        todo += below
    return found


def send(pid: int, number: int) -> None:
    """Signal a process; one that is gone is fine."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # PermissionError: it became another user's, which only root can mend


def memory_of(pids: list[int], limit: int) -> int:
    """Return the bytes these processes use together, exact only where that may be more than `limit`.

    Resident sizes count a page shared by forks once a process, so they only raise the suspicion; the
    proportional sizes, which the kernel computes slowly, decide.
    """
    resident = sum(_memory_field(f"/proc/{pid}/status", b"VmRSS:") for pid in pids)
    if resident <= limit:
        return resident
    return sum(_memory_field(f"/proc/{pid}/smaps_rollup", b"Pss:") for pid in pids)


def _memory_field(path: str, name: bytes) -> int:
    try:
        for line in _read(path).splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def kernel_kills() -> int:
    """Return how often the kernel has killed for want of memory; 0 where it does not say."""
    try:
        for line in _read("/proc/vmstat").splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def _stat(pid: int) -> list[bytes] | None:
    """Return the fields of `/proc/<pid>/stat` after the name, which may hold spaces: state, parent, …"""
    try:
        return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
