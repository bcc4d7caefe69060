"""What serving can be told: one frozen record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingSettings:
    """Settings of online prediction. Contract: ml-jobs-service 4."""

    predict_timeout: float = 60.0
    """Seconds that one prediction may take, the wait for a free worker included; not the model's loading."""
    load_timeout: float = 300.0
    """Seconds that a model may take to load."""
    install_timeout: float = 900.0
    """Seconds that the installation of a version's packages may take."""
    idle_seconds: float = 900.0
    """After how long an unused worker of a version without `minNodes` is ended."""
    concurrency: int = 32
    """Requests of one version that may run and wait at a time."""
    total_concurrency: int = 64
    """The same for all versions together."""
    most_nodes: int = 4
    """Workers of one version, whatever its `maxNodes`: they share one machine."""
    errors_as_400: bool = False
    """Answer a model's failure with HTTP 400 instead of the classic 200 with an `error`."""
