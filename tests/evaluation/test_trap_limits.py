"""What counts as a trap: how recordings sound is one for all, how sure a model is its own."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from typica.core.errors import DataError
from typica.evaluation.trap_limits import after, sound_limits, with_band
from typica.signal.quantise import MuLaw
from typica.typicality.monitor.ear import Ear
from typica.typicality.monitor.grid import FRAMES_A_TICK, Grid
from typica.typicality.monitor.hearing import Heard

RATE = 2000
GRID = Grid(RATE)


def player(bits=8):
    """Something that hears as coarsely as a model of so many bits."""
    levels = MuLaw(bits)
    return SimpleNamespace(
        symbols=lambda audio: levels.encode(audio[:, 0]),
        render=lambda symbols: levels.decode(symbols)[:, None],
    )


def notes(seconds, seed):
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = rng.uniform(100, 500, int(seconds * 2) + 1).repeat(RATE // 2)[: len(time)]
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    audio = 0.3 * np.sin(phase) * np.exp(-3 * (time % 0.5)) + 1e-3 * rng.standard_normal(len(time))
    return torch.from_numpy(audio.astype(np.float32))[None]


RECORDINGS = [notes(40, seed) for seed in range(6)]


@pytest.fixture(scope="module")
def limits():
    return sound_limits(player(), RECORDINGS, RATE)


def listened(audio, bits_a_sample):
    """What is heard of audio by a model that is so sure of each sample."""
    ticks = audio.shape[1] // GRID.tick
    frames, _ = Ear.fresh(GRID).hear(audio[0, : ticks * GRID.tick].numpy())
    entropy = bits_a_sample * np.log(2) * GRID.tick
    rng = np.random.default_rng(0)
    totals = np.stack([np.zeros(ticks), np.ones(ticks), entropy * rng.uniform(0.9, 1.1, ticks)], 1)
    return Heard(totals, frames)


def alarms(monitor, heard):
    """Name the gauges that are beyond a limit."""
    beyond = np.nan_to_num(monitor.strains(heard)).max(0) > 1
    return {g.statistic for g, odd in zip(monitor.gauges, beyond, strict=True) if odd}


def test_they_judge_sound_and_nothing_that_a_model_says(limits):
    statistics = {name.split()[0] for name in limits.limits}

    assert statistics == {"level", "flatness", "spectrum", "loop", "silence"}


def test_recordings_pass_and_traps_do_not(limits):
    noise = 0.2 * torch.randn(1, 40 * RATE, generator=torch.Generator().manual_seed(0))

    assert not alarms(limits, listened(notes(40, 77), 4.0))
    assert "flatness" in alarms(limits, listened(noise, 4.0))
    assert "silence" in alarms(limits, listened(torch.zeros(1, 40 * RATE), 4.0))
    assert "loop" in alarms(limits, listened(RECORDINGS[0][:, : 2 * RATE].repeat(1, 20), 4.0))


def test_recordings_are_heard_as_coarsely_as_the_model_hears(limits):
    coarse = sound_limits(player(bits=2), RECORDINGS, RATE)

    assert coarse.limits["flatness 1 s"].usual > limits.limits["flatness 1 s"].usual + 0.3


def test_too_little_is_refused():
    with pytest.raises(DataError, match="too short to calibrate the monitor"):
        sound_limits(player(), [notes(10, 0)], RATE)


def test_the_band_of_the_entropy_is_the_models_own(limits):
    along = [listened(one, 4.0) for one in RECORDINGS]

    own = with_band(limits, along)

    added = own.limits.keys() - limits.limits.keys()
    assert {name.split()[0] for name in added} == {"entropy"}
    assert all(own.limits[name] == one for name, one in limits.limits.items())
    music = notes(40, 78)
    assert not alarms(own, listened(music, 4.0))
    assert alarms(own, listened(music, 1.0)) == {"entropy"}
    assert alarms(own, listened(music, 7.0)) == {"entropy"}


def test_of_too_little_there_is_no_band(limits):
    assert with_band(limits, [listened(notes(10, 0), 4.0)]) is limits


def test_the_first_ticks_are_left_out():
    heard = listened(notes(10, 0), 4.0)

    rest = after(heard, 5)

    assert np.array_equal(rest.totals, heard.totals[5:])
    for ours, whole in zip(rest.frames, heard.frames, strict=True):
        assert np.array_equal(ours, whole[5 * FRAMES_A_TICK :])
    assert len(after(heard, 0).totals) == len(heard.totals)
