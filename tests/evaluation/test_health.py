import math

import pytest
import torch

from typica.evaluation.health import examine, mean_health, repetition, spectral_distance_db

RATE = 16000


def noise(seconds=3.0, level=0.1):
    generator = torch.Generator().manual_seed(0)
    return level * torch.randn(round(RATE * seconds), generator=generator)


def tone(hertz, seconds=3.0, level=0.5):
    time = torch.arange(round(RATE * seconds)) / RATE
    return level * sum(torch.sin(2 * math.pi * hertz * k * time) / k for k in (1, 2, 3)) / 2


def melody(seconds=3.0):
    notes = [220, 247, 262, 330, 294, 392, 440, 349, 523, 494, 587, 659]
    pieces = [tone(hertz, seconds / len(notes)) for hertz in notes]
    fade = torch.linspace(1, 0.1, len(pieces[0]))
    return torch.cat([piece * fade for piece in pieces])


def test_white_noise_is_flat_and_has_no_pitch():
    health = examine(noise()[None], RATE)

    assert health.flatness == pytest.approx(0.561, abs=0.01)
    assert health.periodicity < 0.25
    assert health.voiced < 0.02
    assert health.level_db == pytest.approx(-20, abs=0.1)


def test_a_tone_is_periodic_voiced_and_held():
    health = examine(tone(220)[None], RATE)

    assert health.flatness < 0.01
    assert health.periodicity > 0.99
    assert health.voiced == 1
    assert health.pitch == pytest.approx(220, rel=0.002)
    assert health.repetition > 0.9


def test_silence_has_no_figures_of_sound():
    health = examine(torch.zeros(1, RATE), RATE)

    assert health.silence == 1
    assert health.level_db == -120
    assert (health.flatness, health.periodicity, health.pitch, health.repetition) == (None,) * 4


def test_a_loop_repeats_itself_and_a_melody_does_not():
    bar = melody()[: RATE // 2]

    assert repetition(bar.repeat(6), RATE) > 0.85
    assert repetition(melody(), RATE) < 0.5
    assert repetition(noise(), RATE) < 0.4


def test_noise_too_soft_to_hear_does_not_hide_a_held_tone():
    assert repetition(tone(220) + noise(level=0.001), RATE) > 0.9


def test_a_clip_under_a_second_tells_nothing_of_repetition():
    assert repetition(tone(220, seconds=0.8), RATE) is None


def test_pauses_do_not_count_as_sound():
    with_pause = torch.cat([tone(220), torch.zeros(3 * RATE)])

    assert examine(with_pause, RATE).flatness < 0.01
    assert examine(with_pause, RATE).silence == pytest.approx(0.5, abs=0.01)


def test_the_spectral_distance_is_the_gain_in_decibels_of_a_louder_copy():
    one, louder = noise(), 2 * noise()

    assert spectral_distance_db([one], [louder], RATE) == pytest.approx(6.02, abs=0.01)
    assert spectral_distance_db([one], [one], RATE) == 0
    assert spectral_distance_db([one], [torch.zeros(RATE)], RATE) is None


def test_means_are_over_the_clips_that_have_a_figure():
    mean = mean_health([examine(tone(220), RATE), examine(torch.zeros(RATE), RATE)])

    assert mean.silence == 0.5
    assert mean.pitch == pytest.approx(220, rel=0.002)


@pytest.mark.parametrize("rate", [1000, 2000, 3999])
def test_audio_at_the_lowest_rates_can_be_measured(rate):
    audio = 0.3 * torch.sin(2 * math.pi * 100 * torch.arange(3 * rate) / rate)

    health = examine(audio, rate)

    assert health.pitch == pytest.approx(100, rel=0.005)
    assert health.periodicity > 0.99
