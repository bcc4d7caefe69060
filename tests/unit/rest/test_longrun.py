from __future__ import annotations

import json

import pytest
from tests.support.api import ROOT, method, path_parameter
from tests.support.conversations import Told, answer, drive

from tablecloud.catalog.model import Acceptor, LongRunning
from tablecloud.clock import FakeClock
from tablecloud.errors import OperationFailed, RemoteNotFound, RemoteRefused, RemoteUnavailable
from tablecloud.rest.longrun import await_outcome
from tablecloud.rest.messages import TransportFailure
from tablecloud.rest.retry import RetryPolicy

JOB = LongRunning(
    poll="v1/projects/{projectsId}/jobs/{jobId}",
    acceptors=(
        Acceptor(path=("state",), values=("SUCCEEDED",)),
        Acceptor(path=("state",), values=("FAILED", "CANCELLED"), success=False),
    ),
    progress=("state",),
    message=("errorMessage",),
)
OPERATION = LongRunning(
    poll="v1/{+name}",
    acceptors=(
        Acceptor(path=("error",), success=False),
        Acceptor(path=("done",), values=("true",)),
    ),
    message=("error", "message"),
    result=("response",),
)


def wait(rules: LongRunning | None, first: dict, answers=(), *, deadline=None, tries=1) -> Told:
    clock = FakeClock()
    target = method("x", path_parameter("projectsId"), long_running=rules)
    return drive(
        await_outcome(
            target,
            {"projectsId": "p q"},
            answer(json.dumps(first).encode()),
            root_url=ROOT,
            provider="acme",
            policy=RetryPolicy(tries=tries),
            clock=clock,
            deadline=deadline,
        ),
        [a if not isinstance(a, dict) else answer(json.dumps(a).encode()) for a in answers],
        on_pause=clock.advance,
    )


def test_a_job_is_polled_to_its_end() -> None:
    told = wait(
        JOB, {"jobId": "j", "state": "QUEUED"}, [{"state": "RUNNING"}, {"state": "SUCCEEDED", "n": 1}]
    )
    assert json.loads(told.value.body) == {"state": "SUCCEEDED", "n": 1}
    assert {r.url for r in told.sent} == {f"{ROOT}v1/projects/p%20q/jobs/j"}
    assert [p.word for p in told.progress] == ["QUEUED", "RUNNING", "SUCCEEDED"]
    assert told.sent[0].provider == "acme"


def test_pauses_grow_to_a_ceiling() -> None:
    told = wait(
        JOB, {"jobId": "j", "state": "QUEUED"}, [{"state": "RUNNING"}] * 12 + [{"state": "SUCCEEDED"}]
    )
    assert told.pauses[:3] == pytest.approx([0.2, 0.3, 0.45])
    assert told.pauses[-1] == 5.0


def test_what_is_over_at_once_is_not_polled() -> None:
    told = wait(OPERATION, {"name": "operations/o", "done": True, "response": {"x": 1}})
    assert told.sent == [] and json.loads(told.value.body) == {"x": 1}


def test_a_method_without_rules_is_over() -> None:
    assert wait(None, {"a": 1}).value.body == b'{"a": 1}'


def test_a_failure_says_why() -> None:
    told = wait(
        JOB, {"jobId": "j", "state": "QUEUED"}, [{"state": "FAILED", "errorMessage": "exit status 3"}]
    )
    assert isinstance(told.error, OperationFailed)
    assert told.error.message == "projects/p%20q/jobs/j ended as FAILED: exit status 3"


def test_an_error_object_is_a_failure() -> None:
    told = wait(OPERATION, {"name": "operations/o"}, [{"done": True, "error": {"code": 1, "message": "no"}}])
    assert isinstance(told.error, OperationFailed) and told.error.message.endswith("failed: no")


def test_the_deadline() -> None:
    told = wait(JOB, {"jobId": "j", "state": "QUEUED"}, [{"state": "RUNNING"}] * 99, deadline=10)
    assert isinstance(told.error, OperationFailed)
    assert "still RUNNING after 10 s" in told.error.message
    assert sum(told.pauses) <= 10


def test_a_new_thing_may_not_be_found_at_once() -> None:
    told = wait(JOB, {"jobId": "j"}, [answer(status=404)] * 5 + [{"state": "SUCCEEDED"}])
    assert told.error is None


def test_a_thing_that_never_was() -> None:
    told = wait(JOB, {"jobId": "j"}, [answer(status=404)] * 6)
    assert isinstance(told.error, RemoteNotFound)


def test_a_thing_that_vanishes() -> None:
    told = wait(JOB, {"jobId": "j"}, [{"state": "RUNNING"}] + [answer(status=404)] * 6)
    assert isinstance(told.error, OperationFailed) and "is gone" in told.error.message


def test_a_service_that_restarts_is_waited_for() -> None:
    down = TransportFailure("connect", "refused", sent=False)
    told = wait(JOB, {"jobId": "j"}, [{"state": "RUNNING"}, down, down, {"state": "SUCCEEDED"}])
    assert told.error is None


def test_answers_that_are_not_json_are_not_waited_for_without_end() -> None:
    told = wait(JOB, {"jobId": "j"}, [answer(b"<html>log in</html>")] * 6)
    assert isinstance(told.error, RemoteUnavailable) and "not JSON" in told.error.message


def test_a_link_is_polled_and_its_target_followed() -> None:
    rules = LongRunning(
        poll="{+selfLink}", acceptors=(Acceptor(path=("status",), values=("DONE",)),), follow="{+targetLink}"
    )
    link = f"{ROOT}ops/1"
    first = {"selfLink": link, "status": "RUNNING"}
    told = wait(rules, first, [{"status": "DONE", "targetLink": f"{ROOT}things/1"}, {"thing": 1}])
    assert [r.url for r in told.sent] == [link, f"{ROOT}things/1"]
    assert json.loads(told.value.body) == {"thing": 1}


def test_a_deleted_target_leaves_the_operation() -> None:
    rules = LongRunning(poll="{+selfLink}", acceptors=(Acceptor(path=("done",)),), follow="{+targetLink}")
    first = {"selfLink": f"{ROOT}o", "done": 1, "targetLink": f"{ROOT}t"}
    told = wait(rules, first, [answer(status=404)])
    assert json.loads(told.value.body) == first


@pytest.mark.parametrize(
    "link", ["https://evil.test/o", "http://shop.example.com/o", "https://a@b.example.com/o"]
)
def test_a_link_to_elsewhere_is_not_asked(link: str) -> None:
    rules = LongRunning(poll="{+selfLink}", acceptors=(Acceptor(path=("done",)),))
    told = wait(rules, {"selfLink": link})
    assert isinstance(told.error, RemoteRefused) and told.sent == []


def test_a_link_within_the_domain_is_asked() -> None:
    rules = LongRunning(poll="{+selfLink}", acceptors=(Acceptor(path=("done",)),))
    told = wait(rules, {"selfLink": "https://www.example.com/o"}, [{"done": True}])
    assert told.error is None
