from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.conversations import answer, drive

from tablecloud.errors import RemoteDenied, RemoteRefused, RemoteThrottled, RemoteUnavailable
from tablecloud.rest.messages import Request, TransportFailure
from tablecloud.rest.retry import RetryPolicy, RetryQuota, attempt, next_hop, random_fraction

READ = Request(http="GET", url="https://h/x", method_id="m", provider="p")
WRITE = replace(READ, http="POST", repeatable=False)
OK = answer(b"fine")


def policy(**changes) -> RetryPolicy:
    return RetryPolicy(random=lambda: 1.0, quota=RetryQuota(), **changes)


@pytest.mark.parametrize("status", [408, 502, 503, 504, 429, 500])
def test_a_read_is_sent_again(status: int) -> None:
    told = drive(attempt(READ, policy()), [answer(status=status), OK])
    assert told.value is OK
    assert [r.attempt for r in told.sent] == [1, 2]
    assert told.pauses == [0.25]


def test_delays_double_up_to_a_ceiling() -> None:
    told = drive(attempt(READ, policy(tries=5, first_delay=1.0, longest_delay=3.0)), [answer(status=503)] * 5)
    assert told.pauses == [1.0, 2.0, 3.0, 3.0]
    assert isinstance(told.error, RemoteUnavailable)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 501])
def test_other_answers_are_final(status: int) -> None:
    assert len(drive(attempt(READ, policy()), [answer(status=status)]).sent) == 1


def test_500_is_tried_once_more_only() -> None:
    assert len(drive(attempt(READ, policy()), [answer(status=500)] * 3).sent) == 2


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_mutation_is_not_sent_again_after_it_arrived(status: int) -> None:
    assert len(drive(attempt(WRITE, policy()), [answer(status=status)]).sent) == 1


def test_a_throttled_mutation_is_sent_again() -> None:
    assert drive(attempt(WRITE, policy()), [answer(status=429), OK]).value is OK


@pytest.mark.parametrize(("sent", "tries"), [(True, 1), (False, 2)])
def test_a_mutation_without_an_answer(sent: bool, tries: int) -> None:
    failure = TransportFailure("reset", "gone", sent=sent)
    told = drive(attempt(WRITE, policy(tries=2)), [failure] * 2)
    assert len(told.sent) == tries
    assert isinstance(told.error, RemoteUnavailable)
    assert told.error.sent is sent


@pytest.mark.parametrize(
    ("kind", "tries"), [("tls", 1), ("size", 1), ("dns", 2), ("timeout", 2), ("connect", 3), ("reset", 5)]
)
def test_failures_are_worth_different_tries(kind: str, tries: int) -> None:
    told = drive(attempt(READ, policy()), [TransportFailure(kind, "no", sent=False)] * 9)
    assert len(told.sent) == tries


def test_retry_after_is_honoured() -> None:
    told = drive(attempt(READ, policy()), [answer(status=429, retry_after="3"), OK])
    assert told.pauses == [3.25]


def test_a_wait_beyond_the_budget_gives_up_at_once() -> None:
    told = drive(attempt(READ, policy(budget=10)), [answer(status=429, retry_after="60")])
    assert isinstance(told.error, RemoteThrottled)
    assert told.error.retry_after == 60
    assert told.pauses == []


def test_time_on_the_wire_counts() -> None:
    slow = TransportFailure("timeout", "slow", sent=True, seconds=45)
    assert len(drive(attempt(READ, policy(budget=40)), [slow]).sent) == 1


def test_the_quota_runs_dry_and_is_refilled_by_success() -> None:
    shared = policy()
    shared = replace(shared, quota=RetryQuota(capacity=5), tries=2)
    assert len(drive(attempt(READ, shared), [answer(status=503)] * 2).sent) == 2
    assert len(drive(attempt(READ, shared), [answer(status=503)]).sent) == 1
    for _ in range(5):
        drive(attempt(READ, shared), [OK])
    assert len(drive(attempt(READ, shared), [answer(status=503)] * 2).sent) == 2


def test_another_host_has_its_own_quota() -> None:
    quota = RetryQuota(capacity=5)
    assert quota.take("a") and not quota.take("a") and quota.take("b")


def test_a_get_follows_a_redirect() -> None:
    told = drive(attempt(READ, policy()), [answer(status=302, location="/y?z=1"), OK])
    assert told.sent[1].url == "https://h/y?z=1"
    assert not told.sent[1].anonymous


def test_a_redirect_to_another_host_goes_without_credentials() -> None:
    request = replace(READ, headers=(("Accept", "a"), ("X-Key", "k")))
    hop = next_hop(request, answer(status=307, location="https://other/y"))
    assert hop is not None and hop.anonymous and hop.headers == (("Accept", "a"),)


@pytest.mark.parametrize(
    ("request_", "location"),
    [
        (READ, "http://h/y"),
        (READ, "ftp://h/y"),
        (READ, "file:///etc/passwd"),
        (READ, "https://u:p@h/y"),
        (READ, "https://h:notaport/"),
        (READ, ""),
        (WRITE, "https://h/y"),
    ],
)
def test_redirects_that_are_not_followed(request_: Request, location: str) -> None:
    assert next_hop(request_, answer(status=302, location=location)) is None
    told = drive(attempt(request_, policy()), [answer(status=302, location=location)])
    assert isinstance(told.error, RemoteRefused)


def test_a_ring_of_redirects_ends() -> None:
    told = drive(attempt(READ, policy()), [answer(status=302, location="/x")] * 9)
    assert len(told.sent) == 6
    assert isinstance(told.error, RemoteRefused)


def test_random_fractions_are_fractions() -> None:
    assert all(0 <= random_fraction() < 1 for _ in range(100))


def refused(*, renewable: bool):
    return replace(answer(status=401), renew=lambda: renewable)


def test_a_refused_token_is_asked_for_once_more() -> None:
    told = drive(attempt(READ, policy()), [refused(renewable=True), OK])
    assert told.value is OK
    assert told.pauses == []


def test_a_token_that_is_refused_again_is_an_error() -> None:
    told = drive(attempt(READ, policy()), [refused(renewable=True)] * 2)
    assert isinstance(told.error, RemoteDenied)


def test_a_refusal_that_no_token_mends_is_an_error() -> None:
    told = drive(attempt(READ, policy()), [refused(renewable=False)])
    assert isinstance(told.error, RemoteDenied)


def test_a_refused_mutation_is_not_repeated_but_the_token_is_dropped() -> None:
    dropped: list[bool] = []
    response = replace(answer(status=401), renew=lambda: dropped.append(True) or True)
    told = drive(attempt(WRITE, policy()), [response])
    assert isinstance(told.error, RemoteDenied)
    assert dropped == [True]
