from __future__ import annotations

from typing import Any

import pytest

from tablecloud.jobs.builtin.registry import algorithm_name

TREES = "gcr.io/cloud-ml-algos/boosted_trees:latest"


@pytest.mark.parametrize(
    ("training", "name"),
    [
        ({"masterConfig": {"imageUri": TREES}}, "boosted_trees"),
        ({"masterConfig": {"imageUri": "gcr.io/cloud-ml-algos/tab_net"}}, "tab_net"),
        ({"masterConfig": {"imageUri": TREES}, "workerConfig": {"imageUri": TREES}}, "boosted_trees"),
        ({"masterConfig": {"imageUri": TREES, "containerCommand": ["sh"]}}, None),
        ({"masterConfig": {"imageUri": TREES}, "workerConfig": {"imageUri": "x"}}, None),
        ({"masterConfig": {"imageUri": "gcr.io/mine/boosted_trees"}}, None),
        ({}, None),
    ],
)
def test_which_images_are_algorithms(training: dict[str, Any], name: str | None) -> None:
    assert algorithm_name(training) == name
