import math
from types import SimpleNamespace

import pytest
import torch

from typica.core import registry
from typica.core.condition import Track
from typica.evaluation.likelihood import model_bits
from typica.evaluation.stretches import Stretch, choose

RATE = 8000


@pytest.fixture(scope="module")
def model():
    """A WaveNet whose past matters, with a receptive field of 33 samples."""
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", layers=5, stacks=1)
    for parameter in model.parameters():
        parameter.data = 2 * torch.randn_like(parameter) / max(1, parameter[0].numel()) ** 0.5
    return model.eval().requires_grad_(False)


def test_a_model_that_knows_nothing_pays_eight_bits(corpus):
    untrained = registry.build("wavenet", "tiny")

    bits = model_bits(untrained, corpus, choose(corpus, "test", 1.0))

    assert bits.mean.value == pytest.approx(8, abs=1e-4)
    assert bits.measure == "8-bit mu-law levels"


def test_a_stretch_is_priced_given_what_came_before_it(corpus, model):
    recording = corpus.recordings("test")[0]
    audio = corpus.audio(recording)[None]

    bits = model_bits(model, corpus, [Stretch(recording, 5000, 5040)])

    # Slow and plainly right: price every sample of the recording, and add up those wanted.
    each = model.conditionals(audio).log_prob(model.symbols(audio))[0].double()
    assert bits.bits[0] == pytest.approx(-float(each[5000:5040].sum()) / math.log(2), abs=0.05)
    without_past = -float(model.log_prob(audio[..., 5000:5040])) / math.log(2)
    assert abs(bits.bits[0] - without_past) > 0.5


def test_pieces_of_a_recording_add_up_to_the_whole(corpus, model):
    recording = corpus.recordings("test")[0]
    cuts = [0, 10, 3000, recording.length]
    pieces = [Stretch(recording, a, b) for a, b in zip(cuts, cuts[1:], strict=False)]

    bits = model_bits(model, corpus, pieces)

    whole = -float(model.log_prob(corpus.audio(recording)[None])) / math.log(2)
    assert sum(bits.bits) == pytest.approx(whole, rel=1e-5)
    assert list(bits.by_recording()) == [recording.id]


def test_a_model_that_is_told_frames_is_told_those_of_the_stretch():
    model = registry.build("wavenet", "tiny", local="roll", local_channels=3, hop=64)
    asked = []

    class Told:
        def audio(self, recording, start, stop):
            return torch.zeros(1, stop - start)

        def condition(self, recordings, starts, length, names):
            asked.append((starts[0], length, names))
            return {"roll": Track(torch.zeros(1, 3, -(-length // 64)), RATE / 64)}

    recording = SimpleNamespace(id="a", length=9000)
    bits = model_bits(model, Told(), [Stretch(recording, 5000, 5100)])

    assert asked == [(4928, 172, ("roll",))]  # the last frame's start a context before 5000
    assert model.context <= 5000 - 4928
    assert bits.samples == [100]


def test_pieces_add_up_for_a_model_whose_context_network_pools(corpus):
    torch.manual_seed(0)
    settings = {"context_stacks": 1, "context_layers": 2, "context_channels": 8}
    pooled = registry.build("wavenet", "tiny", layers=3, stacks=1, context_pool=16, **settings)
    for parameter in pooled.parameters():
        parameter.data = 2 * torch.randn_like(parameter) / max(1, parameter[0].numel()) ** 0.5
    pooled.eval().requires_grad_(False)
    recording = corpus.recordings("test")[0]
    cuts = [0, 10, 3000, 3001, 3777, recording.length]
    pieces = [Stretch(recording, a, b) for a, b in zip(cuts, cuts[1:], strict=False)]

    bits = model_bits(pooled, corpus, pieces)

    audio = corpus.audio(recording)[None]
    each = pooled.conditionals(audio).log_prob(pooled.symbols(audio))[0].double()
    expected = [-float(each[a:b].sum()) / math.log(2) for a, b in zip(cuts, cuts[1:], strict=False)]
    assert bits.bits == pytest.approx(expected, rel=1e-4, abs=0.02)


def test_a_bound_is_one_of_each_stretch_by_itself(corpus):
    torch.manual_seed(0)
    model = registry.build("vqvae", "tiny").eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter += 0.3 * torch.randn(parameter.shape)
    recording = corpus.recordings("train")[0]
    stretch = Stretch(recording, 2000, 4000)

    bits = model_bits(model, corpus, [stretch])

    alone = model.log_prob(corpus.audio(*stretch)[None])
    assert bits.bits[0] == pytest.approx(-float(alone) / math.log(2))
