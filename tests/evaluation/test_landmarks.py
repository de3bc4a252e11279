import numpy as np
import pytest

from typica.evaluation import landmarks as module
from typica.evaluation.landmarks import grid, landmarks

RATE = 4000


def notes(seconds, seed):
    rng = np.random.default_rng(seed)
    time = np.arange(RATE // 4) / RATE
    tones = [np.sin(2 * np.pi * pitch * time) for pitch in rng.uniform(150, 1500, seconds * 4)]
    sound = np.concatenate([tone * np.exp(-6 * time) for tone in tones])
    return (0.3 * sound + 1e-4 * rng.standard_normal(len(sound))).astype(np.float32)


def as_set(marks):
    return set(zip(marks.names.tolist(), marks.frames.tolist(), strict=True))


def test_they_move_with_the_sound():
    sound, hop = notes(20, 0), grid(RATE).hop
    before = as_set(landmarks(sound, RATE))

    after = as_set(landmarks(np.concatenate([np.zeros(7 * hop, np.float32), sound]), RATE))

    moved = {(name, frame + 7) for name, frame in before}
    assert len(before) > 100
    assert len(moved & after) > 0.95 * len(before)


@pytest.mark.parametrize("gain", [0.01, 3.0])
def test_level_is_nothing_to_them(gain):
    sound = notes(10, 1)

    plain, scaled = (as_set(landmarks(np.float32(g) * sound, RATE)) for g in (1.0, gain))

    assert len(plain & scaled) > 0.98 * len(plain | scaled)


@pytest.mark.parametrize("block", [97, 300])
def test_blocks_are_not_heard(monkeypatch, block):
    sound = notes(20, 2)
    whole = as_set(landmarks(sound, RATE))

    monkeypatch.setattr(module, "BLOCK", block)

    assert as_set(landmarks(sound, RATE)) == whole


def test_there_are_no_more_than_so_many_a_peak():
    rng = np.random.default_rng(3)
    marks = landmarks(rng.standard_normal(10 * RATE).astype(np.float32), RATE)

    assert np.unique(marks.frames, return_counts=True)[1].max() <= module.PARTNERS * 30
    assert marks.names.min() >= 0


@pytest.mark.parametrize("length", [0, 5, 500, 700])
def test_what_is_too_short_or_silent_has_none(length):
    assert len(landmarks(np.zeros(length, np.float32), RATE).names) == 0
