import math

import pytest
import torch

from typica.core.errors import ConfigError, ShapeError
from typica.signal.pitch_network import track_pitch


def tone(hertz, rate, seconds=1.0):
    time = torch.arange(round(seconds * rate)) / rate
    return sum(torch.sin(2 * math.pi * hertz * k * time) / k for k in range(1, 9)) / 4


def test_the_pitch_of_tones_is_found_at_any_rate():
    pytest.importorskip("swift_f0")
    for rate, hertz in ((16000, 220.0), (44100, 523.25), (8000, 110.0)):
        audio = torch.stack([tone(hertz, rate), torch.zeros(rate)])[:, None]

        found = track_pitch(audio, rate=rate)

        cents = 1200 * (found.frequency[0, 0, 5:-5].median() / hertz).log2()
        assert found.frequency.shape == (2, 1, 62)
        assert abs(float(cents)) < 30
        assert found.voiced[0, 0, 5:-5].all()
        assert not found.voiced[1].any()


def test_noise_hides_no_pitch_and_has_none():
    pytest.importorskip("swift_f0")
    noise = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))

    heard = track_pitch(tone(330.0, 16000) + noise, rate=16000)
    nothing = track_pitch(noise, rate=16000)

    assert float(heard.voiced.float().mean()) > 0.9
    assert float(heard.frequency.median()) == pytest.approx(330, rel=0.02)
    assert float(nothing.voiced.float().mean()) < 0.1


def test_a_range_that_the_network_does_not_know_is_refused():
    with pytest.raises(ConfigError, match="low=20"):
        track_pitch(torch.zeros(100), rate=16000, low=20)
    with pytest.raises(ShapeError, match="at least one sample"):
        track_pitch(torch.zeros(0), rate=16000)
