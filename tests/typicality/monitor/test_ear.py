"""What is heard of a stream."""

import numpy as np
import pytest

from typica.typicality.monitor.ear import Ear
from typica.typicality.monitor.grid import Grid

GRID = Grid(8000)


def noise(frames, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(frames * GRID.hop).astype(np.float32)


def test_blocks_are_heard_as_the_whole():
    audio = noise(12)

    whole, _ = Ear.fresh(GRID).hear(audio)
    first, ear = Ear.fresh(GRID).hear(audio[: 5 * GRID.hop])
    rest, _ = ear.hear(audio[5 * GRID.hop :])

    for all_of_it, *parts in zip(whole, first, rest, strict=True):
        np.testing.assert_allclose(np.concatenate(parts), all_of_it, rtol=1e-5)


def test_the_future_is_not_heard():
    audio = noise(12)
    other = audio.copy()
    other[6 * GRID.hop :] = 0

    one, _ = Ear.fresh(GRID).hear(audio)
    two, _ = Ear.fresh(GRID).hear(other)

    np.testing.assert_array_equal(one.spectrum_db[:6], two.spectrum_db[:6])
    assert not np.array_equal(one.spectrum_db[6], two.spectrum_db[6])


def test_white_noise_is_as_flat_as_theory_says_and_a_tone_is_not():
    time = np.arange(400 * GRID.hop) / GRID.rate
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)

    of_noise, _ = Ear.fresh(GRID).hear(noise(400))
    of_tone, _ = Ear.fresh(GRID).hear(tone)

    assert of_noise.flatness[2:].mean() == pytest.approx(-np.euler_gamma, abs=0.02)
    assert of_tone.flatness[2:].max() < -8
    assert of_tone.level_db[2:].mean() == pytest.approx(-3.01, abs=0.05)


def test_white_noise_is_as_loud_in_every_band():
    frames, _ = Ear.fresh(GRID).hear(noise(2000))

    power = (10 ** (frames.spectrum_db[2:] / 10)).mean(0)

    assert power == pytest.approx(0.01, rel=0.1)
