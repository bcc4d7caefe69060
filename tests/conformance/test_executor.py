"""What any executor must do, whoever runs the attempts; each test runs on every executor there is."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from process_bench import Bench

from tablecloud.errors import ExecutorError
from tablecloud.jobs.executors import Executor
from tablecloud.jobs.model import Reason, ReplicaState

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


def test_it_is_an_executor(bench: Bench, kind: str) -> None:
    executor: Executor = bench.executor
    assert executor.name == kind


def test_plan_ref_creates_nothing_and_names_the_same_thing_twice(bench: Bench) -> None:
    spec = bench.spec(SLEEPER)
    ref = bench.executor.plan_ref(spec)
    assert ref == bench.executor.plan_ref(spec) == json.loads(json.dumps(ref))
    assert not Path(spec.folder).exists()


def test_a_planned_attempt_that_was_never_started_is_lost(bench: Bench) -> None:
    seen = bench.executor.observe(bench.executor.plan_ref(bench.spec(SLEEPER)))
    assert seen.lost and not seen.replicas


def test_a_program_that_ends_well(bench: Bench) -> None:
    seen = bench.run("print('hello')")
    (master,) = seen.replicas
    assert (master.name, master.state, master.exit_code) == ("master-replica-0", ReplicaState.EXITED, 0)
    assert seen.finished and not seen.lost and seen.failed is None and seen.signalled_at is None
    assert master.started is not None and master.ended is not None and master.started <= master.ended


def test_output_is_complete_when_the_attempt_is_finished(bench: Bench) -> None:
    ref = bench.start("""
        import sys
        for number in range(5000):
            print('line', number)
        sys.stderr.write('no newline at the end')
    """)
    bench.finish(ref)
    entries = [entry for _, entry in bench.log(ref).read(limit=10_000)]
    assert [e.message for e in entries if e.message.startswith("line")] == [f"line {n}" for n in range(5000)]
    assert [e.severity for e in entries if e.message == "no newline at the end"] == ["ERROR"]
    assert len({entry.insert_id for entry in entries}) == len(entries)


def test_the_log_tells_the_command_and_the_end(bench: Bench) -> None:
    ref = bench.start("pass")
    bench.finish(ref)
    assert bench.lines(ref) == [
        "Running command: python3 -c pass",
        "Module completed; cleaning up.",
        "Clean up finished.",
    ]


def test_exit_codes_are_told(bench: Bench) -> None:
    assert bench.run("raise SystemExit(3)").replicas[0].exit_code == 3


def test_running_is_seen_before_the_end(bench: Bench) -> None:
    ref = bench.start(SLEEPER)
    seen = bench.running(ref)
    assert not seen.finished and not seen.lost and seen.replicas[0].started is not None


def test_stop_ends_it_and_says_when(bench: Bench) -> None:
    ref = bench.start(SLEEPER)
    bench.running(ref)
    bench.executor.stop(ref)
    seen = bench.finish(ref)
    assert seen.finished and not seen.lost and seen.signalled_at is not None
    assert seen.replicas[0].stopped


def test_the_end_of_the_primary_ends_the_others(bench: Bench) -> None:
    ref = bench.start("print('primary')", SLEEPER, SLEEPER)
    seen = bench.finish(ref)
    assert [replica.name for replica in seen.replicas] == [
        "master-replica-0",
        "worker-replica-0",
        "worker-replica-1",
    ]
    assert (seen.replicas[0].exit_code, seen.replicas[0].stopped) == (0, False)
    # In a cluster the primary may be over before another replica's machine is there.
    assert all(replica.stopped or replica.started is None for replica in seen.replicas[1:])


def test_a_worker_that_ends_well_ends_nothing(bench: Bench) -> None:
    ref = bench.start(SLEEPER, "pass")
    seen = bench.until(ref, lambda seen: len(seen.replicas) == 2 and seen.replicas[1].ended is not None)
    assert seen.replicas[0].state is ReplicaState.RUNNING


def test_a_worker_that_fails_ends_the_attempt(bench: Bench) -> None:
    ref = bench.start(SLEEPER, "raise SystemExit(5)")
    seen = bench.finish(ref)
    assert (seen.replicas[1].exit_code, seen.replicas[1].stopped) == (5, False)
    assert seen.replicas[0].stopped


def test_starting_again_adopts(bench: Bench) -> None:
    spec = bench.spec(SLEEPER)
    ref = bench.start_spec(spec)
    first = bench.running(ref)
    bench.executor.start(spec, ref)
    assert bench.executor.observe(ref) == first


def test_another_server_finds_a_running_attempt(bench: Bench) -> None:
    ref = bench.start(SLEEPER)
    first = bench.running(ref)
    other = bench.another()
    assert other.observe(ref) == first
    other.stop(ref)
    assert bench.finish(ref).finished


def test_cleanup_ends_a_running_attempt_and_keeps_its_log(bench: Bench) -> None:
    ref = bench.start(SLEEPER)
    bench.running(ref)
    bench.executor.cleanup(ref)
    assert bench.left(ref) == []
    assert "ready" in bench.lines(ref)
    bench.executor.cleanup(ref)


def test_cleanup_keeps_an_attempt_from_ever_starting(bench: Bench) -> None:
    spec = bench.spec("open('ran', 'w')")
    ref = bench.start_spec(spec)
    bench.executor.cleanup(ref)
    bench.executor.start(spec, ref)
    assert bench.left(ref) == []


def test_attempts_of_another_executor_are_refused(bench: Bench) -> None:
    ref = bench.executor.plan_ref(bench.spec(SLEEPER))
    with pytest.raises(ExecutorError, match="abacus"):
        bench.executor.observe({**ref, "executor": "abacus"})


def test_results_of_another_token_are_not_seen(bench: Bench) -> None:
    ref = bench.start("pass")
    bench.finish(ref)
    seen = bench.executor.observe({**ref, "token": "another"})
    assert not seen.finished


def test_packages_that_cannot_be_installed_are_told(bench: Bench) -> None:
    ref = bench.start("pass", packages=("/nowhere/trainer-0.1.tar.gz",))
    seen = bench.finish(ref)
    assert (seen.finished, seen.failed) == (True, Reason.INSTALL_FAILED)
    assert seen.detail == "The package /nowhere/trainer-0.1.tar.gz does not exist."
    assert seen.replicas[0].state is ReplicaState.PENDING
    assert seen.detail in bench.lines(ref)


def test_notices_reach_the_log(bench: Bench) -> None:
    ref = bench.start("pass", notices=("Note: the network has no effect here.",))
    bench.finish(ref)
    assert bench.log(ref).read()[0][1].severity == "WARNING"


def test_ports_are_free_and_the_same_for_all(bench: Bench, kind: str) -> None:
    if kind == "kubernetes":
        pytest.skip("every pod has an address of its own; test_kubernetes.py looks at them")
    program = """
        import os, socket, time
        own, other = os.environ['PORTS'].split(',')
        socket.create_server(('localhost', int({mine}))).close()
        print('ports', own, other, flush=True)
        time.sleep(0.2)
    """
    spec = bench.spec(program.format(mine="own"), program.format(mine="other"))
    marks = ",".join(f"@{spec.token}:{replica.name}@" for replica in spec.replicas)
    replicas = tuple(replace(r, environment={**r.environment, "PORTS": marks}) for r in spec.replicas)
    ref = bench.start_spec(replace(spec, replicas=replicas))
    assert bench.finish(ref).replicas[0].exit_code == 0
    said = [line for line in bench.lines(ref) if line.startswith("ports")]
    assert len(said) == 2 and len(set(said)) == 1
    with socket.socket() as free:
        free.bind(("127.0.0.1", int(said[0].split()[1])))
