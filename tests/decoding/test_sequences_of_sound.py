"""Choices among whole sequences, of models of sound: levels, mixtures and amplitudes."""

import pytest
import torch

from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.randomness import seeded
from typica.decoding.risk.minimum_bayes_risk import minimum_bayes_risk
from typica.decoding.selective import Band, selective_sampling
from typica.decoding.sequences import draw_sequences
from typica.decoding.utilities.spectral import LogSpectralSimilarity

OUTPUTS = {
    "categorical": {"bits": 4},
    "logistics": {"bits": 4, "output": "logistics"},
    "gaussian": {"input": "scalar", "output": "gaussian"},
}


@pytest.fixture(params=OUTPUTS)
def engine(request):
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", **OUTPUTS[request.param])
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    return StepEngine(model)


def test_after_a_prompt_the_likelihood_told_is_the_model_s(engine):
    prompt = 0.1 * torch.randn(1, 1, 40, generator=seeded(0))
    state = engine.start(1, prompt=prompt)
    drawn = draw_sequences(engine, state, 30, count=3, generator=seeded(1))
    conditionals, _ = engine.follow(drawn.symbols, state.pick([0, 0, 0]))

    told = conditionals.log_prob(drawn.symbols).double().sum(1)

    torch.testing.assert_close(drawn.log_prob, told, atol=1e-3, rtol=1e-4)


def test_sound_in_the_typical_band_is_kept(engine):
    selected = selective_sampling(
        engine, engine.start(1), 50, Band(-1, 1, "z"), count=10, batch=20, generator=seeded(2)
    )
    assert len(selected.sequences) == 10
    assert selected.place.abs().max() <= 1
    # A standard normal has .68 there; these models are no normals, but not far from it.
    assert 0.4 < selected.acceptance < 0.95


def test_of_sounds_the_one_that_is_like_most_others_is_chosen(engine):
    drawn = draw_sequences(engine, engine.start(1), 300, count=5, generator=seeded(3))
    audio = engine.model.render(drawn.symbols)
    # The third comes twice, and once more a little louder: it serves best.
    sounds = [*audio, audio[2], (1.01 * audio[2]).clamp(-1, 1)]

    decision = minimum_bayes_risk(None, sounds, LogSpectralSimilarity(windows=(64, 256)))

    assert decision.index == 2
    assert len(decision.candidates) == 6
    assert decision.expected_utility.argmax() == 2
