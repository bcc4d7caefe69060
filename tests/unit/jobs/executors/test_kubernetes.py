from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kube_server import KubeServer
from process_bench import Bench

from tablecloud.errors import ExecutorError
from tablecloud.jobs.executors import cluster, kubernetes_objects
from tablecloud.jobs.executors.kubernetes_objects import KubernetesSettings
from tablecloud.jobs.model import Reason, ReplicaState

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")
from tablecloud.jobs.executors.kubernetes import KubernetesExecutor

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(15, signal.SIG_IGN); {SLEEPER}"
SETTINGS = KubernetesSettings(image="tablecloud:test")


@pytest.fixture
def kube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeServer]:
    server = KubeServer()
    monkeypatch.setenv("KUBECONFIG", str(server.config(tmp_path)))
    yield server
    server.close()


@pytest.fixture
def bench(tmp_path: Path, kube: KubeServer) -> Iterator[Bench]:
    made = Bench(tmp_path / "state", make=lambda root: KubernetesExecutor(root, SETTINGS))
    yield made
    made.close()


def test_objects_of_an_attempt_and_nothing_left_of_them(bench: Bench, kube: KubeServer) -> None:
    ref = bench.start(SLEEPER, SLEEPER, SLEEPER)
    bench.running(ref)
    stem = f"ml-{bench.stem}0001-a1"
    assert kube.names("jobs") == [f"{stem}-master", f"{stem}-worker"]
    assert kube.names("services") == [stem]
    assert len(kube.names("pods")) == 3
    job = kube.get("jobs", f"{stem}-worker")
    assert (job["spec"]["completions"], job["spec"]["backoffLimit"]) == (2, 0)
    assert job["metadata"]["annotations"] == {"tablecloud.dev/job": "projects/p/jobs/job_1"}
    bench.executor.cleanup(ref)
    assert [kube.names(kind) for kind in ("jobs", "pods", "services")] == [[], [], []]


def test_every_replica_gets_the_addresses_of_all(bench: Bench, kube: KubeServer) -> None:
    program = "import os; print(os.environ['CLUSTER'], os.environ['PORT'])"
    spec = bench.spec(program, SLEEPER)
    marks = {
        "CLUSTER": f"localhost:@{spec.token}:master-replica-0@,localhost:@{spec.token}:worker-replica-0@",
        "PORT": f"@{spec.token}:master-replica-0@",
    }
    replicas = tuple(replace(one, environment={**one.environment, **marks}) for one in spec.replicas)
    ref = bench.start_spec(replace(spec, replicas=replicas))
    bench.finish(ref)
    stem = f"ml-{bench.stem}0001-a1"
    assert f"{stem}-master-0.{stem}:2222,{stem}-worker-0.{stem}:2222 2222" in bench.lines(ref)


def test_pods_that_wait_for_a_node_are_neither_begun_nor_lost(bench: Bench, kube: KubeServer) -> None:
    kube.held = True
    ref = bench.start("print('hello')")
    seen = bench.executor.observe(ref)
    assert not seen.replicas and not seen.lost and not seen.finished
    kube.held = False
    assert bench.finish(ref).replicas[0].exit_code == 0


def test_a_stop_before_there_is_a_node_ends_it(bench: Bench, kube: KubeServer) -> None:
    kube.held = True
    ref = bench.start("open('ran', 'w')")
    bench.executor.stop(ref)
    seen = bench.finish(ref)
    assert seen.finished and not seen.lost and seen.signalled_at is not None
    kube.held = False
    bench.executor.cleanup(ref)
    assert not (Path(ref["folder"]) / "work" / "ran").exists()


def test_an_image_that_cannot_be_pulled_is_told(bench: Bench, kube: KubeServer) -> None:
    kube.broken_image = SETTINGS.image
    ref = bench.start("pass", "pass")
    seen = bench.finish(ref)
    assert (seen.finished, seen.lost, seen.failed) == (True, False, Reason.IMAGE_FAILED)
    assert "tablecloud:test" in seen.detail


def test_an_evicted_pod_is_a_loss(bench: Bench, kube: KubeServer) -> None:
    ref = bench.start(SLEEPER)
    bench.running(ref)
    kube.evict(kube.names("pods")[0])
    seen = bench.finish(ref)
    assert seen.lost and ("outside" in seen.detail or "disrupted" in seen.detail)


def test_a_lost_node_is_a_loss_that_cleanup_makes_safe(bench: Bench, kube: KubeServer) -> None:
    ref = bench.start(SLEEPER, SLEEPER)
    bench.running(ref)
    kube.lose_node(next(name for name in kube.names("pods") if "worker" in name))
    job = kube.objects["jobs", "default", f"ml-{bench.stem}0001-a1-worker"]
    with kube.lock:
        kube._finish(job, "Failed", "PodFailed", "its node is gone")
    seen = bench.finish(ref)
    assert seen.lost and [one.state for one in seen.replicas] == [ReplicaState.RUNNING, ReplicaState.LOST]
    bench.executor.cleanup(ref)
    assert bench.left(ref) == [] and kube.names("pods") == []


def test_memory_the_node_takes_back_is_told_as_such(bench: Bench, kube: KubeServer) -> None:
    ref = bench.start(SLEEPER, SLEEPER)
    bench.running(ref)
    kube.run_out_of_memory(next(name for name in kube.names("pods") if "master" in name))
    seen = bench.finish(ref)
    assert seen.finished and not seen.lost
    assert (seen.replicas[0].out_of_memory, seen.replicas[0].signal) == (True, 9)


