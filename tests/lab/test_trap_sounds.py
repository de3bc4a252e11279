"""The trap in sound: places and qualities of what the shipped run plays."""

import numpy as np
import pytest
import torch

from typica.core.progress import SILENT
from typica.core.run import SHIPPED
from typica.lab.trap_sounds import RUN, Size, qualities, sounds
from typica.signal.mel import mel_filters
from typica.streaming.monitoring import FILE
from typica.typicality.monitor.grid import BANDS
from typica.typicality.monitor.monitor import Monitor
from typica.typicality.monitor.reference import SILENT_DB

RATE = 8000


@pytest.fixture(scope="module")
def domain():
    return sounds(0, Size(prompts=2, prompt_s=1.0, length=1024, own=4, times=1), SILENT)


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


def test_qualities_are_best_for_what_is_as_loud_and_as_coloured_as_recordings():
    monitor = Monitor.load(SHIPPED / RUN / FILE)
    usual = 10 ** ((monitor.reference.silence_db + SILENT_DB) / 20)
    time = np.arange(8192) / RATE
    tone = usual * np.sqrt(2) * np.sin(2 * np.pi * 262 * time)
    hiss = usual * np.random.default_rng(0).standard_normal(len(time))
    alike = coloured(hiss, monitor)
    clips = np.stack([np.zeros_like(time), tone, 10 * tone, alike, hiss]).astype(np.float32)

    found = qualities(torch.from_numpy(clips)[:, None], monitor)

    assert found["sounding"].tolist() == [-1, 0, 0, 0, 0]
    silent, as_loud, louder, *_ = found["level"]
    assert as_loud > -1
    assert louder == pytest.approx(as_loud - 20, abs=1.5)
    assert silent < -30
    assert found["spectrum"][3] > found["spectrum"][4] + 3
