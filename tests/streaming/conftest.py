"""Performances of which every sample is known."""

import threading
import time

import numpy as np
import pytest

from typica.streaming.block import Block
from typica.streaming.broadcast import Broadcast

RATE = 8000
BLOCK = 400


class Ramp:
    """Goes up by a step of 16 bits a sample; ends after `blocks`, or with an error."""

    rate = RATE

    def __init__(self, blocks=None, *, error=None, slowness_s=0.0, events=(), reading=None):
        self.blocks, self.error, self.slowness_s = blocks, error, slowness_s
        self.events, self.reading = dict(events), reading or {}
        self.made, self.closed = 0, False

    def __iter__(self):
        return self

    def __next__(self):
        if self.made == self.blocks:
            raise self.error or StopIteration
        time.sleep(self.slowness_s)
        at, self.made = self.made * BLOCK, self.made + 1
        codes = ramp(at, BLOCK)
        audio = (codes / 32768).astype(np.float32)
        return Block(audio, at, self.reading, self.events.get(self.made - 1, ()))

    def close(self):
        self.closed = True


def ramp(at, length):
    """The 16-bit samples that a ramp holds from sample `at` on."""
    return ((at + np.arange(length)) % 65536 - 32768).astype("<i2")


@pytest.fixture
def ramp_codes():
    return ramp


@pytest.fixture
def perform():
    return Ramp


@pytest.fixture
def broadcast():
    """Make broadcasts that are stopped at the end, and leave no thread behind."""
    before, made = threading.active_count(), []

    def make(performance, **settings):
        made.append(Broadcast(performance, **{"live": False, **settings}))
        return made[-1]

    yield make
    for one in made:
        one.stop()
        if one._thread.ident:
            one.join(5)
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == before
