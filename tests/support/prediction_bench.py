"""The whole job service behind its API, with real processes, for batch prediction jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tablecloud.jobs.api.calls import Api, HttpRequest
from tablecloud.jobs.api.dispatch import answer
from tablecloud.jobs.api.principals import local_principals, signing_key
from tablecloud.jobs.service import JobService
from tablecloud.jobs.settings import ServiceSettings

TOKEN = "the-servers-own-token"
JOBS = "/v1/projects/demo/jobs"
ENDS = ("SUCCEEDED", "FAILED", "CANCELLED")
DEADLINE = 90.0


class PredictionBench:
    """A service on `<folder>/state`; buckets are the folders of `gcs`."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        settings = {"cpus": 2.0, "grace_seconds": 2.0, **settings}
        self.settings = ServiceSettings(root=folder / "state", **settings)
        self.gcs = folder / "state" / "gcs"
        self.open()

    def open(self) -> None:
        self.service = JobService(self.settings)
        self.service.start()
        principals = local_principals(TOKEN)
        self.api = Api(service=self.service, principals=principals, token_key=signing_key(principals))

    def close(self) -> None:
        self.service.stop()

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        raw = b"" if body is None else msgspec.json.encode(body)
        headers = {"authorization": f"Bearer {TOKEN}"}
        request = HttpRequest(method=method, path=path, query="", headers=headers, body=raw)
        reply = asyncio.run(answer(self.api, request))
        return reply.status, msgspec.json.decode(reply.body)

    def create(self, job_id: str, **prediction: Any) -> Any:
        given = {
            "dataFormat": "JSON",
            "inputPaths": ["gs://data/in/*"],
            "outputPath": f"gs://data/{job_id}",
            "region": "us-central1",
            **prediction,
        }
        if not {"modelName", "versionName", "uri"} & set(given):
            given["uri"] = "gs://data/model"
        status, job = self.send("POST", JOBS, {"jobId": job_id, "predictionInput": given})
        assert status == 200, job
        return job

    def until(self, job_id: str, wanted: Callable[[Any], bool]) -> Any:
        """Return the job's document once it is as wanted."""
        give_up = time.monotonic() + DEADLINE
        while True:
            _, job = self.send("GET", f"{JOBS}/{job_id}")
            if wanted(job):
                return job
            assert time.monotonic() < give_up, (job, self.lines(job_id))
            time.sleep(0.02)

    def finish(self, job_id: str) -> Any:
        return self.until(job_id, lambda job: job["state"] in ENDS)

    def run(self, job_id: str, **prediction: Any) -> Any:
        self.create(job_id, **prediction)
        return self.finish(job_id)

    def lines(self, job_id: str) -> list[str]:
        return [entry.message for _, entry in self.service.logs("demo", job_id)]

    def put(self, name: str, content: bytes | str) -> Path:
        """Write an object of the bucket `data`."""
        path = self.gcs / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def outputs(self, job_id: str) -> dict[str, str]:
        """Return every file of a job's output folder, hidden ones too."""
        return {path.name: path.read_text() for path in sorted((self.gcs / "data" / job_id).iterdir())}

    def predictions(self, job_id: str) -> list[Any]:
        files = self.outputs(job_id)
        lines = [
            line
            for name in files
            if name.startswith("prediction.results-")
            for line in files[name].split("\n")
        ]
        return [msgspec.json.decode(line) for line in lines if line]
