import math

import pytest
import torch

from typica.signal.loudness import (
    clipped_share,
    frame_levels_db,
    k_weighting,
    level_db,
    loudness_lufs,
    peak,
    silence_share,
)
from typica.signal.quantise import Linear, MuLaw


def sine(hertz, rate, seconds=2.0, amplitude=1.0):
    time = torch.arange(round(rate * seconds), dtype=torch.float64) / rate
    return amplitude * torch.sin(2 * torch.pi * hertz * time)


def test_a_full_scale_sine_lies_three_decibels_under_a_square_wave():
    wave = torch.stack([sine(100, 8000), sine(100, 8000).sign()])

    assert level_db(wave).tolist() == pytest.approx([-3.0103, 0], abs=0.03)


def test_silence_has_no_level_and_no_loudness():
    silence = torch.zeros(1, 8000)

    assert level_db(silence).tolist() == [-math.inf]
    assert loudness_lufs(silence, rate=8000).tolist() == [-math.inf]


@pytest.mark.parametrize("quantiser", [MuLaw(8), Linear(8), Linear(16)])
def test_what_is_beyond_full_scale_is_clipped_in_all_that_models_play(quantiser):
    played = quantiser.decode(quantiser.encode(torch.tensor([-1.0, 1.0, 0.9, 0.0])))

    assert clipped_share(played) == 0.5


def test_peak_and_clipped_share_read_both_signs():
    audio = torch.tensor([[0.1, -1.0, 0.5, 0.999]])

    assert peak(audio).tolist() == [1.0]
    assert clipped_share(audio).tolist() == [0.5]


def test_silence_is_counted_in_frames_and_a_short_last_frame_is_judged_by_its_own_samples():
    loud, quiet = torch.full((100,), 0.5), torch.full((230,), 1e-4)
    audio = torch.cat([loud, quiet, torch.full((20,), 0.5)])

    assert float(silence_share(audio[:330], frame=100)) == pytest.approx(3 / 4)
    assert float(frame_levels_db(audio[:50], frame=100)[-1]) == pytest.approx(-6.02, abs=0.01)
    assert float(silence_share(torch.cat([loud, quiet[:100]]), frame=100)) == 0.5


def test_k_weighting_at_48_khz_is_the_published_one():
    (shelf, high_pass) = k_weighting(48000)

    # ITU-R BS.1770-4, tables 1 and 2.
    expected = [1.53512485958697, -2.69169618940638, 1.19839281085285]
    assert shelf[0] == pytest.approx(expected, abs=1e-9)
    assert shelf[1] == pytest.approx([1, -1.69065929318241, 0.73248077421585], abs=1e-9)
    assert high_pass[1] == pytest.approx([1, -1.99004745483398, 0.99007225036621], abs=1e-9)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_a_full_scale_sine_of_997_hertz_has_minus_3_01_lufs(rate):
    loudness = loudness_lufs(sine(997, rate)[None], rate=rate)

    assert loudness.tolist() == pytest.approx([-3.01], abs=0.05)


def test_pauses_are_gated_out_of_the_loudness():
    tone = sine(997, 16000, seconds=4.0, amplitude=0.1)
    with_pause = torch.cat([tone, torch.zeros(16000 * 8, dtype=torch.float64)])

    assert float(loudness_lufs(with_pause, rate=16000)) == pytest.approx(-23.01, abs=0.3)


def test_a_clip_shorter_than_a_block_is_measured_as_one():
    assert float(loudness_lufs(sine(997, 16000, seconds=0.1), rate=16000)) == pytest.approx(
        -3.01, abs=0.3
    )
