import pytest

from tablecloud.jobs.wire.errors import ApiError
from tablecloud.jobs.wire.partial import parse_fields, select

LIST = "GoogleCloudMlV1__ListJobsResponse"
REPLY = {
    "jobs": [
        {
            "jobId": "a",
            "state": "QUEUED",
            "labels": {"team": "x", "b": "y"},
            "trainingInput": {"region": "r"},
        },
        {"jobId": "b", "state": "FAILED"},
    ],
    "nextPageToken": "t",
}


def cut(text, schema=LIST, reply=REPLY):
    return select(reply, parse_fields(text, schema))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", REPLY),
        ("*", REPLY),
        ("nextPageToken", {"nextPageToken": "t"}),
        ("next_page_token", {"nextPageToken": "t"}),
        ("jobs/jobId", {"jobs": [{"jobId": "a"}, {"jobId": "b"}]}),
        ("jobs(jobId,state)",
         {"jobs": [{"jobId": "a", "state": "QUEUED"}, {"jobId": "b", "state": "FAILED"}]}),
        ("jobs/labels/team", {"jobs": [{"labels": {"team": "x"}}, {}]}),
        ("jobs/trainingInput/region,nextPageToken",
         {"jobs": [{"trainingInput": {"region": "r"}}, {}], "nextPageToken": "t"}),
        ("jobs(labels,trainingInput(region)),jobs/jobId", {
            "jobs": [
                {"jobId": "a", "labels": {"team": "x", "b": "y"}, "trainingInput": {"region": "r"}},
                {"jobId": "b"},
            ]
        }),
        ("jobs,jobs/jobId", {"jobs": REPLY["jobs"]}),
        ("*/jobId", {"jobs": [{"jobId": "a"}, {"jobId": "b"}], "nextPageToken": "t"}),
    ],
)  # fmt: skip
def test_selections(text, result):
    assert cut(text) == result


@pytest.mark.parametrize(
    "text", ["xyz", "jobs/xyz", "jobs(", "jobs)", "a,,b", "jobs//jobId", "jobs/jobId/x", "("]
)
def test_refusals(text):
    with pytest.raises(ApiError, match="Cannot find matching fields for path"):
        cut(text)


def test_the_path_of_an_unknown_field_is_named():
    with pytest.raises(ApiError, match="for path 'jobs/xyz'"):
        cut("jobs(jobId,xyz)")


def test_deep_nesting_is_refused_and_not_followed():
    with pytest.raises(ApiError):
        cut("jobs" + "(jobs" * 1000)


def test_free_form_objects_take_any_path():
    operation = {"name": "n", "metadata": {"jobId": "a", "x": 1}}
    assert cut("metadata/jobId", "GoogleLongrunning__Operation", operation) == {"metadata": {"jobId": "a"}}
