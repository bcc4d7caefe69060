"""Ray's job submission API, as much of it as the executor needs; one connection a request.

Contract: ml-jobs-service 5.3 (Ray Jobs).
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from tablecloud.errors import ExecutorError, SettingError

PENDING, RUNNING = "PENDING", "RUNNING"
_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RayJob:
    """A job as Ray sees it."""

    status: str
    """PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED."""
    message: str = ""

    @property
    def may_run(self) -> bool:
        """Whether something of it runs, or yet will."""
        return self.status in (PENDING, RUNNING)


class RayApi:
    """The dashboard of one Ray cluster.

    Parameters:
        address: `http://host:port`, 8265 as a rule.
        token: for clusters that ask for one; never shown.

    Raises:
        SettingError: the address is none.
    """

    def __init__(self, address: str, token: str = "") -> None:
        url = urlsplit(address)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise SettingError(
                f"{address!r} is not the address of a Ray dashboard", hint="write http://HOST:8265"
            )
        self._url = url
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def submit(self, submission_id: str, entrypoint: str, **options: Any) -> None:
        """Submit a job; one of this id that exists already is left as it is.

        Raises:
            ExecutorError: Ray refused it, or did not answer.
        """
        order = {"submission_id": submission_id, "entrypoint": entrypoint, **options}
        status, body = self._request("POST", "/api/jobs/", order)
        # Ray answers 500 with a traceback for an id that is taken, so that only looking it up tells.
        if status >= 400 and self.job(submission_id) is None:
            raise _refused("to take the job", status, body)

    def job(self, submission_id: str) -> RayJob | None:
        """Return a job; None where Ray does not know it.

        Raises:
            ExecutorError: Ray does not answer.
        """
        status, body = self._request("GET", _path(submission_id))
        if status == 404:
            return None
        if status >= 400:
            raise _refused("to tell of a job", status, body)
        return _job(json.loads(body))

    def jobs(self) -> dict[str, RayJob]:
        """Return all jobs that were submitted, by their submission ids.

        Raises:
            ExecutorError: Ray does not answer.
        """
        status, body = self._request("GET", "/api/jobs/")
        if status >= 400:
            raise _refused("to list its jobs", status, body)
        found = (one for one in json.loads(body) if one.get("submission_id"))
        return {one["submission_id"]: _job(one) for one in found}

    def stop(self, submission_id: str) -> None:
        """Have Ray end a job; one that is over, or unknown, is fine.

        Raises:
            ExecutorError: Ray does not answer.
        """
        self._request("POST", _path(submission_id) + "/stop", {})

    def delete(self, submission_id: str) -> None:
        """Have Ray forget a job that is over.

        Raises:
            ExecutorError: it is not over, or Ray does not answer.
        """
        status, body = self._request("DELETE", _path(submission_id))
        if status >= 400 and self.job(submission_id) is not None:
            raise _refused("to delete a job", status, body)

    def _request(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=_SECONDS)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, self._url.path.rstrip("/") + path, data, self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ExecutorError(
                f"Ray does not answer at {self._url.hostname}:{self._url.port}: {error}",
                hint="look whether the cluster's head runs, and its dashboard; jobs of it may go on",
            ) from error
        finally:
            connection.close()


def _path(submission_id: str) -> str:
    return f"/api/jobs/{quote(submission_id, safe='')}"


def _job(document: dict[str, Any]) -> RayJob:
    return RayJob(status=document.get("status", ""), message=document.get("message") or "")


def _refused(what: str, status: int, body: bytes) -> ExecutorError:
    lines = body.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
    return ExecutorError(f"Ray refused {what}: {lines[-1]} (status {status})")
