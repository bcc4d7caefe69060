"""What the machine types and scale tiers of the service stand for. Data and look-ups only.

Contract: ml-jobs-service 2.1. On one machine the sizes are weights for admission, and the limit of what one
replica may use; whoever admits clips them to what there is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The size of one replica."""

    cpus: float
    memory_bytes: int
    accelerators: int = 0
    """GPUs that belong to the type itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The replicas of one scale tier: names of machine types, and how many of each."""

    master: str
    worker: str = ""
    workers: int = 0
    parameter_server: str = ""
    parameter_servers: int = 0


TIERS = {
    "BASIC": Tier(master="n1-standard-4"),
    "STANDARD_1": Tier(
        master="n1-highcpu-8",
        worker="n1-highcpu-8",
        workers=4,
        parameter_server="n1-standard-4",
        parameter_servers=3,
    ),
    "PREMIUM_1": Tier(
        master="n1-highcpu-16",
        worker="n1-highcpu-16",
        workers=19,
        parameter_server="n1-highmem-8",
        parameter_servers=11,
    ),
    "BASIC_GPU": Tier(master="standard_gpu"),
}

_GIB_PER_CPU = {
    "n1-standard": 3.75,
    "n1-highmem": 6.5,
    "n1-highcpu": 0.9,
    "n2-standard": 4.0,
    "n2-highmem": 8.0,
    "n2-highcpu": 1.0,
    "e2-standard": 4.0,
    "e2-highmem": 8.0,
    "e2-highcpu": 1.0,
    "c2-standard": 4.0,
    "m1-ultramem": 24.025,
    "m1-megamem": 14.9375,
}

_LEGACY = {
    "standard": ("n1-standard-4", 0),
    "large_model": ("n1-highmem-8", 0),
    "complex_model_s": ("n1-highcpu-8", 0),
    "complex_model_m": ("n1-highcpu-16", 0),
    "complex_model_l": ("n1-highcpu-32", 0),
    "standard_gpu": ("n1-standard-8", 1),
    "standard_p100": ("n1-standard-8", 1),
    "standard_v100": ("n1-standard-8", 1),
    "large_model_v100": ("n1-highmem-8", 1),
    "complex_model_m_gpu": ("n1-standard-16", 4),
    "complex_model_m_p100": ("n1-standard-16", 4),
    "complex_model_m_v100": ("n1-standard-16", 4),
    "complex_model_l_gpu": ("n1-standard-32", 8),
    "complex_model_l_v100": ("n1-standard-32", 8),
}

_COMPUTE_ENGINE = re.compile(r"([a-z]\d-[a-z]+)-([1-9]\d{0,2})")
_A2 = re.compile(r"a2-(?:highgpu|megagpu)-([1-9]\d?)g")


def machine(name: str) -> Machine | None:
    """Return the size of a machine type; None when the name is none."""
    if name in _LEGACY:
        twin, accelerators = _LEGACY[name]
        cpus, memory = _size(twin)
        return Machine(cpus=cpus, memory_bytes=memory, accelerators=accelerators)
    if match := _A2.fullmatch(name):
        count = int(match[1])
        return Machine(cpus=12.0 * count, memory_bytes=85 * GIB * count, accelerators=count)
    cpus, memory = _size(name)
    return Machine(cpus=cpus, memory_bytes=memory) if cpus else None


def _size(name: str) -> tuple[float, int]:
    """Return cpus and bytes of a Compute Engine name, zeros when the family is unknown."""
    match = _COMPUTE_ENGINE.fullmatch(name)
    if not match or match[1] not in _GIB_PER_CPU:
        return 0.0, 0
    cpus = int(match[2])
    return float(cpus), int(cpus * _GIB_PER_CPU[match[1]] * GIB)
