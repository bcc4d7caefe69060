"""The truth table of contract 1.7 word for word, and filters of any text: right, refused, never a crash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tablecloud.jobs.wire.errors import ApiError
from tablecloud.jobs.wire.filters import compile_filter
from tablecloud.jobs.wire.times import parse_timestamp

NOW = parse_timestamp("2020-01-01T00:00:00Z") / 1e9
JOB = {
    "jobId": "census_train_1",
    "state": "FAILED",
    "createTime": "2017-01-16T10:00:00Z",
    "labels": {"team": "Research", "x-y": "1"},
    "trainingInput": {
        "scaleTier": "BASIC",
        "workerCount": "4",
        "args": ["a", "b"],
        "enableWebAccess": False,
        "jobDir": "gs://bucket/dir",
        "region": "us-central1",
    },
}


def holds(text, document=JOB):
    predicate = compile_filter(text, now=NOW)
    return True if predicate is None else predicate(document)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("jobId:census*", True),
        ("jobId:census", True),
        ("jobId:ensus", True),
        ("jobId:CENSUS*", True),
        ("jobId:rain*", False),
        ("jobId=census*", False),
        ("jobId=CENSUS_train_1", True),
        ("state=failed", True),
        ("jobId:census* state:FAILED", True),
        ("jobId:census* AND state:FAILED", True),
        ("jobId:rnn* AND state:FAILED", False),
        ("state:(FAILED SUCCEEDED)", True),
        ("state=(FAILED,SUCCEEDED)", True),
        ("state=(FAILED|SUCCEEDED)", True),
        ("state:(RUNNING OR FAILED)", True),
        ("state!=(RUNNING,FAILED)", False),
        ("createTime>2017-01-15T19:00", True),
        ("createTime>2017-01-15", True),
        ("createTime<-P1D", True),
        ("createTime>-P1D", False),
        ("createTime<=2017-01-16T10:00:00Z", True),
        ("createTime>=2017-01-16T11:00:00+01:00", True),
        ("trainingInput.workerCount>3", True),
        ("trainingInput.workerCount>10", False),
        ("trainingInput.workerCount=4.0", True),
        ("labels.team:*", True),
        ("labels.nope:*", False),
        ("labels:team", True),
        ("labels:nope", False),
        ("labels.x-y=1", True),
        ("trainingInput.args:b", True),
        ("trainingInput.args=c", False),
        ("training_input.scale_tier=BASIC", True),
        ("job_id:census*", True),
        ("nosuch:x", False),
        ("nosuch=x", False),
        ("nosuch!=x", True),
        ("NOT nosuch:x", True),
        ("census", True),
        ("nowhere", False),
        ("-census", False),
        ("-state:RUNNING", True),
        ("NOT (state:RUNNING OR jobId:x)", True),
        ("(state:FAILED OR jobId:x) AND jobId:census", True),
        ("trainingInput.jobDir=gs://bucket/dir", True),
        ('trainingInput.jobDir="gs://bucket/dir"', True),
        ("state = FAILED", True),
        ("jobId ~ ^census_.*_[0-9]$", True),
        ("jobId!~train", False),
        ("jobId~TRAIN", False),
        ("trainingInput.enableWebAccess=false", True),
        ("", True),
        ("   ", True),
    ],
)
def test_truth_table(text, result):
    assert holds(text) is result


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jobId:*train*", "At most one *"),
        (
            "state:FAILED OR jobId:x AND jobId:y",
            "Parenthesis grouping is required when AND and OR are are combined",
        ),
        ("state:FAILED AND", "term is missing"),
        ("AND state:FAILED", "term is missing"),
        ("OR", "term is missing"),
        ("NOT", "term is missing"),
        ('state:"FAILED', "not closed"),
        ("(state:FAILED", "closing parenthesis"),
        ("state:FAILED)", "Unbalanced parenthesis"),
        ("state:", "value is missing"),
        ("state=()", "list of values is empty"),
        ("state==x", "value is missing"),
        ("=x", "name is missing"),
        (".a=x", "not a name"),
        ("jobId~(", "value is missing"),
        ("jobId~[a", "Invalid regular expression"),
        ("a " * 65, "at most 64 terms"),
        ("x" * 5000, "at most 4096 bytes"),
        ("(" * 100 + "a" + ")" * 100, "nested at most"),
    ],
)
def test_refusals(text, says):
    with pytest.raises(ApiError) as caught:
        holds(text)
    assert says in caught.value.message
    assert caught.value.violations[0].field == "filter"


def test_equal_text_is_not_equal_time():
    assert not holds("jobId=P30D", {"jobId": "P1M"})


PIECES = st.sampled_from(
    ["jobId", "state", "labels.team", "createTime", ":", "=", "!=", "<", ">=", "~", "(", ")", "AND", "OR",
     "NOT", "-", " ", '"', "'", "*", "FAILED", "a", ",", "|", "\\", "2017-01-15", "-P1D", ".", "4"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map("".join)))
def test_any_text_is_answered_or_refused(text):
    try:
        assert holds(text) in (True, False)
    except ApiError as error:
        assert error.violations[0].field == "filter"


VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(VALUES)
def test_a_quoted_value_finds_itself(value):
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert holds(f"jobId={quoted}", {"jobId": value})
    if "*" not in value:
        assert holds(f"jobId:{quoted}", {"jobId": f"x{value}y"})
