import threading

import numpy as np
import pytest

from typica.streaming.block import Block
from typica.streaming.listener import Listener


def block(at, length=100):
    return Block(np.zeros(length, np.float32), at, {}, ())


def test_blocks_come_out_as_they_went_in():
    listener = Listener("one", 1000, "leave")
    for at in (0, 100, 200):
        listener.put(block(at))
    listener.end()

    taken = [listener.wait() for _ in range(4)]

    assert [one and one.at for one in taken] == [0, 100, 200, None]


def test_who_skips_loses_the_oldest_and_holds_no_more_than_its_capacity():
    listener = Listener("one", 300, "skip")
    for at in range(0, 1000, 100):
        listener.put(block(at))

    assert (listener.waiting, listener.skipped, listener.dropped) == (300, 700, False)
    assert listener.take().at == 700


def test_who_leaves_is_dropped_and_holds_nothing():
    listener = Listener("one", 300, "leave")
    for at in range(0, 1000, 100):
        listener.put(block(at))

    assert (listener.waiting, listener.dropped, listener.ended) == (0, True, True)
    assert listener.wait() is None


def test_who_is_waited_for_loses_nothing():
    listener, taken = Listener("one", 300, "wait"), []
    giver = threading.Thread(target=lambda: [listener.put(block(at)) for at in range(0, 5000, 100)])
    giver.start()
    giver.join(0.05)
    held_up = giver.is_alive()

    taken = [listener.wait().at for _ in range(50)]

    giver.join(5)
    assert held_up
    assert taken == list(range(0, 5000, 100))


@pytest.mark.parametrize("goodbye", ["end", "clear"])
def test_an_end_lets_a_generation_go_that_waits(goodbye):
    listener = Listener("one", 100, "wait")
    listener.put(block(0))
    giver = threading.Thread(target=listener.put, args=(block(100),))
    giver.start()

    getattr(listener, goodbye)()

    giver.join(5)
    assert not giver.is_alive()


def test_a_block_larger_than_the_buffer_passes_through_it():
    for patience in ("wait", "skip", "leave"):
        listener = Listener("one", 10, patience)
        listener.put(block(0))
        assert listener.take().at == 0
        assert not listener.dropped
