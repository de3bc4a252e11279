import numpy as np
import pytest
import torch

from typica.core.errors import ConfigError, DataError
from typica.evaluation.structure import chroma, self_similarity

RATE = 8000


def notes(pitches, seconds=0.5):
    """Play pitches one after another, as three partials."""
    time = torch.arange(round(seconds * RATE)) / RATE
    tones = []
    for pitch in pitches:
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        tones.append(sum((2 * np.pi * k * hertz * time).sin() / k**2 for k in (1, 2, 4)))
    return torch.cat(tones)[None]


def test_chroma_hears_pitch_classes_whatever_the_octave():
    for pitch in (60, 61, 67, 71, 72, 48, 84):
        rows = chroma(notes([pitch] * 4), RATE)
        assert (rows[3:-3].argmax(1) == pitch % 12).all()


def test_silence_has_no_harmony():
    rows = chroma(torch.cat([notes([60, 64]), torch.zeros(1, RATE)], 1), RATE)
    assert not rows[-5:].any()
    assert np.allclose(np.linalg.norm(rows[2:8], axis=1), 1)


def test_what_comes_again_is_heard_at_its_lag():
    generator = np.random.default_rng(0)
    bar = generator.permutation(12)[:4] + 60  # two seconds of four notes
    curve = self_similarity([notes(np.tile(bar, 8))], RATE)

    assert curve.lags_s[0] == pytest.approx(1.0)
    assert curve.lags_s[-1] == pytest.approx(4.0)
    at = dict(zip(curve.lags_s.round(1), curve.values, strict=True))
    assert at[2.0] > 0.9
    assert at[4.0] > 0.9
    assert at[1.0] < 0.4


def test_a_drone_noise_and_free_notes_lie_where_they_should():
    generator = np.random.default_rng(1)
    free = [notes(generator.integers(60, 72, 40)) for _ in range(4)]
    noise = torch.randn(1, 20 * RATE, generator=torch.Generator().manual_seed(0))
    key = [notes(generator.choice([60, 62, 64, 65, 67, 69, 71], 40)) for _ in range(4)]

    drone, hiss, found, in_key = (
        self_similarity(one, RATE).values.mean()
        for one in ([notes([60], 15.0)], [noise], free, key)
    )

    assert drone > 0.99
    assert 0.8 < hiss < drone
    assert found < in_key < 0.5 * hiss


def test_distance_is_that_of_the_curves():
    one, other = (
        self_similarity([notes(np.tile(bar, 8))], RATE) for bar in ([60, 64], [60, 61, 66])
    )
    assert one.distance(one) == 0
    assert one.distance(other) == pytest.approx(np.abs(one.values - other.values).mean())
    assert one.error is None


def test_what_is_too_short_or_silent_is_refused():
    with pytest.raises(DataError, match="no recording of more than 4 s sounds"):
        self_similarity([notes([60, 62]), torch.zeros(1, 10 * RATE)], RATE)
    with pytest.raises(ConfigError, match="lags must rise"):
        self_similarity([notes([60] * 20)], RATE, longest_s=1.0)


def test_a_recording_that_falls_silent_says_nothing_of_longer_lags():
    bar = notes(np.tile([60, 64, 67, 71], 8))
    short = torch.cat([notes([60, 64, 67, 71, 60]), torch.zeros(1, 10 * RATE)], 1)
    alone = self_similarity([bar], RATE)

    both = self_similarity([bar, bar, short], RATE)

    heard = slice(-10, None)  # lags from 3.1 s on, longer than it sounds
    np.testing.assert_allclose(both.values[heard], alone.values[heard])
    assert (both.error[heard] == 0).all()
    assert (both.error[:5] > 0).all()
    with pytest.raises(DataError, match="two places 2.* s apart"):
        self_similarity([short], RATE)
