from types import SimpleNamespace

import pytest
import torch
from torch.distributions import Categorical

from typica.core import registry
from typica.core.config import Config
from typica.core.model import EndlessModel, Model
from typica.evaluation.pricing import measure_likelihood
from typica.evaluation.stretches import choose
from typica.signal.quantise import quantiser


class Implicit(Model):
    config_type = Config

    def sample(self, count, length, *, condition=None, generator=None):
        return torch.zeros(count, 1, length)

    def phases(self):
        return []


class Parrot(EndlessModel):
    """Knows one recording by heart, by the levels around each of its own; nothing else."""

    config_type = Config
    initial = 128
    base_measure = "8-bit mu-law levels"
    context = 2

    def __init__(self, known):
        super().__init__(Config())
        self.quantiser = quantiser("mulaw", 8)
        self.table = torch.nn.Parameter(torch.zeros(256, 256, 256))
        codes = self.quantiser.encode(known)
        self.table.data[codes[:-2], codes[1:-1], codes[2:]] = 8.0

    def symbols(self, x):
        return self.quantiser.encode(x[:, 0])

    def render(self, symbols):
        return self.quantiser.decode(symbols)[:, None]

    def start(self, count, condition=None):
        return torch.full((count, 1), self.initial)

    def advance(self, previous, state):
        past = torch.cat([state, previous], 1)
        return Categorical(logits=self.table[past[:, :-1], past[:, 1:]]), past[:, -1:]


def test_a_model_without_a_density_has_no_likelihood(corpus):
    found = measure_likelihood(Implicit(Config()), corpus, choose(corpus, "test"))

    assert found.model is None
    assert found.advantages() == {}


def test_model_and_baselines_are_priced_on_the_same_stretches_and_measure(corpus):
    untrained = registry.build("wavenet", "tiny")

    found = measure_likelihood(untrained, corpus, choose(corpus, "test", 1.0))

    assert found.model.mean.value == pytest.approx(8, abs=1e-3)
    assert {one.measure for one in found.baselines} == {"8-bit mu-law levels"}
    assert found.advantages()["uniform"].value == pytest.approx(0, abs=1e-3)
    assert found.advantages()["unigram"].value < 0
    assert [one.measure for one in found.apart] == ["16-bit linear PCM levels"]
    assert found.gap.value == pytest.approx(0, abs=1.5)


def test_what_is_known_by_heart_shows_as_a_gap_between_training_and_held_out(corpus):
    known = torch.cat([corpus.audio(one)[0] for one in corpus.recordings("train")])

    found = measure_likelihood(Parrot(known), corpus, choose(corpus, "test", 2.0))

    assert found.gap.value > 1


def test_a_density_of_amplitudes_has_no_baselines_and_says_so(corpus):
    gaussian = registry.build("wavenet", "tiny", output="gaussian", input="scalar")

    found = measure_likelihood(gaussian, corpus, choose(corpus, "test", 1.0))

    assert found.baselines == ()
    assert found.notes == [
        "No baseline has the base measure of this model: density of the amplitude, "
        "log-scale at least -14."
    ]


def test_sixteen_bit_levels_are_compared_with_the_file_itself(corpus):
    mixture = registry.build("wavenet", "tiny", output="logistics", quantiser="linear", bits=16)

    found = measure_likelihood(mixture, corpus, choose(corpus, "test", 1.0))

    assert "FLAC" in found.advantages()
    assert found.apart == []
    assert "First-order Markov is left out" in found.notes[0]


def test_a_corpus_without_training_recordings_is_refused():
    from typica.core.errors import DataError
    from typica.evaluation.baselines import fit_baselines

    empty = SimpleNamespace(name="empty", rate=8000, recordings=lambda split: [])
    with pytest.raises(DataError, match="empty has no recordings in its split 'train'"):
        fit_baselines(empty, quantiser("mulaw", 8))
