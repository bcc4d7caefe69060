"""The supervisor under programs and killers that do not behave; no process of an attempt is ever left."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from job_archives import source_archive
from process_bench import Bench

from tablecloud.jobs.executors import processes
from tablecloud.jobs.executors.process import ProcessExecutor
from tablecloud.jobs.executors.shim import folder as files
from tablecloud.jobs.executors.shim import proc
from tablecloud.jobs.model import ReplicaState

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready'); time.sleep(600)"
DAEMON = """
    import os, sys, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve('/bin/sleep', ['sleep', '600'], {environment})
        os._exit(0)
    os.wait()
    print('ready', flush=True)
    time.sleep({seconds})
"""


def test_killed_supervisor_is_lost_and_the_sweep_leaves_nothing(bench: Bench) -> None:
    ref = bench.start(STUBBORN, DAEMON.format(environment="os.environ", seconds=600))
    bench.running(ref)
    os.kill(bench.shim_pid(ref), signal.SIGKILL)
    seen = bench.finish(ref)
    assert seen.lost and not seen.finished
    assert {replica.state for replica in seen.replicas} == {ReplicaState.LOST}
    bench.executor.cleanup(ref)
    assert bench.left(ref) == []
    assert bench.executor.observe(ref).lost


def test_killed_server_leaves_its_attempts_running(bench: Bench) -> None:
    spec = bench.spec(
        "import pathlib, time\nprint('ready')\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)"
    )
    ref = bench.executor.plan_ref(spec)
    bench.refs.append(ref)
    server = os.fork()
    if server == 0:
        ProcessExecutor(bench.root).start(spec, ref)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(server, 0)[1]) == -signal.SIGKILL
    bench.until(ref, lambda seen: bool(seen.replicas) and "ready" in bench.lines(ref))
    (Path(ref["folder"]) / "work" / "go").touch()
    seen = bench.until(ref, lambda seen: seen.finished)
    assert seen.replicas[0].exit_code == 0


def test_killed_supervisor_takes_its_replicas_with_it(bench: Bench) -> None:
    ref = bench.start(STUBBORN)
    bench.running(ref)
    os.kill(bench.shim_pid(ref), signal.SIGKILL)
    assert bench.left(ref) == []


@pytest.mark.parametrize("environment", ["os.environ", "{}"])
def test_daemons_end_with_the_program(bench: Bench, environment: str) -> None:
    ref = bench.start(DAEMON.format(environment=environment, seconds=0.1))
    bench.running(ref)
    daemons = set(proc.descendants(bench.shim_pid(ref))) - {bench.state(ref)["replicas"][0]["pid"]}
    assert len(daemons) == 1
    seen = bench.finish(ref)
    assert seen.finished and seen.replicas[0].exit_code == 0
    assert daemons.isdisjoint(proc.all_pids())


def test_program_that_ignores_terminate_is_killed_after_the_grace(bench: Bench) -> None:
    ref = bench.start(STUBBORN)
    bench.running(ref)
    bench.executor.stop(ref)
    seen = bench.finish(ref)
    master = seen.replicas[0]
    assert (seen.finished, seen.lost, master.signal, master.stopped) == (True, False, signal.SIGKILL, True)
    assert seen.signalled_at is not None and master.ended is not None and seen.signalled_at < master.ended


def test_program_that_ends_well_on_terminate_is_still_marked_as_stopped(bench: Bench) -> None:
    ref = bench.start("""
        import signal, sys, time
        def leave(*_): print('leaving'); sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        print('ready')
        time.sleep(600)
    """)
    bench.running(ref)
    bench.executor.stop(ref)
    seen = bench.finish(ref)
    assert (seen.replicas[0].exit_code, seen.replicas[0].stopped) == (0, True)
    assert "leaving" in bench.lines(ref)


def test_stopping_twice_and_after_the_end_changes_nothing(bench: Bench) -> None:
    ref = bench.start(SLEEPER)
    bench.running(ref)
    bench.executor.stop(ref)
    bench.executor.stop(ref)
    seen = bench.finish(ref)
    bench.executor.stop(ref)
    assert bench.executor.observe(ref) == seen


def test_closed_stdout_is_no_end(bench: Bench) -> None:
    seen = bench.run("""
        import os, sys, time
        os.close(1); os.close(2)
        time.sleep(0.2)
        os._exit(7)
    """)
    assert seen.replicas[0].exit_code == 7


def test_leaked_pipe_does_not_hold_up_the_end(bench: Bench) -> None:
    seen = bench.run("""
        import os, time
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
        print('parent done')
    """)
    assert seen.finished and seen.replicas[0].exit_code == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_death_by_a_signal_is_told(bench: Bench, number: signal.Signals) -> None:
    seen = bench.run(f"import os; os.kill(os.getpid(), {int(number)})")
    master = seen.replicas[0]
    assert (master.signal, master.exit_code, master.stopped, seen.signalled_at) == (number, None, False, None)
    assert not master.out_of_memory


def flood(megabytes: int) -> str:
    return f"""
        import sys
        line = b'x' * 99 + b'\\n'
        block = line * 10_000
        print('first', flush=True)
        for _ in range({megabytes}):
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
        print('last')
    """


def check_flood(bench: Bench, megabytes: int) -> None:
    limit = 8 << 20
    ref = bench.start(flood(megabytes), log_limit_bytes=limit)
    seen = bench.finish(ref)
    assert seen.replicas[0].exit_code == 0
    size = sum(path.stat().st_size for path in (Path(ref["folder"]) / files.LOG).iterdir())
    assert limit / 2 < size <= limit
    lines = bench.lines(ref)
    assert "first" in lines and "last" in lines
    assert sum("dropped" in line for line in lines) == 1
    assert set(map(len, (line for line in lines if line.startswith("x")))) == {99}


def test_two_hundred_megabytes_of_output_are_bounded(bench: Bench) -> None:
    check_flood(bench, 200)


@pytest.mark.slow
def test_a_gigabyte_of_output_is_bounded(bench: Bench) -> None:
    check_flood(bench, 1000)


def test_two_starts_of_one_attempt_run_it_once(bench: Bench) -> None:
    spec = bench.spec("open('count', 'a').write('x'); print('ready')")
    ref = bench.executor.plan_ref(spec)
    bench.refs.append(ref)
    servers = [ProcessExecutor(bench.root) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda server: server.start(spec, ref), servers))
    seen = bench.until(ref, lambda seen: seen.finished)
    assert seen.replicas[0].exit_code == 0
    for server in servers:
        server.start(spec, ref)
        server.observe(ref)
    assert (Path(ref["folder"]) / "work" / "count").read_text() == "x"


def test_stop_around_the_exit_never_confuses_who_ended_it(bench: Bench) -> None:
    for number in range(12):
        ref = bench.start("import time; print('ready', flush=True); time.sleep(0.02)", number=number)
        bench.until(ref, lambda seen: bool(seen.replicas) and seen.replicas[0].started is not None)
        time.sleep(number * 0.005)
        bench.executor.stop(ref)
        seen = bench.finish(ref)
        master = seen.replicas[0]
        assert seen.finished and not seen.lost
        if not master.stopped:
            assert master.exit_code == 0
            assert seen.signalled_at is None or seen.signalled_at >= (master.ended or 0)


def test_stop_before_the_supervisor_begins_keeps_it_from_beginning(bench: Bench) -> None:
    spec = bench.spec("open('ran', 'w')")
    ref = bench.executor.plan_ref(spec)
    bench.refs.append(ref)
    bench.executor.stop(ref)
    bench.executor.start(spec, ref)
    seen = bench.finish(ref)
    assert seen.finished and seen.signalled_at is not None
    assert not (Path(ref["folder"]) / "work" / "ran").exists()


def test_a_signal_from_outside_the_service_is_a_loss(bench: Bench) -> None:
    ref = bench.start(SLEEPER)
    bench.running(ref)
    os.kill(bench.shim_pid(ref), signal.SIGTERM)
    seen = bench.finish(ref)
    assert seen.lost and "outside" in seen.detail


def test_memory_over_the_limit_ends_the_program(bench: Bench) -> None:
    spec = bench.spec("data = bytearray(300 << 20); print('ready'); import time; time.sleep(600)")
    small = replace(spec, replicas=(replace(spec.replicas[0], memory_bytes=100 << 20),))
    seen = bench.finish(bench.start_spec(small))
    assert seen.replicas[0].out_of_memory and seen.replicas[0].signal == signal.SIGKILL


def test_full_disk_at_the_end_delays_it(bench: Bench) -> None:
    ref = bench.start(SLEEPER)
    bench.running(ref)
    # A folder in the way of the temporary file refuses the write as a full disk would, also to root.
    obstacle = Path(ref["folder"]) / f"{files.EXIT}.tmp"
    obstacle.mkdir()
    bench.executor.stop(ref)
    bench.until(ref, lambda seen: bool(seen.replicas) and seen.replicas[0].ended is not None)
    assert processes.lock_held(Path(ref["folder"]))
    assert not bench.executor.observe(ref).finished
    obstacle.rmdir()
    assert bench.finish(ref).finished


def test_a_stop_reaches_an_attempt_while_its_packages_install(bench: Bench, tmp_path: Path) -> None:
    archive = source_archive(tmp_path, "slow", setup="import time; time.sleep(600)")
    ref = bench.start("print('never')", packages=(str(archive),))
    bench.until(ref, lambda seen: bool(seen.replicas))
    bench.executor.stop(ref)
    seen = bench.finish(ref)
    assert seen.finished and seen.signalled_at is not None
    assert seen.replicas[0].state is ReplicaState.PENDING
