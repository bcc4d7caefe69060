"""Which accelerators this machine has, by the names that CUDA_VISIBLE_DEVICES takes."""

from __future__ import annotations

import os
import shutil
import subprocess

_PATIENCE = 10.0
"""Seconds; a driver that hangs must not keep the service from starting."""


def installed_accelerators() -> tuple[str, ...]:
    """Return what the server itself may see; nothing where there is no nvidia-smi, or it does not answer."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip())
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        listed = subprocess.run(
            [program, "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in listed.stdout.splitlines() if line.strip())
