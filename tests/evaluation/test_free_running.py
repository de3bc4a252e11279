import numpy as np
import pytest
import torch

from typica.evaluation.free_running import FreeRun, Stream, _mark, _stream
from typica.typicality.monitor.grid import Grid
from typica.typicality.monitor.watch import Alarm

GRID = Grid(8000)


def alarm(kind, gauge, window_s, value):
    return Alarm(kind, gauge, window_s, value, 0.0, 0, 0, "")


def marked(tick, *alarms, ticks=50):
    kinds = np.full(ticks, "", dtype=object)
    for one in alarms:
        _mark(kinds, tick, one, GRID)
    return kinds.tolist()


def test_the_whole_window_that_is_odd_counts():
    kinds = marked(40, alarm("noise", "flatness 1 s", 1.0, -1.0))

    first = 41 - round(1.0 / GRID.tick_s)
    assert kinds == [""] * first + ["noise"] * (41 - first) + [""] * 9


def test_silence_counts_from_where_it_began():
    silent = round(3.0 / GRID.tick_s)

    kinds = marked(40, alarm("silence", "silence", 0.0, silent * GRID.tick_s))

    assert kinds.index("silence") == 41 - silent


def test_what_was_marked_before_keeps_its_kind():
    noise, loop = alarm("noise", "n", 1.0, 0.0), alarm("loop", "l", 4.0, 0.0)

    kinds = marked(40, noise, loop)

    assert kinds[40] == "loop"
    assert kinds[39] == "noise"
    assert kinds[20] == "loop"


def test_how_much_of_a_stream_is_silent_and_how_flat_its_sound_is_are_told():
    noise = 0.1 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    tone = torch.sin(2 * torch.pi * 440 / 8000 * torch.arange(16000))[None] / 2
    tone[:, 4000:] = 0
    kinds = np.full(16, "", dtype=object)

    of_noise, of_tone, of_none = (
        _stream(kinds, audio, [noise], 8000, 1.0, None) for audio in (noise, tone, 0 * noise)
    )

    assert (of_noise.silent, of_tone.silent, of_none.silent) == (0, pytest.approx(0.75), 1)
    assert of_noise.flatness == pytest.approx(0.56, abs=0.02)
    assert of_tone.flatness < 0.1
    assert of_none.flatness is None


def test_a_run_sums_up_its_streams():
    streams = [
        Stream({"silence": 0.5, "noise": 0.25}, 2, -30.0, 4.0, None, 1.0),
        Stream({"noise": 0.25}, 1, -10.0, 2.0, 0.5, 2.0),
    ]

    run = FreeRun(36.0, streams)

    assert run.trapped == pytest.approx(0.5)
    assert run.traps == {"silence": 0.25, "noise": 0.25}
    assert run.alarms_per_hour == pytest.approx(150)
    assert (run.mean("repetition"), run.mean("level_db")) == (0.5, -20.0)
    assert streams[0].stuck == 0.5
