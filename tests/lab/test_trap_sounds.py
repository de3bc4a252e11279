"""The trap in sound: places and qualities of what the shipped run plays."""

import numpy as np
import pytest
import torch

from typica.core.progress import SILENT
from typica.core.run import SHIPPED
from typica.lab.trap_sounds import RUN, Size, _sounding, qualities, sounds
from typica.signal.mel import mel_filters
from typica.streaming.monitoring import FILE
from typica.typicality.monitor.grid import BANDS
from typica.typicality.monitor.monitor import Monitor

RATE = 8000


@pytest.fixture(scope="module")
def domain():
    return sounds(0, Size(prompts=6, prompt_s=2.0, length=1280, own=4, times=1), SILENT)


def test_colder_ways_lie_below_the_typical_set_and_hotter_ones_above(domain):
    def z(way):
        return domain.z[domain.way == way].mean()

    assert z("greedy") <= z("T = 0.5") < 0 < z("T = 1.5")
    assert {len(values) for values in domain.quality.values()} == {len(domain.d)}


def coloured(noise, monitor):
    """Filter noise so that its mel spectrum is that of the recordings."""
    frame = monitor.grid.frame
    filters = mel_filters(RATE, bands=BANDS, window=frame).numpy()
    centres = filters.argmax(1) * RATE / frame
    hertz = np.fft.rfftfreq(len(noise), 1 / RATE)
    gain = 10 ** (np.interp(hertz, centres, monitor.reference.mean_db) / 20)
    return np.fft.irfft(np.fft.rfft(noise) * gain)


def test_qualities_are_best_for_what_is_as_loud_as_coloured_and_as_tonal_as_recordings():
    monitor = Monitor.load(SHIPPED / RUN / FILE)
    time = np.arange(8192) / RATE
    tone = 0.1 * np.sqrt(2) * np.sin(2 * np.pi * 262 * time)
    hiss = 0.1 * np.random.default_rng(0).standard_normal(len(time))
    alike = coloured(hiss, monitor)
    mixed = tone + 0.003 * hiss
    clips = np.stack([tone, 10 * tone, alike, hiss, mixed]).astype(np.float32)
    before = np.stack([tone] * len(clips)).astype(np.float32)

    found = qualities(*(torch.from_numpy(one)[:, None] for one in (clips, before)), monitor)

    same, louder, *_ = found["level"]
    assert same == 0
    assert louder == pytest.approx(-20, abs=0.1)
    assert found["spectrum"][2] > found["spectrum"][3] + 1
    _, _, _, noise, little = found["flatness"]
    assert noise < little - 2  # noise is heard, which the mean spectrum of a mixture hides


def test_heat_is_heard(domain):
    def mean(quality, way):
        return domain.quality[quality][domain.way == way].mean()

    assert mean("flatness", "T = 1.5") < mean("flatness", "ancestral")
    assert mean("level", "T = 1.5") < mean("level", "T = 0.85")


def test_silent_moments_are_no_prompts():
    monitor = Monitor.load(SHIPPED / RUN / FILE)
    prompts = torch.zeros(3, 1, 2048)
    prompts[1] = 0.1 * torch.sin(torch.arange(2048) / 5)
    assert _sounding(prompts, monitor) == [1]
