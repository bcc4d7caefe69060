"""create, get, list, patch, cancel: contract 1.5, 1.6, 1.9, 5.2 point 5."""

import pytest
from api_bench import TRAINING

from tablecloud.jobs.api.etags import etag_of
from tablecloud.jobs.model import State

JOBS = "/v1/projects/demo/jobs"


def test_create_echoes_what_was_sent_and_says_where_it_stands(bench):
    job = bench.create("first", labels={"team": "a"})
    assert job["jobId"] == "first"
    assert job["state"] == "QUEUED"
    assert job["trainingInput"] == TRAINING
    assert job["labels"] == {"team": "a"}
    assert job["jobPosition"] == "1"
    assert job["etag"] == etag_of(1)
    assert job["createTime"].endswith("Z")
    assert "." not in job["createTime"]
    assert "endTime" not in job
    assert bench.create("second")["jobPosition"] == "2"
    assert bench.call("GET", f"{JOBS}/first") == job


def test_snake_case_is_answered_in_camel_case(bench):
    snake = {"region": "us-central1", "runtime_version": "2.11", "python_version": "3.7"}
    more = {
        "package_uris": ["gs://bucket/trainer.tar.gz"],
        "python_module": "trainer.task",
        "scale_tier": "basic",
    }
    job = bench.call("POST", JOBS, {"job_id": "a", "training_input": {**snake, **more}})
    assert job["trainingInput"] == TRAINING


def test_a_taken_id_is_a_conflict_even_after_the_end(bench):
    bench.create("a")
    bench.call("POST", f"{JOBS}/a:cancel")
    code, status, message = bench.refusal("POST", JOBS, {"jobId": "a", "trainingInput": TRAINING})
    assert (code, status) == (409, "ALREADY_EXISTS")
    assert message == "Field: job.job_id Error: A job with this id already exists."


@pytest.mark.parametrize("job_id", ["", "1a", "a-b", "a b", "a" * 129, "é", "a\n"])
def test_ids_that_are_refused(bench, job_id):
    code, status, message = bench.refusal("POST", JOBS, {"jobId": job_id, "trainingInput": TRAINING})
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert message.startswith("Field: job.job_id Error:")
    assert bench.call("GET", JOBS) == {}


@pytest.mark.parametrize("inputs", [{}, {"trainingInput": {}}, {"trainingInput": None}])
def test_no_input_worth_the_name(bench, inputs):
    assert bench.refusal("POST", JOBS, {"jobId": "a", **inputs})[1] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"predictionInput": {"uri": "gs://m"}}, "prediction"),
    ],
)
def test_what_is_not_offered_says_so(bench, body, word):
    code, status, message = bench.refusal("POST", JOBS, {"jobId": "a", **body})
    assert (code, status) == (501, "UNIMPLEMENTED")
    assert word in message


def test_missing_job(bench):
    for method, path in (("GET", "x"), ("POST", "x:cancel"), ("PATCH", "x?updateMask=labels")):
        code, status, message = bench.refusal(method, f"{JOBS}/{path}")
        assert (code, status) == (404, "NOT_FOUND")
        assert message == "Field: name Error: The specified job was not found."


def test_list_pages_newest_first(bench):
    for number in range(5):
        bench.create(f"j{number}")
    first = bench.call("GET", f"{JOBS}?pageSize=2")
    assert [job["jobId"] for job in first["jobs"]] == ["j4", "j3"]
    second = bench.call("GET", f"{JOBS}?pageSize=2&pageToken={first['nextPageToken']}")
    assert [job["jobId"] for job in second["jobs"]] == ["j2", "j1"]
    last = bench.call("GET", f"{JOBS}?page_size=2&page_token={second['nextPageToken']}")
    assert [job["jobId"] for job in last["jobs"]] == ["j0"]
    assert "nextPageToken" not in last


def test_no_token_when_the_page_ends_the_list(bench):
    bench.create("a")
    bench.create("b")
    assert "nextPageToken" not in bench.call("GET", f"{JOBS}?pageSize=2")


def test_an_empty_list_is_an_empty_object(bench):
    assert bench.send("GET", JOBS).body == b"{}\n"


def test_filters(bench):
    bench.create("census_1", labels={"team": "a"})
    bench.create("rnn_1")
    shown = bench.call("GET", f"{JOBS}?filter=jobId:census*%20AND%20state:QUEUED&fields=jobs/jobId")
    assert shown == {"jobs": [{"jobId": "census_1"}]}
    assert bench.call("GET", f"{JOBS}?filter=nosuch:x") == {}
    assert bench.refusal("GET", f"{JOBS}?filter=state:")[1] == "INVALID_ARGUMENT"


def test_filtered_paging_finds_every_match_once(bench):
    for number in range(7):
        bench.create(f"j{number}", labels={"odd": str(number % 2)})
    found, token = [], ""
    while True:
        page = bench.call("GET", f"{JOBS}?filter=labels.odd=1&pageSize=1&pageToken={token}")
        found += [job["jobId"] for job in page["jobs"]]
        token = page.get("nextPageToken")
        if not token:
            break
    assert found == ["j5", "j3", "j1"]


