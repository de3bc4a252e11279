import time

import numpy as np
import pytest

from typica.streaming.errors import StreamError


def codes(listener):
    """All that a listener hears, as 16-bit samples."""
    parts = []
    while block := listener.wait():
        parts.append(block.audio)
    return np.rint(np.concatenate(parts) * 32768).astype("<i2")


def test_all_listeners_hear_the_same_samples(broadcast, perform, ramp_codes):
    one = broadcast(perform(50))
    listeners = [one.listen(name, capacity_s=1, patience="wait") for name in "ab"]
    listeners.append(one.listen("c", capacity_s=60, patience="leave"))

    one.start()

    # One after the other would hold the generation up for ever: each in its thread.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        heard = list(pool.map(codes, listeners))
    for samples in heard:
        np.testing.assert_array_equal(samples, ramp_codes(0, 50 * 400))


def test_a_stream_of_a_length_ends_there_to_the_sample(broadcast, perform):
    one = broadcast(perform(), length=1234)
    listener = one.listen("a", capacity_s=60, patience="wait")
    one.start()
    assert len(codes(listener)) == 1234
    assert one.performance.made == 4


def test_a_stalled_listener_holds_nobody_up_and_is_dropped_with_a_word(broadcast, perform):
    one = broadcast(perform(100))
    stalled = one.listen("/stream.wav", capacity_s=1, patience="leave")
    other = one.listen("b", capacity_s=1, patience="wait")
    one.start()

    assert len(codes(other)) == 100 * 400

    assert stalled.dropped
    assert one.metrics()["listeners_dropped"] == 1
    assert [event["text"] for event in one.chronicle.newest(9)] == [
        "a listener of /stream.wav fell 1 s behind and was dropped"
    ]


def test_what_was_counted_stays_counted_when_a_listener_leaves(broadcast, perform):
    one = broadcast(perform(100))
    stalled = one.listen("the page", capacity_s=1, patience="skip")
    one.start()
    one.join(5)
    stalled.underruns = 3
    before = one.metrics()

    one.leave(stalled)
    one.leave(stalled)

    after = one.metrics()
    assert before["skipped_seconds"] == pytest.approx(4.0)
    assert after["skipped_seconds"] == before["skipped_seconds"]
    assert (before["underruns"], after["underruns"]) == (3, 3)


def test_live_it_keeps_to_time_and_a_newcomer_gets_the_last_seconds(broadcast, perform):
    one = broadcast(perform(), live=True, lead_s=0.5)
    one.start()
    began = time.monotonic()
    time.sleep(0.6)
    late = one.listen("late", capacity_s=5, patience="skip")
    waiting = late.waiting / one.rate
    first = late.take().at / one.rate
    elapsed = time.monotonic() - began

    assert one.metrics()["seconds"] == pytest.approx(elapsed + 0.5, abs=0.25)
    assert waiting == pytest.approx(0.5, abs=0.06)
    assert first == pytest.approx(elapsed, abs=0.25)


def test_an_error_ends_it_for_all_and_is_kept(broadcast, perform):
    one = broadcast(perform(3, error=StreamError("the model is gone")))
    listener = one.listen("a", capacity_s=60, patience="wait")
    one.start()

    assert len(codes(listener)) == 3 * 400
    one.join(5)
    assert str(one.error) == "the model is gone"
    assert one.performance.closed


def test_values_that_are_no_numbers_are_not_played(broadcast, perform):
    class Broken(perform):
        def __next__(self):
            block = super().__next__()
            return block._replace(audio=block.audio * np.nan) if block.at else block

    one = broadcast(Broken())
    one.start()
    one.join(5)
    assert "after 0.1 s the model gives values that are no numbers" in str(one.error)


def test_it_stops_though_a_listener_that_is_waited_for_never_takes(broadcast, perform):
    one = broadcast(perform())
    one.listen("stuck", capacity_s=0.1, patience="wait")
    one.start()
    time.sleep(0.05)

    one.stop()
    one.join(5)

    assert one.finished.is_set()
    assert one.performance.closed
    assert one.performance.made < 10


def test_who_comes_after_the_end_hears_that_it_is_over(broadcast, perform):
    one = broadcast(perform(2))
    one.start()
    one.join(5)
    assert one.listen("late", capacity_s=1, patience="wait").wait() is None


def test_its_speed_is_told(broadcast, perform):
    one = broadcast(perform(20, slowness_s=0.01))  # 0.05 s of sound each
    one.start()
    one.join(5)
    metrics = one.metrics()
    assert metrics["blocks"] == 20
    assert 1 < metrics["real_time_factor"] <= 5
    assert 1 < metrics["real_time_factor_now"] <= 5
