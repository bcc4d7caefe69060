"""The lines of jobs as a table: SQL, the bundled Logging document, the job service of this machine."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_archives import wheel

from tablecloud.connect import connect
from tablecloud.errors import MissingParameter, RemoteError
from tablecloud.jobs.daemon import Endpoint, ensure_running, stop
from tablecloud.session import Session

TRAINER = """
import json
for number in range(1500):
    print("step", number)
print(json.dumps({"message": "loss is high", "severity": "WARNING", "loss": 0.5}))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An application root whose service has run one job."""
    folder = tmp_path_factory.mktemp("approot")
    endpoint = ensure_running(folder / "ml")
    try:
        run_job(folder, endpoint)
        yield folder
    finally:
        stop(folder / "ml")


def run_job(folder: Path, endpoint: Endpoint) -> None:
    package = wheel(folder, "trainer", modules={"task": TRAINER})
    training = {
        "scaleTier": "BASIC",
        "region": "us-central1",
        "runtimeVersion": "2.11",
        "pythonVersion": "3.7",
        "packageUris": [f"file://{package}"],
        "pythonModule": "trainer.task",
    }
    call(endpoint, "", {"jobId": "j", "trainingInput": training})
    deadline = time.monotonic() + 60
    while "endTime" not in (job := call(endpoint, "/j")):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    assert job["state"] == "SUCCEEDED", job


def call(endpoint: Endpoint, path: str, body: object = None) -> dict[str, object]:
    token = endpoint.token_file.read_text().strip()
    data = None if body is None else json.dumps(body).encode()
    url = f"{endpoint.url}/v1/projects/demo/jobs{path}"
    request = urllib.request.Request(url, data, {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)


@pytest.fixture
def session(root: Path) -> Iterator[Session]:
    with connect(root, endpoints={"google.logging": "local"}) as made:
        yield made


def test_all_lines_of_a_job_over_several_pages(session: Session) -> None:
    result = session.execute(
        "SELECT textPayload FROM google.logging.entries WHERE resourceNames = 'projects/demo' "
        'AND filter = \'resource.labels.job_id="j" AND textPayload:"step "\' '
        "AND textPayload IS NOT NULL ORDER BY timestamp, length(textPayload), textPayload"
    )
    assert [text for [text] in result.fetchall()] == [f"step {number}" for number in range(1500)]


def test_structured_lines_are_json(session: Session) -> None:
    result = session.execute(
        "SELECT severity, json_extract(jsonPayload, '$.loss')::DOUBLE, resource->'labels'->>'task_name' "
        "FROM google.logging.entries WHERE resourceNames = 'projects/demo' "
        "AND filter = 'severity>=WARNING AND jsonPayload.loss:*'"
    )
    assert result.fetchall() == [("WARNING", 0.5, "master-replica-0")]


def test_the_page_size_and_the_order_are_parameters(session: Session) -> None:
    result = session.execute(
        "SELECT json_extract_string(jsonPayload, '$.message') FROM google.logging.entries "
        "WHERE resourceNames = 'projects/demo' AND pageSize = 1 AND orderBy = 'timestamp desc' "
        "AND severity = 'WARNING' AND jsonPayload IS NOT NULL LIMIT 1"
    )
    assert result.fetchall() == [("loss is high",)]


def test_the_project_is_required(session: Session) -> None:
    with pytest.raises(MissingParameter, match="resourceNames"):
        session.execute("SELECT * FROM google.logging.entries").fetchall()


def test_the_rest_of_logging_says_where_it_is(session: Session) -> None:
    with pytest.raises(RemoteError, match=r"without --endpoint google\.logging=local"):
        session.execute("EXEC google.logging.entries.write @@json = '{}'").fetchall()