def test_a_worker_lost_after_the_primary_won_changes_nothing(bench: Bench, kube: KubeServer) -> None:
    primary = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"
    ref = bench.start(primary, STUBBORN, grace_seconds=30)
    bench.running(ref)
    (Path(ref["folder"]) / "work" / "go").touch()
    bench.until(ref, lambda seen: seen.replicas[0].ended is not None)
    kube.kill(next(name for name in kube.names("pods") if "worker" in name))
    seen = bench.finish(ref)
    assert seen.finished and not seen.lost
    assert (seen.replicas[0].exit_code, seen.replicas[0].stopped) == (0, False)


def test_an_api_that_does_not_answer_says_nothing_about_the_attempt(bench: Bench, kube: KubeServer) -> None:
    ref = bench.start(SLEEPER)
    bench.running(ref)
    kube.silent = True
    with pytest.raises(ExecutorError, match="does not answer"):
        bench.another().observe(ref)
    kube.silent = False
    assert not bench.executor.observe(ref).lost


def test_a_node_that_does_not_answer_holds_up_the_cleanup(
    bench: Bench, kube: KubeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = bench.start(STUBBORN, grace_seconds=600)
    bench.running(ref)
    kube.dead_nodes = True
    with monkeypatch.context() as patched, pytest.raises(ExecutorError, match="still there: ml-"):
        patched.setattr("tablecloud.jobs.executors.kubernetes._GONE_SECONDS", 0.1)
        bench.executor.cleanup(ref)
    assert bench.left(ref)
    kube.dead_nodes = False
    bench.executor.cleanup(ref)
    assert bench.left(ref) == []


def lists(kube: KubeServer) -> int:
    """How many lists of all of our objects were asked for."""
    ours = [one for one in kube.requests if one.startswith("GET ") and "managed-by" in one]
    return len([one for one in ours if "watch=" not in one])


def test_many_attempts_cost_two_lists_and_then_nothing(bench: Bench, kube: KubeServer) -> None:
    refs = [bench.start(SLEEPER, number=number) for number in range(1, 5)]
    for ref in refs:
        bench.running(ref)
    other = bench.another()
    kube.requests.clear()
    for _ in range(3):
        for ref in refs:
            assert other.observe(ref).replicas
    assert lists(kube) == 2
    assert len(kube.requests) <= 4  # and two watches, which may be on their way


def test_what_the_watch_tells_is_seen_without_a_list(bench: Bench, kube: KubeServer) -> None:
    ref = bench.start(SLEEPER)
    bench.running(ref)
    kube.requests.clear()
    kube.lose_node(kube.names("pods")[0])
    job = kube.objects["jobs", "default", f"ml-{bench.stem}0001-a1-master"]
    with kube.lock:
        kube._finish(job, "Failed", "PodFailed", "its node is gone")
    assert bench.finish(ref).lost
    assert lists(kube) == 0


@pytest.mark.parametrize("trouble", ["forget", "cut"])
def test_a_broken_watch_is_followed_by_a_list(bench: Bench, kube: KubeServer, trouble: str) -> None:
    ref = bench.start(SLEEPER)
    bench.running(ref)
    before = lists(kube)
    getattr(kube, trouble)()
    bench.until(ref, lambda seen: lists(kube) > before)
    assert not bench.executor.observe(ref).lost
    kube.lose_node(kube.names("pods")[0])
    job = kube.objects["jobs", "default", f"ml-{bench.stem}0001-a1-master"]
    with kube.lock:
        kube._finish(job, "Failed", "PodFailed", "its node is gone")
    assert bench.finish(ref).lost


def test_an_account_that_may_not_watch_lists(bench: Bench, kube: KubeServer) -> None:
    kube.no_watch = True
    ref = bench.start(SLEEPER)
    bench.running(ref)
    kube.evict(kube.names("pods")[0])
    assert bench.finish(ref).lost


def test_refusals_are_told_in_the_words_of_the_api(bench: Bench, kube: KubeServer) -> None:
    kube.quota = "exceeded quota: team-a"
    with pytest.raises(ExecutorError, match="exceeded quota: team-a"):
        bench.start("pass")
    bench.executor.cleanup(bench.refs[0])
    assert kube.names("services") == []


def test_no_cluster_is_told_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(ExecutorError, match="no cluster") as caught:
        KubernetesExecutor(tmp_path, SETTINGS)
    assert "KUBECONFIG" in caught.value.hint


def test_requests_are_cut_to_the_largest_machine_there_is(bench: Bench) -> None:
    spec = bench.spec("pass")
    large = replace(spec.replicas[0], cpus=32.0, memory_bytes=32 << 30)
    sized = replace(
        spec, replicas=(large,), job={"trainingInput": {"scheduling": {"maxRunningTime": "7200s"}}}
    )
    ref = cluster.plan_ref(sized, "kubernetes")
    [job] = kubernetes_objects.jobs(sized, ref, replace(SETTINGS, most_cpus=4.0, volume="jobs"), "/state")
    [container] = job["spec"]["template"]["spec"]["containers"]
    memory = str(4 << 30)
    assert container["resources"] == {
        "requests": {"cpu": "4000m", "memory": memory},
        "limits": {"memory": memory},
    }
    assert job["spec"]["activeDeadlineSeconds"] == 7800
    assert "persistentVolumeClaim" in json.dumps(job)


def test_the_token_of_the_cluster_reaches_no_pod(bench: Bench, kube: KubeServer) -> None:
    ref = bench.start("import json, os; print(json.dumps(dict(os.environ)))")
    bench.finish(ref)
    assert not any("secret-of-the-cluster" in line for line in bench.lines(ref))
    pod = kube.get("pods", kube.names("pods")[0])
    assert pod["spec"]["automountServiceAccountToken"] is False
