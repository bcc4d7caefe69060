from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tablecloud.jobs.accelerators import installed_accelerators
from tablecloud.jobs.executors.shim.accelerators import hand_out, take
from tablecloud.jobs.executors.shim.program import Process


def replica(accelerators: int) -> Process:
    return Process({"name": "r", "argv": [], "environment": {}, "cwd": "/", "accelerators": accelerators})


def test_all_or_none_are_taken(tmp_path: Path) -> None:
    names = ["0", "1", "2"]
    first = take(str(tmp_path), names, 2)
    assert first is not None and list(first) == ["0", "1"]
    assert take(str(tmp_path), names, 2) is None
    # The refusal left nothing behind.
    second = take(str(tmp_path), names, 1)
    assert second is not None and list(second) == ["2"]
    os.close(first["0"])
    third = take(str(tmp_path), names, 1)
    assert third is not None and list(third) == ["0"]
    for fd in (first["1"], second["2"], third["0"]):
        os.close(fd)


def test_replicas_get_their_own_while_there_are_any() -> None:
    replicas = [replica(2), replica(0), replica(2), replica(1)]
    hand_out(["a", "b", "c"], replicas)
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in replicas] == ["a,b", "", "c", ""]


@pytest.mark.parametrize(
    ("program", "found"), [("printf '0\\n1\\n'", ("0", "1")), ("exit 9", ()), ("printf ''", ())]
)
def test_the_machine_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, found: tuple[str, ...]
) -> None:
    fake = tmp_path / "nvidia-smi"
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed_accelerators() == found


def test_a_machine_without_the_program_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installed_accelerators() == ()


def test_what_the_server_may_not_see_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, GPU-x")
    assert installed_accelerators() == ("1", "GPU-x")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert installed_accelerators() == ()
