from __future__ import annotations

import pytest

from tablecloud.jobs.machines import GIB, TIERS, Machine, machine


@pytest.mark.parametrize(
    ("name", "cpus", "gib", "accelerators"),
    [
        ("n1-standard-4", 4, 15, 0),
        ("n1-highmem-8", 8, 52, 0),
        ("n1-highcpu-16", 16, 14.4, 0),
        ("e2-standard-2", 2, 8, 0),
        ("standard", 4, 15, 0),
        ("large_model", 8, 52, 0),
        ("complex_model_l", 32, 28.8, 0),
        ("standard_gpu", 8, 30, 1),
        ("complex_model_m_p100", 16, 60, 4),
        ("a2-highgpu-2g", 24, 170, 2),
    ],
)
def test_sizes(name: str, cpus: float, gib: float, accelerators: int) -> None:
    assert machine(name) == Machine(cpus=cpus, memory_bytes=int(gib * GIB), accelerators=accelerators)


@pytest.mark.parametrize(
    "name", ["", "n1-standard-0", "n1-standard", "z9-standard-4", "n1-standard-4 ", "cloud_tpu"]
)
def test_unknown_names(name: str) -> None:
    assert machine(name) is None


def test_tiers_use_machines_that_exist() -> None:
    for tier in TIERS.values():
        names = (tier.master, tier.worker, tier.parameter_server)
        assert all(machine(name) for name in names if name)
