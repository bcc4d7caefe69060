from __future__ import annotations

import threading

import pytest

from tablecloud.errors import Cancelled
from tablecloud.rest.messages import Page
from tablecloud.rest.pages import CallEnded, PageArrived, PageQueue


class StubCall:
    """Stands for a call: notes that it was cancelled."""

    def __init__(self) -> None:
        self.was_cancelled = False

    def cancel(self) -> None:
        self.was_cancelled = True


def page(size: int = 1) -> Page:
    return Page(body=b"x" * size, arguments={})


def test_pages_come_in_order_and_the_end_last() -> None:
    queue, call, first, second = PageQueue(), StubCall(), page(), page()
    queue.put(call, first)
    queue.put(call, second)
    queue.end(call, None)
    assert [queue.get(0) for _ in range(3)] == [
        PageArrived(call, first),
        PageArrived(call, second),
        CallEnded(call, None),
    ]
    assert queue.get(0) is None


@pytest.mark.parametrize(("pages", "size", "body"), [(2, 1000, 1), (1000, 10, 5)])
def test_it_is_full_by_pages_or_bytes(pages: int, size: int, body: int) -> None:
    queue = PageQueue(pages=pages, size=size)
    queue.put(StubCall(), page(body))
    assert not queue.full
    queue.put(StubCall(), page(body))
    assert queue.full


def test_room_is_told_once_half_of_it_is_free() -> None:
    queue, told = PageQueue(pages=4), []
    for _ in range(4):
        queue.put(StubCall(), page())
    assert queue.ask_for_room(lambda: told.append(1))
    queue.get(0)
    assert told == []
    queue.get(0)
    queue.get(0)
    assert told == [1]


def test_room_that_is_there_is_not_promised() -> None:
    assert not PageQueue().ask_for_room(lambda: None)


def test_cancel_wakes_the_consumer_and_cancels_the_calls() -> None:
    queue, call, outcome = PageQueue(), StubCall(), []
    queue.feed(call)
    started = threading.Event()

    def consume() -> None:
        started.set()
        try:
            queue.get(10)
        except Cancelled as error:
            outcome.append(error)

    thread = threading.Thread(target=consume)
    thread.start()
    started.wait(5)
    queue.cancel()
    thread.join(5)
    assert outcome and call.was_cancelled


def test_a_cancelled_queue_takes_nothing_and_refuses_new_calls() -> None:
    queue, late = PageQueue(pages=1), StubCall()
    queue.cancel()
    queue.put(late, page())
    queue.feed(late)
    assert not queue.full and late.was_cancelled
    with pytest.raises(Cancelled):
        queue.get(0)
