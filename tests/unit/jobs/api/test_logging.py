import time

import pytest
from api_bench import ApiBench

from tablecloud.jobs.api.principals import Principals, local_principals
from tablecloud.jobs.model import LogEntry

JOB = (
    '(resource.type="ml_job" OR resource.type="cloudml_job") AND resource.labels.job_id="{}" '
    'AND timestamp>="2020-01-01T00:00:00Z" AND timestamp<"2100-01-01T00:00:00Z"'
)


def say(bench: ApiBench, job_id: str, message: str, at: float, **more: object) -> None:
    job = bench.service.get("demo", job_id)
    assert job is not None
    fields = {"severity": "INFO", "task": "master-replica-0", "insert_id": message, **more}
    bench.service._open_log(job.uid).append(LogEntry(at=at, message=message, **fields))


def listed(bench: ApiBench, **asked: object) -> list[dict[str, object]]:
    """Return the entries of all pages."""
    body, found = {"resourceNames": ["projects/demo"], **asked}, []
    while True:
        page = bench.call("POST", "/v2/entries:list", body)
        found += page.get("entries", [])
        if "nextPageToken" not in page:
            return found
        body = {**body, "pageToken": page["nextPageToken"]}


def texts(entries: list[dict[str, object]]) -> list[str]:
    return [
        str(entry.get("textPayload"))
        for entry in entries
        if entry["resource"]["labels"]["task_name"] != "service"
    ]


@pytest.fixture
def talking(bench):
    bench.create("a")
    bench.create("b")
    for job_id in ("a", "b"):
        bench.service.logs("demo", job_id)  # the first look begins a log with the service's own lines
    now = time.time() + 10
    for number in range(5):
        say(bench, "a", f"a{number}", now + number, severity="ERROR" if number == 2 else "INFO")
        say(bench, "b", f"b{number}", now + number + 0.5)
    return bench


def test_the_request_of_stream_logs(talking):
    found = listed(talking, filter=JOB.format("a"), orderBy="timestamp asc", pageSize=1000)
    assert texts(found) == ["a0", "a1", "a2", "a3", "a4"]
    first = found[0]
    assert first["resource"]["type"] == "ml_job"
    assert first["resource"]["labels"] == {"job_id": "a", "project_id": "demo", "task_name": "service"}
    assert {"timestamp", "severity", "insertId", "labels", "logName"} <= first.keys()
    times = [entry["timestamp"] for entry in found]
    assert times == sorted(times)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pages_of_one_job(talking, size):
    assert texts(listed(talking, filter=JOB.format("a"), pageSize=size)) == ["a0", "a1", "a2", "a3", "a4"]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_pages_of_all_jobs_are_merged_by_time(talking, size):
    found = listed(talking, pageSize=size)
    assert texts(found) == ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3", "a4", "b4"]
    newest_first = listed(talking, pageSize=size, orderBy="timestamp desc")
    assert texts(newest_first) == texts(found)[::-1]


def test_a_task_can_be_named(talking):
    task = 'resource.labels.task_name="{0}" OR labels.task_name="{0}"'
    asked = f"{JOB.format('a')} AND ({task.format('service')})"
    found = listed(talking, filter=asked)
    assert found
    assert texts(found) == []


def test_severities_are_levels(talking):
    assert texts(listed(talking, filter="severity>=WARNING")) == ["a2"]
    assert texts(listed(talking, filter="severity>INFO AND severity<CRITICAL")) == ["a2"]
    assert listed(talking, filter="severity<DEFAULT") == []
    assert (
        talking.refusal(
            "POST", "/v2/entries:list", {"resourceNames": ["projects/demo"], "filter": "severity>=LOUD"}
        )[0]
        == 400
    )


def test_structured_lines_and_trials(bench):
    bench.create("a")
    say(bench, "a", "step", time.time() + 10, fields={"message": "step", "loss": 0.5}, trial_id="7")
    entry = listed(bench, filter=JOB.format("a"))[-1]
    assert entry["jsonPayload"] == {"message": "step", "loss": 0.5}
    assert entry["labels"]["ml.googleapis.com/trial_id"] == "7"
    assert "textPayload" not in entry


def test_an_unknown_job_has_no_entries(bench):
    assert (
        bench.call(
            "POST", "/v2/entries:list", {"resourceNames": ["projects/demo"], "filter": JOB.format("x")}
        )
        == {}
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"resourceNames": ["folders/1"]},
        {"resourceNames": ["projects/"]},
        {"resourceNames": ["projects/p"], "orderBy": "severity"},
        {"resourceNames": ["projects/p"], "pageSize": -1},
        {"resourceNames": ["projects/p"], "pageToken": "forged"},
        {"resourceNames": ["projects/p"], "filter": "("},
        {"resourceNames": "projects/p"},
        b"not json",
    ],
)
def test_bad_requests(bench, body):
    assert bench.refusal("POST", "/v2/entries:list", body)[:2] == (400, "INVALID_ARGUMENT")


def test_a_stranger_sees_nothing(bench):
    bench.create("a")
    body = {"resourceNames": ["projects/demo"]}
    assert bench.refusal("POST", "/v2/entries:list", body, token=None)[0] == 401
    bench.use(Principals(members=local_principals("x").members))
    assert bench.refusal("POST", "/v2/entries:list", body, token="x")[0] == 403
    named = {**body, "filter": JOB.format("a")}
    assert bench.refusal("POST", "/v2/entries:list", named, token="x")[0] == 403
