from __future__ import annotations

from tablecloud.rest.limits import Limiter


def full(ceiling: int = 100) -> Limiter:
    limiter = Limiter(ceiling)
    while limiter.ready(0.0):
        limiter.started()
    return limiter


def test_it_starts_at_the_ceiling() -> None:
    assert full(7).in_flight == 7


def test_throttling_halves_once_a_round() -> None:
    limiter = full()
    for _ in range(50):
        limiter.finished(began=0.0, now=1.0, throttled=True, succeeded=False)
    assert limiter.limit == 50


def test_it_never_stops_altogether() -> None:
    limiter = Limiter(4)
    for now in range(1, 20):
        limiter.started()
        limiter.finished(began=float(now), now=float(now), throttled=True, succeeded=False)
    assert limiter.limit == 1 and limiter.ready(20.0)


def test_success_widens_again_up_to_the_ceiling() -> None:
    limiter = full()
    limiter.finished(began=0.0, now=1.0, throttled=True, succeeded=False)
    for _ in range(5_000):
        while limiter.ready(2.0):
            limiter.started()
        limiter.finished(began=1.5, now=2.0, throttled=False, succeeded=True)
    assert limiter.limit == 100


def test_a_narrow_share_widens_one_by_one() -> None:
    limiter = Limiter(200)
    for began in range(10):
        limiter.started()
        limiter.finished(began=float(began), now=float(began), throttled=True, succeeded=False)
    limiter.started()
    limiter.finished(began=11.0, now=11.0, throttled=False, succeeded=True)
    assert limiter.limit == 2


def test_a_share_that_is_not_used_is_not_widened() -> None:
    limiter = full()
    limiter.finished(began=0.0, now=1.0, throttled=True, succeeded=False)
    while limiter.in_flight > 10:
        limiter.finished(began=0.5, now=2.0, throttled=False, succeeded=False)
    before = limiter.limit
    limiter.finished(began=1.5, now=2.0, throttled=False, succeeded=True)
    assert limiter.limit == before


def test_retry_after_stops_everybody_for_a_while() -> None:
    limiter = Limiter(10)
    limiter.started()
    limiter.finished(began=0.0, now=5.0, throttled=True, succeeded=False, retry_after=3.0)
    assert not limiter.ready(7.9) and limiter.stopped_until(7.9) == 8.0
    assert limiter.ready(8.0) and limiter.stopped_until(8.0) is None


def test_an_absurd_retry_after_is_capped() -> None:
    limiter = Limiter(10)
    limiter.started()
    limiter.finished(began=0.0, now=0.0, throttled=True, succeeded=False, retry_after=1e9)
    assert limiter.ready(60.0)
