"""The HTTP face on a real service with a scripted executor: one job holds the machine, others stay QUEUED."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
from scripted import LAYOUT, MemoryLog, ScriptedExecutor

from tablecloud.clock import SystemClock
from tablecloud.jobs.api.calls import Api, HttpReply, HttpRequest
from tablecloud.jobs.api.dispatch import answer
from tablecloud.jobs.api.principals import Principals, local_principals, signing_key
from tablecloud.jobs.model import Job, NewJob, State
from tablecloud.jobs.service import JobService
from tablecloud.jobs.settings import ServiceSettings

TOKEN = "the-servers-own-token"
TRAINING = {
    "scaleTier": "BASIC",
    "region": "us-central1",
    "runtimeVersion": "2.11",
    "pythonVersion": "3.7",
    "packageUris": ["gs://bucket/trainer.tar.gz"],
    "pythonModule": "trainer.task",
}


def scripted_service(root: Path, settings: ServiceSettings | None = None) -> JobService:
    """Return a started service of one processor, or of other settings."""
    logs: dict[str, MemoryLog] = {}
    service = JobService(
        settings or ServiceSettings(root=root, cpus=1.0),
        executor=ScriptedExecutor(SystemClock()),
        layout=LAYOUT,
        open_log=lambda uid: logs.setdefault(uid, MemoryLog()),
    )
    service.start()
    return service


class ApiBench:
    """Requests go straight into `answer`: the same path as over HTTP, without sockets."""

    def __init__(
        self, root: Path, principals: Principals | None = None, settings: ServiceSettings | None = None
    ) -> None:
        self.service = scripted_service(root, settings)
        self.use(principals or local_principals(TOKEN))
        self.hold_the_machine()

    def hold_the_machine(self) -> None:
        """Create the job that takes the one processor, and wait until it has it."""
        blocker = NewJob(project="other", job_id="holds_the_machine", document={"trainingInput": {}})
        self.service.create(blocker).result()
        self.wait_for("other", "holds_the_machine", State.PREPARING)

    def use(self, principals: Principals) -> None:
        self.api = Api(service=self.service, principals=principals, token_key=signing_key(principals))

    @property
    def executor(self) -> Any:
        return self.service._executor

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        headers: dict[str, str] | None = None,
    ) -> HttpReply:
        """Send one request; `path` may carry a query, `body` is JSON unless it is bytes."""
        path, _, query = path.partition("?")
        sent = dict(headers or {})
        if token is not None:
            sent.setdefault("authorization", f"Bearer {token}")
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        request = HttpRequest(method=method, path=path, query=query, headers=sent, body=raw)
        return asyncio.run(answer(self.api, request))

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send, and return the JSON of a success."""
        reply = self.send(method, path, body, **more)
        assert reply.status == 200, reply.body
        return msgspec.json.decode(reply.body)

    def refusal(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str, str]:
        """Send, and return HTTP status, status word and message of a failure."""
        reply = self.send(method, path, body, **more)
        error = msgspec.json.decode(reply.body)["error"]
        assert error["code"] == reply.status
        return error["code"], error["status"], error["message"]

    def create(self, job_id: str, project: str = "demo", **fields: Any) -> Any:
        training = {**TRAINING, **fields.pop("training", {})}
        return self.call(
            "POST", f"/v1/projects/{project}/jobs", {"jobId": job_id, "trainingInput": training, **fields}
        )

    def wait_for(self, project: str, job_id: str, *states: State) -> Job:
        """Return the job once it is in one of the states, and the executor has what the state says it has."""
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            job = self.service.get(project, job_id)
            # A claim is on disk a moment before the executor hears of it.
            if job is not None and job.state in states and (job.state.final or self._has_begun(job)):
                return job
            time.sleep(0.01)
        raise AssertionError(f"{job_id} is not in {states}: {job}")

    def _has_begun(self, job: Job) -> bool:
        return job.attempt == 0 or f"{job.uid}-{job.attempt}" in self.executor.world

    def free_the_machine(self) -> None:
        """Let the job that holds the machine end."""
        self.executor.exit(self.wait_for("other", "holds_the_machine", State.PREPARING, State.RUNNING))

    def close(self) -> None:
        self.service.stop()
