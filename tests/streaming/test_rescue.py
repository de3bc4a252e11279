"""Where a stream in a trap goes on from."""

import itertools

import pytest
import torch
from toy_engines import ToyState

from typica.streaming.rescue import (
    FAILURES,
    FRESH_STARTS,
    FURTHER_S,
    KEPT,
    LONGEST_PAUSE_S,
    PAUSE_S,
    PROBATION_S,
    SPACING_S,
    Rescue,
)
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.monitor import Monitor
from typica.typicality.monitor.watch import Alarm

RATE = 4000
TICK = Grid(RATE).tick
WATCHING = Monitor.uncalibrated(RATE)


class Stream:
    """A watch and a rescue that are told how time passes; goes on from where a rescue says."""

    def __init__(self):
        self.watch = WATCHING.begin()
        self.beginning = ToyState(torch.tensor([128]))
        self.rescue = Rescue.begin(RATE, self.beginning, self.watch)

    def play(self, seconds):
        for _ in range(round(seconds * RATE / TICK)):
            self.watch.at += TICK
            self.rescue.keep(ToyState(torch.tensor([128]), self.watch.at), self.watch)

    def alarm(self, drift_s=1.0, silent_s=0.0):
        """Raise an alarm of a drift that began so long ago; follow what is chosen."""
        at = self.watch.at
        since, silent = at - round(drift_s * RATE), round(silent_s * RATE)
        told = Alarm("loop", "loop 4 s", 4.0, 3.0, 2.0, at, since, "", silent)
        chosen = self.rescue.choose(told)
        if chosen is not None and chosen.kept is not None:
            self.watch = chosen.kept.watch.copy()
        return chosen

    def went_back_s(self, **alarm):
        before = self.watch.at
        return (before - self.alarm(**alarm).kept.at) / RATE


@pytest.fixture
def stream():
    return Stream()


def test_the_first_rescue_goes_to_the_newest_state_before_the_drift(stream):
    stream.play(30)
    assert 5 <= stream.went_back_s(drift_s=5) < 5 + SPACING_S + TICK / RATE


def test_a_state_and_the_watch_that_belongs_to_it_come_back_together(stream):
    stream.play(30)
    kept = stream.alarm().kept
    assert kept.at == kept.watch.at == kept.state.time


def test_an_alarm_soon_after_goes_further_back_each_time(stream):
    stream.play(60)
    stream.alarm(drift_s=0)
    reached = []
    for _ in range(FAILURES):
        reached.append(stream.alarm(drift_s=0).kept.at / RATE)

    steps = [a - b for a, b in itertools.pairwise([60.0, *reached])]
    assert steps[0] >= FURTHER_S
    assert steps == sorted(steps)
    assert steps[-1] > 2 * FURTHER_S


def test_a_rescue_that_held_long_enough_starts_the_count_anew(stream):
    stream.play(60)
    for _ in range(3):
        stream.alarm()
    stream.play(PROBATION_S + 1)

    assert stream.went_back_s(drift_s=1) < 1 + SPACING_S + TICK / RATE


def test_when_no_state_helps_it_starts_afresh(stream):
    stream.play(60)
    words = [stream.alarm(drift_s=0).words for _ in range(FAILURES + 2)]

    assert words[-1] == "started afresh"
    assert words[:-1] != ["started afresh"] * (FAILURES + 1)
    assert stream.watch.at == 0


def test_a_drift_from_the_beginning_starts_afresh(stream):
    stream.play(3)
    resort = stream.alarm(drift_s=10)
    assert resort.words == "started afresh"
    assert resort.kept.state is stream.beginning


def give_up(stream):
    """Let every rescue fail until no more are tried; return the words of the last."""
    for _ in range(100):
        chosen = stream.alarm(drift_s=1000)
        if chosen.kept is None:
            return chosen.words
        stream.play(1)
    raise AssertionError("it never gives up")


def test_fresh_starts_in_vain_end_in_a_pause_that_doubles_up_to_a_limit(stream):
    lengths = []
    for _ in range(7):
        words = give_up(stream)
        lengths.append(float(words.split("for ")[-1].split()[0]))
        assert stream.alarm() is None
        stream.play(lengths[-1] + 0.2)

    assert lengths == [min(PAUSE_S * 2**n, LONGEST_PAUSE_S) for n in range(7)]


def test_it_gives_up_after_so_many_fresh_starts(stream):
    words = []
    for _ in range(FRESH_STARTS + 1):
        words.append(stream.alarm(drift_s=1000).words)
        stream.play(1)

    assert words[:-1] == ["started afresh"] * FRESH_STARTS
    assert "going back has not helped" in words[-1]


@pytest.mark.parametrize(("sounded_s", "silent_s", "is_ended"), [(5, 3, True), (5, 1, False)])
def test_a_pause_is_ended_by_a_silence_that_lasts(stream, sounded_s, silent_s, is_ended):
    give_up(stream)
    stream.play(sounded_s + silent_s)
    chosen = stream.alarm(silent_s=silent_s)
    assert (chosen is not None) == is_ended


def test_a_stream_that_was_silent_from_the_start_is_left_alone_in_a_pause(stream):
    give_up(stream)
    stream.play(5)
    assert stream.alarm(silent_s=stream.watch.at / RATE) is None


def test_it_keeps_no_more_states_than_it_may(stream):
    stream.play(4 * KEPT * SPACING_S)
    oldest = stream.went_back_s(drift_s=KEPT * SPACING_S - 2 * SPACING_S)
    assert oldest <= KEPT * (SPACING_S + TICK / RATE)
    assert len(stream.rescue.kept) <= KEPT
