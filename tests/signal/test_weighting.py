import math

import pytest
import torch
from scipy import signal

from typica.signal.weighting import POLES, a_weighted_db, a_weighting_db

RATE = 16000


def test_the_curve_is_the_table_of_the_standard():
    # IEC 61672-1, table 3: rounded to a tenth, at 1000 * 10^(k / 10) hertz.
    table = {-15: -39.4, -12: -26.2, -9: -16.1, -6: -8.6, -3: -3.2, 0: 0.0, 3: 1.2, 6: 1.0, 9: -1.1}
    hertz = torch.tensor([1000 * 10 ** (k / 10) for k in table], dtype=torch.float64)

    assert a_weighting_db(hertz).tolist() == pytest.approx(list(table.values()), abs=0.06)
    assert float(a_weighting_db(torch.zeros(1))) == -math.inf


@pytest.mark.parametrize("hertz", [250.0, 1000.0, 3000.0])
def test_a_sine_has_its_level_and_its_weight(hertz):
    time = torch.arange(RATE, dtype=torch.float64) / RATE
    sine = 0.1 * torch.sin(2 * math.pi * hertz * time)

    found = a_weighted_db(sine, rate=RATE)[10:-10]

    wanted = -23.01 + float(a_weighting_db(torch.tensor(hertz, dtype=torch.float64)))
    assert found.tolist() == pytest.approx([wanted] * len(found), abs=0.05)


def test_noise_has_the_level_that_a_filter_in_time_gives_it():
    """Against scipy: the analogue filter, made digital at eight times the rate."""
    noise = torch.randn(4 * RATE, generator=torch.Generator().manual_seed(0)).double()
    low, second, third, high = (-2 * math.pi * pole for pole in POLES)
    poles = [low, low, second, third, high, high]
    fast = 8 * RATE
    sections = signal.zpk2sos(*signal.bilinear_zpk([0] * 4, poles, 1, fast))
    _, gain = signal.sosfreqz(sections, worN=[1000], fs=fast)
    slow = signal.resample(noise.numpy(), 8 * len(noise))
    filtered = signal.sosfilt(sections, slow) / abs(gain[0])
    wanted = 10 * math.log10((filtered**2).mean())

    frames = a_weighted_db(noise, rate=RATE)[8:-8]

    assert 10 * math.log10(float((10 ** (frames / 10)).mean())) == pytest.approx(wanted, abs=0.1)


def test_twice_the_amplitude_is_6_02_db_and_silence_the_floor():
    noise = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(0)).double()

    rise = a_weighted_db(2 * noise, rate=RATE) - a_weighted_db(noise, rate=RATE)

    assert torch.allclose(rise, torch.full_like(rise, 6.0206), atol=1e-3)
    assert a_weighted_db(torch.zeros(5000), rate=RATE).unique().tolist() == [-120]
    assert a_weighted_db(noise, rate=RATE).shape == (2, 32)
