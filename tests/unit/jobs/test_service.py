"""The service with real threads and, at the end, real processes."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from job_archives import wheel
from programs import program_layout
from scripted import LAYOUT, MemoryLog, ScriptedExecutor

from tablecloud.clock import FakeClock, SystemClock
from tablecloud.errors import JobError, ServiceNotRunning
from tablecloud.jobs.model import Job, LogEntry, NewJob, Reason, State
from tablecloud.jobs.service import JobExists, JobService, ServiceSettings, StaleRevision, UnknownJob


class EagerExecutor(ScriptedExecutor):
    """Attempts succeed as soon as they are observed."""

    def observe(self, ref):
        attempt = self.world.get(ref["name"])
        if attempt is not None and attempt.alive:
            uid, _, number = ref["name"].partition("-")
            self.exit(job_of(uid, int(number)))
        return super().observe(ref)


def job_of(uid: str, attempt: int) -> Job:
    return Job(
        uid=uid, attempt=attempt, project="", job_id="", state=State.RUNNING, document={}, create_time=0.0
    )


class Logs:
    def __init__(self) -> None:
        self.logs: dict[str, MemoryLog] = {}

    def __call__(self, uid: str) -> MemoryLog:
        return self.logs.setdefault(uid, MemoryLog())


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)


def new(job_id: str = "a", **more) -> NewJob:
    more.setdefault("document", {"trainingInput": {}})
    return NewJob(project="demo", job_id=job_id, **more)


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[JobService]:
    """A service that admits nothing."""
    service = JobService(
        ServiceSettings(root=tmp_path / "root", cpus=0.0),
        executor=ScriptedExecutor(FakeClock()),
        layout=LAYOUT,
        open_log=Logs(),
    )
    service.start()
    yield service
    service.stop()


class TestLife:
    def test_root_is_private_and_held_by_one(self, quiet: JobService, tmp_path: Path) -> None:
        assert stat.S_IMODE((tmp_path / "root").stat().st_mode) == 0o700
        other = JobService(ServiceSettings(root=tmp_path / "root"), executor=ScriptedExecutor(FakeClock()))
        with pytest.raises(JobError, match="Another job service works on"):
            other.start()
        quiet.stop()
        other.start()
        other.stop()

    def test_before_and_after(self, tmp_path: Path) -> None:
        service = JobService(
            ServiceSettings(root=tmp_path), executor=ScriptedExecutor(FakeClock()), layout=LAYOUT
        )
        service.stop()
        with pytest.raises(ServiceNotRunning):
            service.get("demo", "a")
        service.start()
        service.start()
        assert service.get("demo", "a") is None
        service.stop()
        service.stop()
        with pytest.raises(ServiceNotRunning):
            service.create(new())

    def test_a_broken_store_leaves_the_root_free(self, tmp_path: Path) -> None:
        (tmp_path / "jobs.sqlite").write_bytes(b"broken" * 1000)
        service = JobService(
            ServiceSettings(root=tmp_path), executor=ScriptedExecutor(FakeClock()), layout=LAYOUT
        )
        for _ in range(2):
            with pytest.raises(JobError, match="is damaged"):
                service.start()

    def test_a_root_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(JobError, match="cannot use"):
            JobService(ServiceSettings(root=tmp_path / "file" / "below")).start()

    def test_jobs_move_by_themselves(self, tmp_path: Path) -> None:
        executor = EagerExecutor(FakeClock(time.time()))
        service = JobService(
            ServiceSettings(root=tmp_path, cpus=20.0), executor=executor, layout=LAYOUT, open_log=Logs()
        )
        service.start()
        jobs = [service.create(new(f"j{number}")).result() for number in range(20)]
        wait_for(
            lambda: all(job.state is State.SUCCEEDED for job in service.page("demo", after=None, limit=50))
        )
        assert executor.violations == []
        assert [event.to_state.value for event in service.events(jobs[0])] == [
            "QUEUED",
            "PREPARING",
            "RUNNING",
            "SUCCEEDED",
        ]
        service.stop()

    def test_a_full_disk_stops_neither_reads_nor_the_loop(self, tmp_path: Path) -> None:
        executor = EagerExecutor(FakeClock(time.time()))
        service = JobService(
            ServiceSettings(root=tmp_path), executor=executor, layout=LAYOUT, open_log=Logs()
        )
        service.start()
        assert service.trouble() is None
        writer = service._running.store._writer._connection
        service._running.store._writer.submit(lambda _: writer.execute("PRAGMA query_only = ON")).result()
        with pytest.raises(JobError, match="readonly"):
            service.create(new("refused")).result()
        assert service.get("demo", "refused") is None
        writer.execute("PRAGMA query_only = OFF")
        service.create(new("accepted")).result()
        wait_for(lambda: service.get("demo", "accepted").state is State.SUCCEEDED)
        service.stop()

    def test_drain_starts_nothing_and_waits_for_what_runs(self, tmp_path: Path) -> None:
        executor = ScriptedExecutor(FakeClock(time.time()))
        service = JobService(
            ServiceSettings(root=tmp_path, cpus=1.0), executor=executor, layout=LAYOUT, open_log=Logs()
        )
        service.start()
        first = service.create(new("first")).result()
        service.create(new("second")).result()
        wait_for(lambda: executor.alive(first.uid) == 1)
        stopping = threading.Thread(target=service.stop, kwargs={"drain": True})
        stopping.start()
        claimed = service.get("demo", "first")
        assert claimed is not None
        executor.exit(claimed)
        stopping.join(20)
        assert not stopping.is_alive()
        service.start()
        ended, waits = service.get("demo", "first"), service.get("demo", "second")
        assert ended is not None
        assert waits is not None
        assert ended.state is State.SUCCEEDED
        service.stop()

    def test_a_second_stop_ends_one_that_drains(self, tmp_path: Path) -> None:
        executor = ScriptedExecutor(FakeClock(time.time()))
        service = JobService(
            ServiceSettings(root=tmp_path), executor=executor, layout=LAYOUT, open_log=Logs()
        )
        service.start()
        job = service.create(new()).result()
        wait_for(lambda: executor.alive(job.uid) == 1)
        draining = threading.Thread(target=service.stop, kwargs={"drain": True})
        draining.start()
        service.stop()
        draining.join(20)
        assert not draining.is_alive()
        assert executor.alive(job.uid) == 1


class TestRequests:
    def test_create_and_position(self, quiet: JobService) -> None:
        job = quiet.create(new(labels={"a": "b"}, priority=3)).result()
        assert quiet.get("demo", "a") == job
        assert quiet.position(job) == 1
        assert round(job.create_time, 6) == job.create_time
        with pytest.raises(JobExists):
            quiet.create(new()).result()

    def test_cancel_in_the_queue_is_told_in_the_log(self, quiet: JobService) -> None:
        quiet.create(new()).result()
        assert quiet.cancel("demo", "a", actor="user:me").state is State.CANCELLED
        lines = [entry.message for _, entry in quiet.logs("demo", "a")]
        assert lines[-2:] == ["Job a is queued.", "Cancelled by user."]
        with pytest.raises(UnknownJob):
            quiet.cancel("demo", "b", actor="user:me")

    def test_logs_of_a_job_that_only_waits_by_cursor(self, quiet: JobService) -> None:
        quiet.create(new()).result()
        first = quiet.logs("demo", "a", limit=2)
        rest = quiet.logs("demo", "a", after=first[-1][0])
        assert [entry.message for _, entry in (*first, *rest)] == [
            "Validating job requirements...",
            "Job creation request has been successfully validated.",
            "Job a is queued.",
        ]
        with pytest.raises(UnknownJob):
            quiet.logs("demo", "b")

    def test_labels_and_policies(self, quiet: JobService) -> None:
        quiet.create(new()).result()
        patched = quiet.patch_labels("demo", "a", {"x": "y"}, expected_revision=1, actor="user:me")
        assert patched.labels == {"x": "y"}
        with pytest.raises(StaleRevision):
            quiet.patch_labels("demo", "a", {}, expected_revision=1, actor="user:me")
        assert quiet.policy("projects/demo/jobs/a") is None
        quiet.set_policy("projects/demo/jobs/a", {"bindings": []}, expected_revision=None)
        stored = quiet.policy("projects/demo/jobs/a")
        assert stored is not None
        assert (stored.document, stored.revision) == ({"bindings": []}, 1)

    def test_project_numbers_are_stable(self, quiet: JobService) -> None:
        number = quiet.project_number("demo")
        assert number == quiet.project_number("demo") != quiet.project_number("demo2")
        assert len(str(number)) == 12
        assert quiet.project_number("1234") == 1234

    def test_many_clients_at_once(self, quiet: JobService) -> None:
        errors: list[BaseException] = []

        def client(number: int) -> None:
            try:
                for count in range(20):
                    quiet.create(new(f"j{number}_{count}")).result()
                    assert quiet.page("demo", after=None, limit=5)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        queued = quiet.page("demo", after=None, limit=1000)
        assert sorted(quiet.position(job) for job in queued) == list(range(1, 321))


class TestDefaults:
    """Nothing given: the real layout, logs and processes, with packages as users send them."""

    @pytest.fixture
    def service(self, tmp_path: Path) -> Iterator[JobService]:
        made = JobService(ServiceSettings(root=tmp_path / "root", grace_seconds=0.3))
        made.start()
        yield made
        made.stop()

    def run(self, service: JobService, package: Path, **more) -> Job:
        training = {
            "region": "us-central1",
            "runtimeVersion": "2.11",
            "pythonVersion": "3.7",
            "pythonModule": "trainer.task",
            "packageUris": [str(package)],
            **more,
        }
        service.create(new(document={"trainingInput": training})).result()

        def is_over() -> bool:
            return service.get("demo", "a").state.final

        wait_for(is_over, 60.0)
        return service.get("demo", "a")

    def test_a_package_runs_with_its_arguments(self, service: JobService, tmp_path: Path) -> None:
        program = "import sys, os; print('args', sys.argv[1:], os.environ['CLOUD_ML_JOB_ID'])"
        job = self.run(service, wheel(tmp_path, "trainer", modules={"task": program}), args=["--n", "1"])
        lines = [entry.message for _, entry in service.logs("demo", "a")]
        assert job.state is State.SUCCEEDED, (job.error_message, lines)
        assert "args ['--n', '1'] a" in lines
        assert "consumedMLUnits" in job.output

    def test_a_package_that_is_none_fails_in_preparation(self, service: JobService, tmp_path: Path) -> None:
        broken = tmp_path / "trainer-0.1-py3-none-any.whl"
        broken.write_bytes(b"no archive")
        job = self.run(service, broken)
        assert (job.state, job.reason) == (State.FAILED, Reason.INSTALL_FAILED)
        assert job.error_message.startswith("The packages of the job could not be installed. ")
        assert [event.to_state.value for event in service.events(job)] == ["QUEUED", "PREPARING", "FAILED"]

    def test_what_this_version_does_not_run_fails_with_the_reason(
        self, service: JobService, tmp_path: Path
    ) -> None:
        job = self.run(service, tmp_path / "none.whl", scaleTier="BASIC_TPU")
        assert (job.state, job.reason) == (State.FAILED, Reason.BAD_INPUT)
        assert "The scale tier BASIC_TPU needs hardware" in job.error_message


class TestProcesses:
    """The default executor, with programs given as source text instead of packages."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> ServiceSettings:
        return ServiceSettings(root=tmp_path, cpus=4.0, grace_seconds=0.3, infra_backoff_seconds=0.1)

    @pytest.fixture
    def service(self, settings: ServiceSettings) -> Iterator[JobService]:
        made = JobService(settings, clock=SystemClock(), layout=program_layout(settings))
        made.start()
        yield made
        made.stop()

    def run(self, service: JobService, program: str, job_id: str = "a", **more) -> Job:
        return service.create(new(job_id, document={"program": program}, **more)).result()

    def ended(self, service: JobService, job_id: str = "a") -> Job:
        def is_over() -> bool:
            found = service.get("demo", job_id)
            return found is not None and found.state.final

        wait_for(is_over)
        found = service.get("demo", job_id)
        assert found is not None
        return found

    def messages(self, service: JobService) -> list[LogEntry]:
        return [entry for _, entry in service.logs("demo", "a")]

    def test_success(self, service: JobService) -> None:
        self.run(service, "print('hello')")
        job = self.ended(service)
        assert (job.state, job.error_message) == (State.SUCCEEDED, None)
        assert job.create_time <= job.start_time <= job.end_time
        assert [entry.message for entry in self.messages(service) if entry.task == "master-replica-0"][
            -3:
        ] == [
            "hello",
            "Module completed; cleaning up.",
            "Clean up finished.",
        ]
        assert self.messages(service)[-1].message == "Job completed successfully."

    def test_failure_with_traceback(self, service: JobService) -> None:
        self.run(service, "raise ValueError('no data')")
        job = self.ended(service)
        assert job.state is State.FAILED
        assert "The replica master 0 exited with a non-zero status of 1." in job.error_message
        assert "ValueError: no data" in job.error_message

    def test_cancel(self, service: JobService) -> None:
        self.run(service, "import time; print('up'); time.sleep(600)")
        wait_for(lambda: any(entry.message == "up" for entry in self.messages(service)))
        wait_for(lambda: service.get("demo", "a").state is State.RUNNING)
        service.cancel("demo", "a", actor="user:me")
        assert self.ended(service).state is State.CANCELLED

    def test_max_running_time(self, service: JobService) -> None:
        self.run(service, "import time; time.sleep(600)", run_seconds=0.2)
        job = self.ended(service)
        assert job.state is State.CANCELLED
        assert job.error_message == "The job exceeded its maximum running time of 0.2s."

    def test_a_restart_of_the_service_leaves_the_job_running(
        self, service: JobService, settings: ServiceSettings, tmp_path: Path
    ) -> None:
        gate = tmp_path / "gate"
        self.run(
            service,
            "import os, time; print('up', os.getpid())\n"
            f"while not os.path.exists({str(gate)!r}): time.sleep(0.01)",
        )
        wait_for(lambda: any(entry.message.startswith("up") for entry in self.messages(service)))
        service.stop()
        again = JobService(settings, layout=program_layout(settings))
        again.start()
        gate.touch()
        job = self.ended(again)
        assert (job.state, job.attempt) == (State.SUCCEEDED, 1)
        assert sum(entry.message.startswith("up") for entry in self.messages(again)) == 1
        again.stop()

    def test_a_job_that_ended_while_nobody_looked(
        self, service: JobService, settings: ServiceSettings
    ) -> None:
        self.run(service, "import time; time.sleep(0.3)")
        wait_for(lambda: service.get("demo", "a").state is State.RUNNING)
        service.stop()
        again = JobService(settings, layout=program_layout(settings))
        again.start()
        assert self.ended(again).state is State.SUCCEEDED
        again.stop()

    def test_a_killed_program_is_tried_again(self, service: JobService, tmp_path: Path) -> None:
        mark = tmp_path / "mark"
        self.run(
            service,
            "import os, pathlib, signal\n"
            f"mark = pathlib.Path({str(mark)!r})\n"
            "if not mark.exists():\n"
            "    mark.touch()\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n",
        )
        job = self.ended(service)
        assert (job.state, job.attempt) == (State.SUCCEEDED, 2)
