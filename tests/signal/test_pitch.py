import pytest
import torch

from typica.core.errors import ConfigError
from typica.signal.pitch import autocorrelation_peak, pitch

RATE = 16000


def time(seconds=1.0):
    return torch.arange(round(RATE * seconds), dtype=torch.float64) / RATE


def harmonics(hertz):
    return sum(torch.sin(2 * torch.pi * hertz * k * time()) / k for k in range(1, 6)) / 3


def white(length=RATE):
    return 0.3 * torch.randn(length, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("hertz", [55.0, 110.0, 261.63, 440.0, 932.3])
def test_the_pitch_of_a_harmonic_tone_is_found_within_five_cents(hertz):
    found = pitch(harmonics(hertz), rate=RATE)

    assert bool(found.voiced.all())
    assert float((found.frequency / hertz).log2().abs().max()) * 1200 < 5


def test_a_missing_fundamental_is_still_the_pitch():
    audio = sum(torch.sin(2 * torch.pi * 200 * k * time()) for k in (3, 4, 5)) / 3

    assert float(pitch(audio, rate=RATE).frequency.median()) == pytest.approx(200, rel=1e-3)


def test_noise_and_silence_have_no_pitch():
    assert float(pitch(white(), rate=RATE).voiced.float().mean()) < 0.05
    assert not pitch(torch.zeros(RATE), rate=RATE).voiced.any()


def test_a_pitch_that_glides_is_followed():
    slide = 200 * 2 ** time(2.0)  # one octave a second
    audio = torch.sin(2 * torch.pi * slide.cumsum(0) / RATE)

    frequency = pitch(audio, rate=RATE).frequency

    rise = (frequency[60] / frequency[10]).log2()  # fifty frames of 20 ms
    assert float(rise) == pytest.approx(1.0, abs=0.02)


def test_the_autocorrelation_peak_tells_tones_from_noise():
    slow = torch.nn.functional.avg_pool1d(white()[None], 64, 1)[0]

    assert float(autocorrelation_peak(harmonics(220.0), rate=RATE).min()) > 0.99
    assert float(autocorrelation_peak(white(), rate=RATE).mean()) < 0.25
    assert float(autocorrelation_peak(slow, rate=RATE).mean()) < 0.6
    assert float(autocorrelation_peak(torch.zeros(RATE), rate=RATE).max()) == 0


def test_the_autocorrelation_is_the_defining_sum():
    audio = harmonics(300.0) + white().double()

    peak = autocorrelation_peak(audio, rate=RATE, low=100, high=1000)[0]

    half = 162  # lags to 161 = 16000 / 100 + 1, and the frame is two windows
    head = audio[:half]
    slow = [
        float(head @ audio[k : k + half] / (head.norm() * audio[k : k + half].norm()))
        for k in range(162)
    ]
    crossing = next(k for k, value in enumerate(slow) if value <= 0)
    assert float(peak) == pytest.approx(max(slow[max(crossing, 16) :]), abs=1e-6)


def test_batches_are_read_one_by_one():
    both = torch.stack([harmonics(110.0), harmonics(440.0)])[:, None]

    found = pitch(both, rate=RATE).frequency

    assert found.shape[:2] == (2, 1)
    assert found.median(-1).values[:, 0].tolist() == pytest.approx([110, 440], rel=2e-3)


def test_a_range_that_the_rate_cannot_hold_is_refused():
    with pytest.raises(ConfigError, match="low=50"):
        pitch(torch.zeros(100), rate=RATE, high=9000)


def test_what_is_long_is_told_frame_by_frame_as_what_is_short():
    audio = torch.randn(2, 4000 * 22, generator=torch.Generator().manual_seed(0))

    found = pitch(audio, rate=4000, low=100), autocorrelation_peak(audio, rate=4000, low=100)

    begin = 1000  # frames of 80 samples each
    part = audio[:, begin * 80 : (begin + 60) * 80]
    alone = pitch(part, rate=4000, low=100), autocorrelation_peak(part, rate=4000, low=100)
    count = alone[1].shape[-1]
    assert found[1].shape[-1] > begin + count
    assert torch.allclose(found[0].frequency[:, begin : begin + count], alone[0].frequency)
    assert torch.allclose(found[1][:, begin : begin + count], alone[1], atol=1e-6)
