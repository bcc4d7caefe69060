from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from process_bench import Bench
from ray_cluster import RayCluster
from ray_cluster import ray_cluster as ray_cluster

from tablecloud.jobs.executors import Executor
from tablecloud.jobs.executors.process import ProcessExecutor


@pytest.fixture(params=["process", "kubernetes", pytest.param("ray", marks=pytest.mark.slow)])
def kind(request: pytest.FixtureRequest) -> str:
    """The name of the executor that a test runs on."""
    return str(request.param)


@pytest.fixture
def make(kind: str, request: pytest.FixtureRequest) -> Callable[[Path], Executor]:
    """Makes an executor of that name on a root."""
    if kind == "process":
        return ProcessExecutor
    made: Callable[[Path], Executor] = request.getfixturevalue(f"{kind}_executor")
    return made


@pytest.fixture
def kubernetes_executor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Path], Executor]]:
    pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")
    from kube_server import KubeServer

    from tablecloud.jobs.executors.kubernetes import KubernetesExecutor
    from tablecloud.jobs.executors.kubernetes_objects import KubernetesSettings

    server = KubeServer()
    monkeypatch.setenv("KUBECONFIG", str(server.config(tmp_path)))
    yield lambda root: KubernetesExecutor(root, KubernetesSettings(image="tablecloud:test"))
    server.close()


@pytest.fixture
def ray_executor(ray_cluster: RayCluster) -> Callable[[Path], Executor]:
    from tablecloud.jobs.executors.ray import RayExecutor, RaySettings

    settings = RaySettings(address=ray_cluster.address, python=ray_cluster.python)
    return lambda root: RayExecutor(root, settings)


@pytest.fixture
def bench(tmp_path: Path, make: Callable[[Path], Executor]) -> Iterator[Bench]:
    """A bench that ends everything after the test, and fails it when a process is left."""
    made = Bench(tmp_path / "state", make=make)
    yield made
    made.close()