def test_tokens_are_bound_to_filter_and_project(bench):
    for number in range(3):
        bench.create(f"j{number}")
    token = bench.call("GET", f"{JOBS}?pageSize=1")["nextPageToken"]
    for path in (
        f"{JOBS}?pageToken={token}&filter=state:QUEUED",
        f"/v1/projects/p2/jobs?pageToken={token}",
        f"/v1/projects/demo/operations?pageToken={token}&filter=metadata.jobId:*",
        f"{JOBS}?pageToken=xyz",
    ):
        assert bench.refusal("GET", path)[:2] == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("size", ["-1", "x", "99999999999", "1.5"])
def test_page_sizes_that_are_refused(bench, size):
    assert bench.refusal("GET", f"{JOBS}?pageSize={size}")[1] == "INVALID_ARGUMENT"


def test_a_huge_page_size_means_a_hundred(bench):
    bench.create("a")
    assert len(bench.call("GET", f"{JOBS}?pageSize=100000")["jobs"]) == 1


def test_patch_replaces_all_labels(bench):
    bench.create("a", labels={"x": "1", "y": "2"})
    job = bench.call("PATCH", f"{JOBS}/a?updateMask=labels", {"labels": {"z": "3"}})
    assert job["labels"] == {"z": "3"}
    assert job["etag"] == etag_of(2)
    assert "labels" not in bench.call("PATCH", f"{JOBS}/a?update_mask=labels", {})


def test_patch_with_an_etag(bench):
    etag = bench.create("a")["etag"]
    body = {"labels": {"x": "1"}, "etag": etag}
    fresh = bench.call("PATCH", f"{JOBS}/a?updateMask=labels,etag", body)["etag"]
    assert fresh != etag
    for stale in (etag, "AAAA"):
        code, status, _ = bench.refusal("PATCH", f"{JOBS}/a?updateMask=labels,etag", {**body, "etag": stale})
        assert (code, status) == (409, "ABORTED")
    assert bench.call("PATCH", f"{JOBS}/a?updateMask=labels", body)["labels"] == {"x": "1"}


def test_patch_of_the_etag_alone_keeps_the_labels(bench):
    etag = bench.create("a", labels={"x": "1"})["etag"]
    job = bench.call("PATCH", f"{JOBS}/a?updateMask=etag", {"etag": etag})
    assert job["labels"] == {"x": "1"}
    assert job["etag"] != etag


@pytest.mark.parametrize("mask", ["", "description", "autoScaling.minNodes", "state", "labels.x"])
def test_other_masks_name_the_two_that_work(bench, mask):
    bench.create("a")
    _, status, message = bench.refusal("PATCH", f"{JOBS}/a?updateMask={mask}", {})
    assert status == "INVALID_ARGUMENT"
    assert "labels, etag" in message


def test_labels_are_checked(bench):
    for labels in ({"UPPER": "x"}, {"1a": "x"}, {"a": "X"}, {"a" * 64: ""}, {f"k{n}": "" for n in range(65)}):
        body = {"jobId": "a", "trainingInput": TRAINING, "labels": labels}
        assert bench.refusal("POST", JOBS, body)[2].startswith("Field: job.labels Error:")
    bench.create("ok", labels={"airflow-version": "v2-10-5", "empty": "", "größe": "日本"})


def test_cancel_ends_a_queued_job(bench):
    bench.create("a")
    assert bench.send("POST", f"{JOBS}/a:cancel").body == b"{}\n"
    job = bench.call("GET", f"{JOBS}/a")
    assert job["state"] == "CANCELLED"
    assert job["errorMessage"] == "Cancelled by user."
    assert job["endTime"]


def test_cancel_of_a_finished_job_is_refused(bench):
    bench.create("a")
    bench.call("POST", f"{JOBS}/a:cancel")
    code, status, message = bench.refusal("POST", f"{JOBS}/a:cancel")
    assert (code, status) == (400, "FAILED_PRECONDITION")
    assert message == "Cannot cancel an already completed job."


def test_cancel_twice_while_it_is_stopping(bench):
    path = "/v1/projects/other/jobs/holds_the_machine"
    bench.call("POST", f"{path}:cancel")
    assert bench.call("GET", path)["state"] == "CANCELLING"
    assert bench.call("POST", f"{path}:cancel") == {}


def test_cancel_may_repeat_its_name_and_say_nothing_else(bench):
    bench.create("a")
    assert bench.refusal("POST", f"{JOBS}/a:cancel", {"name": "projects/demo/jobs/b"})[0] == 400
    assert bench.refusal("POST", f"{JOBS}/a:cancel", {"why": "x"})[0] == 400
    assert bench.call("POST", f"{JOBS}/a:cancel", {"name": "projects/demo/jobs/a"}) == {}


def test_a_job_that_ran_shows_its_times(bench):
    bench.create("a")
    bench.free_the_machine()
    bench.executor.run(bench.wait_for("demo", "a", State.PREPARING))
    job = bench.wait_for("demo", "a", State.RUNNING)
    assert bench.call("GET", f"{JOBS}/a")["jobPosition"] == "0"
    bench.executor.exit(job, 1)
    bench.wait_for("demo", "a", State.FAILED)
    shown = bench.call("GET", f"{JOBS}/a")
    assert shown["startTime"]
    assert shown["endTime"]
    assert "exited with a non-zero status of 1" in shown["errorMessage"]
