"""The Ray executor against a dashboard of our own for what goes wrong, and a real cluster for what works."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from process_bench import Bench
from ray_cluster import RayCluster
from ray_cluster import ray_cluster as ray_cluster

from tablecloud.errors import ExecutorError, SettingError
from tablecloud.jobs.executors import cluster, ray_driver
from tablecloud.jobs.executors.ray import RayExecutor, RaySettings
from tablecloud.jobs.executors.ray_api import RayApi
from tablecloud.jobs.executors.shim import proc
from tablecloud.jobs.model import ReplicaState

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


class Dashboard:
    """Ray's job API without Ray: it takes jobs, runs none of them, and says what a test wants."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.refusal = ""
        self.seen: list[tuple[str, str, str]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        name = path.removeprefix("/api/jobs/").removesuffix("/stop")
        if method == "POST" and not name:
            if self.refusal or body["submission_id"] in self.jobs:
                return 500, f"Traceback\nValueError: {self.refusal or 'already exists'}"
            self.jobs[body["submission_id"]] = {"status": "PENDING", **body}
            return 200, {"submission_id": body["submission_id"]}
        if not name:
            return 200, list(self.jobs.values())
        if name not in self.jobs:
            return 404, "no such job"
        if method == "DELETE":
            return 200, {"deleted": bool(self.jobs.pop(name))}
        if path.endswith("/stop"):
            self.jobs[name]["status"] = "STOPPED"
        return 200, self.jobs[name]


def _handler(dashboard: Dashboard) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            dashboard.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
            status, document = dashboard.answer(self.command, self.path, json.loads(body or b"null"))
            data = (document if isinstance(document, str) else json.dumps(document)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer

    return Handler


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    made = Dashboard()
    yield made
    made.close()


@pytest.fixture
def bench(tmp_path: Path, dashboard: Dashboard) -> Iterator[Bench]:
    made = Bench(tmp_path, make=lambda root: RayExecutor(root, RaySettings(address=dashboard.address)))
    yield made
    made.close()


@pytest.fixture
def real(tmp_path: Path, ray_cluster: RayCluster) -> Iterator[Bench]:
    settings = RaySettings(address=ray_cluster.address, python=ray_cluster.python)
    made = Bench(tmp_path, make=lambda root: RayExecutor(root, settings))
    yield made
    made.close()


def test_one_replica_is_the_job_itself(bench: Bench, dashboard: Dashboard) -> None:
    spec = bench.spec(SLEEPER)
    spec = replace(spec, replicas=(replace(spec.replicas[0], cpus=4.0, memory_bytes=8 << 30),))
    bench.start_spec(spec)
    [job] = dashboard.jobs.values()
    assert job["submission_id"] == f"mljob-{spec.attempt_id}"
    assert (job["entrypoint_num_cpus"], job["entrypoint_memory"]) == (4.0, 8 << 30)
    assert job["metadata"] == {"tablecloud_job": "projects/p/jobs/job_1"}


def test_requests_are_cut_to_the_largest_machine_there_is(tmp_path: Path, dashboard: Dashboard) -> None:
    def make(root: Path) -> RayExecutor:
        return RayExecutor(root, RaySettings(address=dashboard.address, most_cpus=2.0))

    bench = Bench(tmp_path, make=make)
    spec = bench.spec(SLEEPER, SLEEPER)
    large = tuple(replace(one, cpus=4.0, memory_bytes=8 << 30) for one in spec.replicas)
    bench.start_spec(replace(spec, replicas=large))
    order = json.loads((Path(spec.folder) / ray_driver.ORDER).read_bytes())
    assert [one["bundle"] for one in order["replicas"]] == [{"CPU": 2.0, "memory": 4 << 30}] * 2
    bench.close()


def test_a_job_that_waits_for_room_has_not_begun(bench: Bench, dashboard: Dashboard) -> None:
    seen = bench.executor.observe(bench.start(SLEEPER))
    assert not seen.replicas and not seen.lost and not seen.finished


def test_a_stop_while_it_waits_ends_it(bench: Bench, dashboard: Dashboard) -> None:
    ref = bench.start(SLEEPER, SLEEPER)
    bench.executor.stop(ref)
    seen = bench.finish(ref)
    assert seen.finished and not seen.lost and seen.signalled_at is not None
    bench.executor.cleanup(ref)
    assert dashboard.jobs == {}


def test_a_job_that_ray_forgot_is_lost(bench: Bench, dashboard: Dashboard) -> None:
    ref = bench.start(SLEEPER)
    assert not bench.executor.observe(ref).lost
    dashboard.jobs.clear()
    seen = bench.another().observe(ref)
    assert seen.lost and "does not know" in seen.detail


def test_a_job_that_ray_ended_is_lost_in_its_words(bench: Bench, dashboard: Dashboard) -> None:
    ref = bench.start(SLEEPER)
    dashboard.jobs[ref["submission_id"]] |= {"status": "FAILED", "message": "no node has 999 CPUs"}
    seen = bench.executor.observe(ref)
    assert seen.lost and seen.detail == "no node has 999 CPUs"


def test_a_refusal_is_told_without_the_traceback(bench: Bench, dashboard: Dashboard) -> None:
    dashboard.refusal = "the head is full"
    with pytest.raises(ExecutorError, match=r"ValueError: the head is full \(status 500\)"):
        bench.start(SLEEPER)


def test_a_dashboard_that_is_away_says_nothing_about_the_attempt(bench: Bench, dashboard: Dashboard) -> None:
    ref = bench.start(SLEEPER)
    away = RayExecutor(bench.root, RaySettings(address="http://127.0.0.1:1"))
    with pytest.raises(ExecutorError, match="does not answer"):
        away.observe(ref)


def test_a_job_that_does_not_end_holds_up_the_cleanup(
    bench: Bench, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = bench.start(SLEEPER)
    with (
        monkeypatch.context() as patched,
        pytest.raises(ExecutorError, match="still runs the job mljob-"),
    ):
        patched.setattr("tablecloud.jobs.executors.ray._GONE_SECONDS", 0.1)
        patched.setattr(RayApi, "stop", lambda *_: None)
        bench.executor.cleanup(ref)
    assert dashboard.jobs


def test_the_token_goes_to_ray_and_into_no_message(
    bench: Bench, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "s3cret")
    executor = bench.another()
    dashboard.refusal = "no"
    with pytest.raises(ExecutorError) as caught:
        executor.start(spec := bench.spec(SLEEPER), executor.plan_ref(spec))
    assert dashboard.seen[-1][2] == "Bearer s3cret" and "s3cret" not in str(caught.value)


@pytest.mark.parametrize("address", ["ray://head:10001", "head:8265", ""])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SettingError, match="Ray dashboard"):
        RayApi(address)


def test_the_driver_fills_in_where_the_replicas_are(bench: Bench, tmp_path: Path) -> None:
    environment = {"TF": "localhost:@t:master-replica-0@ @t:worker-replica-0@", "OTHER": "x"}
    (tmp_path / "spec.json").write_text(
        json.dumps({"replicas": [{"environment": environment}], "token": "t"})
    )
    addresses = {"master-replica-0": ("10.0.0.1", 4), "worker-replica-0": ("10.0.0.2", 5)}
    ray_driver.fill_in(str(tmp_path), "t", addresses)
    [replica] = json.loads((tmp_path / "spec.json").read_bytes())["replicas"]
    assert replica["environment"] == {"TF": "10.0.0.1:4 5", "OTHER": "x"}


def test_a_replica_whose_actor_died_is_lost(bench: Bench, dashboard: Dashboard) -> None:
    ref = bench.start(SLEEPER, SLEEPER)
    folder = cluster.replica_folder(ref, "worker-replica-0")
    (folder / "started").touch()
    ray_driver.say_gone(str(folder), "The actor died.\nmore")
    seen = bench.executor.observe(ref)
    assert seen.lost and seen.detail == "The actor died."
    assert [one.state for one in seen.replicas] == [ReplicaState.PENDING, ReplicaState.LOST]


@pytest.mark.slow
def test_a_killed_actor_is_a_loss_and_leaves_nothing(real: Bench) -> None:
    ref = real.start(SLEEPER, SLEEPER)
    real.running(ref)
    state = json.loads((cluster.replica_folder(ref, "worker-replica-0") / "state.json").read_bytes())
    [actor] = [pid for pid in proc.all_pids() if state["shim"]["pid"] in proc.children_of(pid)]
    os.kill(actor, signal.SIGKILL)
    seen = real.finish(ref)
    assert seen.lost and seen.replicas[1].state is ReplicaState.LOST
    real.executor.cleanup(ref)
    assert real.left(ref) == []


@pytest.mark.slow
def test_a_job_that_somebody_stops_in_ray_is_a_loss(real: Bench, ray_cluster: RayCluster) -> None:
    ref = real.start(SLEEPER)
    real.running(ref)
    RayApi(ray_cluster.address).stop(ref["submission_id"])
    seen = real.finish(ref)
    # Ray signals the program as well, which may end before its supervisor hears of it: both are retried.
    assert seen.lost or seen.replicas[0].signal == signal.SIGTERM
    real.executor.cleanup(ref)
    assert real.left(ref) == []
