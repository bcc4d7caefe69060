"""Every package of a registry beside the repository: all of it is read, and every request is built.

The variable TABLECLOUD_TEST_REGISTRY names another folder that holds a `dist`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from registry_corpus import report, tried

BESIDE = Path(__file__).parents[3] / "shared" / "registry"
REGISTRY = Path(os.environ.get("TABLECLOUD_TEST_REGISTRY", BESIDE))

pytestmark = [pytest.mark.corpus, pytest.mark.slow]


def test_every_method_of_every_package_is_read_and_nearly_all_can_be_called() -> None:
    if not (REGISTRY / "dist" / "providers.yaml").exists():
        pytest.skip(f"there is no registry in {REGISTRY}")
    tallies = list(tried(REGISTRY))
    methods = sum(t.methods for t in tallies)
    assert methods > 1000 and all(t.methods or t.without_methods for t in tallies)
    assert sum(t.unsupported.total() for t in tallies) < methods * 0.05
    assert all(reason for t in tallies for reason in t.unsupported)
    assert f"{methods:,} methods" in report(tallies)
