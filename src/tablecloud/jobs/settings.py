"""What the job service can be told: one frozen record, made by the server from flags and files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tablecloud.jobs.serving.settings import ServingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Settings of one job service."""

    root: Path
    """State root, mode 0700: `jobs.sqlite`, `attempts/`, `gcs/`, `packages/`, virtual environments."""
    max_user_restarts: int = 0
    """How often a job starts again after its own program failed."""
    infra_attempts: int = 3
    """How many attempts a job gets when machines or supervisors are lost under it."""
    infra_backoff_seconds: float = 10.0
    """The wait before the second of them; it doubles each time."""
    grace_seconds: float = 10.0
    """Between SIGTERM and SIGKILL."""
    log_limit_bytes: int = 64 * 1024 * 1024
    """Of one attempt's output; the middle of a longer one is dropped."""
    cpus: float | None = None
    """What jobs may use together; None is what this machine has."""
    memory_bytes: int | None = None
    """As `cpus`."""
    accelerators: tuple[str, ...] | None = None
    """Names that CUDA_VISIBLE_DEVICES takes; None is what nvidia-smi lists."""
    offline: bool = True
    """Whether pip must do without an index."""
    serving: ServingSettings = field(default_factory=ServingSettings)
    """Of online prediction."""
    url: str = ""
    """Where the server answers, as jobs of this machine reach it; empty where nothing answers."""
    storage_key: bytes = field(default=b"", repr=False)
    """Makes the secrets that let jobs use the storage face; `gcs.access`."""
