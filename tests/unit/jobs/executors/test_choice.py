from __future__ import annotations

from pathlib import Path

import pytest

from tablecloud.errors import SettingError
from tablecloud.jobs.executors.choice import ExecutorChoice, make_executor


def test_processes_are_the_default(tmp_path: Path) -> None:
    assert make_executor(ExecutorChoice(), tmp_path).name == "process"
    assert not ExecutorChoice().queues_itself


def test_ray_needs_nothing_but_its_name(tmp_path: Path) -> None:
    choice = ExecutorChoice(kind="ray", ray_address="https://ray.example:8265", replica_cpus=2.0)
    assert make_executor(choice, tmp_path).name == "ray"
    assert choice.queues_itself


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ExecutorChoice(kind="abacus"), "abacus"),
        (ExecutorChoice(kind="ray", ray_address="ray.example:8265"), "ray.example:8265"),
        (ExecutorChoice(kind="kubernetes"), "needs an image"),
        (ExecutorChoice(kubernetes_image="x"), "--kubernetes-image has no meaning with --executor process"),
        (ExecutorChoice(kind="ray", kubernetes_volume="x"), "--kubernetes-volume has no meaning"),
        (ExecutorChoice(replica_cpus=1.0), "--replica-cpus has no meaning"),
    ],
)
def test_what_does_not_fit_is_refused(choice: ExecutorChoice, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=said):
        make_executor(choice, tmp_path)
