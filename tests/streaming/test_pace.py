import threading

import pytest

from typica.streaming.pace import Pace

RATE = 1000


class Clock(threading.Event):
    """A clock, and the event whose waiting lets it go on."""

    def __init__(self):
        super().__init__()
        self.now = 100.0

    def __call__(self):
        return self.now

    def wait(self, timeout=None):
        self.now += timeout
        return False


def test_a_fast_generation_is_held_to_real_time_plus_its_lead():
    clock = Clock()
    pace = Pace(RATE, 2.0, clock)

    for at in range(0, 60 * RATE, 100):
        pace.wait(at, clock)

    assert clock.now - 100.0 == pytest.approx(59.9 - 2.0)
    assert pace.late == 0


def test_what_came_too_late_is_counted_and_not_made_up_for():
    clock = Clock()
    pace = Pace(RATE, 2.0, clock)
    for at in range(0, 10 * RATE, 100):
        pace.wait(at, clock)

    clock.now += 7.0  # 2 of them the lead covers
    pace.wait(10 * RATE, clock)
    stalled = clock.now
    for at in range(10 * RATE + 100, 60 * RATE, 100):
        pace.wait(at, clock)

    assert pace.late == 1
    assert pace.late_s == pytest.approx(5.0 - 0.1)
    assert clock.now - stalled == pytest.approx(49.9 - 2.0)
