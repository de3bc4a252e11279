"""A model that plays what it was trained on is told from one that does not."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from typica.core.engine import Draws
from typica.evaluation.copying import CopyIndex
from typica.evaluation.free_running import FreeRun, play
from typica.signal.quantise import MuLaw
from typica.typicality.monitor.monitor import Monitor

RATE = 8000
LEVELS = MuLaw(8)


class Parrot:
    """Plays one sound a stream, each (1, time), as an engine draws."""

    def __init__(self, *sounds):
        self.model = SimpleNamespace(render=lambda symbols: LEVELS.decode(symbols)[:, None])
        self.symbols = torch.cat([LEVELS.encode(sound) for sound in sounds])

    def start(self, count, prompt=None):
        assert count == len(self.symbols)
        return 0

    def draw(self, state, length, *, generator=None, spread=False):
        symbols = self.symbols[:, state : state + length]
        zeros = torch.zeros(symbols.shape)
        return Draws(symbols, zeros, zeros, zeros, zeros + 1, state + length)


@pytest.fixture(scope="module")
def learnt(corpus):
    return CopyIndex(corpus, corpus.recordings("train"))


def heard(corpus, learnt, *sounds):
    """Let sounds of 3.5 s play."""
    cut = [sound[:, : round(3.5 * RATE)] for sound in sounds]
    real = [corpus.audio(one) for one in corpus.recordings("valid")]
    return play(
        Parrot(*cut), Monitor.uncalibrated(RATE), real, count=len(cut), seconds=3.4, learnt=learnt
    ).run


def test_what_it_copies_is_told_with_where_it_is_from(corpus, learnt):
    copied, other = corpus.recordings("train")[2], corpus.recordings("valid")[0]

    run = heard(corpus, learnt, 0.3 * corpus.audio(copied), corpus.audio(other))

    assert run.streams[0].copied > 0.85
    assert run.streams[1].copied == 0
    assert run.longest_copy == run.streams[0].copies[0]
    assert run.longest_copy.recording == copied.id
    assert run.longest_copy.at_s == pytest.approx(run.longest_copy.start_s, abs=2e-3)


def test_where_nothing_was_learnt_copies_are_not_looked_for(corpus):
    run = heard(corpus, None, corpus.audio(corpus.recordings("train")[2]))

    assert run.streams[0].copies is None
    assert run.streams[0].copied is None
    assert run.longest_copy is None
    assert run.mean("copied") is None


def test_what_is_clipped_is_counted(corpus, learnt):
    sound = corpus.audio(corpus.recordings("valid")[0])
    loud = (20 * sound).clamp(-1, 1)

    run = heard(corpus, learnt, 0.9 * sound, loud)

    expected = float((loud[:, : round(3.4 * RATE)].abs() > 0.999).float().mean())
    assert run.streams[0].clipped == 0
    assert run.streams[1].clipped == pytest.approx(expected, abs=0.02)
    assert expected > 0.1


def test_it_is_kept_and_read_again(corpus, learnt):
    import json

    run = heard(corpus, learnt, corpus.audio(corpus.recordings("train")[2]))

    again = FreeRun.from_json(json.loads(json.dumps(asdict(run))))

    assert again == run
    assert np.isfinite(again.streams[0].copies[0].likeness)
