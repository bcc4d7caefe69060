"""The queue between the computing thread and the reader."""

from __future__ import annotations

import threading

import pytest

from tablecloud.engine.channel import Channel


def test_items_come_in_order_then_the_end() -> None:
    channel: Channel[int] = Channel(8)
    for number in range(3):
        assert channel.put(number)
    channel.finish()
    assert [channel.get() for _ in range(4)] == [0, 1, 2, None]


def test_an_error_comes_after_the_items() -> None:
    channel: Channel[int] = Channel(8)
    channel.put(1)
    channel.finish(ValueError("x"))
    assert channel.get() == 1
    with pytest.raises(ValueError, match="x"):
        channel.get()


def test_a_full_channel_holds_the_writer_back_until_the_reader_reads_or_leaves() -> None:
    channel: Channel[int] = Channel(1)
    took: list[bool] = []
    first_two = threading.Event()

    def write() -> None:
        took.append(channel.put(1))
        took.append(channel.put(2))
        first_two.set()
        took.append(channel.put(3))

    writer = threading.Thread(target=write)
    writer.start()
    assert channel.get() == 1
    assert first_two.wait(10)
    channel.close()
    writer.join(10)
    assert took == [True, True, False]
    assert channel.get() is None
