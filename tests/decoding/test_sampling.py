"""Ancestral sampling: prompts, temperature, and what it says of its draws."""

import gc
import weakref
from contextlib import contextmanager

import pytest
import torch
from enumerable import random_model
from torch.distributions import Categorical, Normal

from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.progress import Progress, Task
from typica.core.randomness import draw, seeded, seeded_rows
from typica.core.spread import spread
from typica.core.temperature import tempered
from typica.decoding.sampling import ancestral, draw_audio, draw_samples
from typica.decoding.words import strategy_from


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", bits=4)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    return model


def test_at_temperature_one_it_is_the_model_itself(model):
    drawn = draw_audio(model, 2, 50, generator=seeded(1))
    assert torch.equal(drawn, model.sample(2, 50, generator=seeded(1)))


def test_the_likelihood_it_tells_is_the_model_s(model):
    drawn = ancestral(model, 3, 40, temperature=0.7, generator=seeded(1))

    conditionals, symbols = model.conditionals(drawn.audio), model.symbols(drawn.audio)
    told = conditionals.log_prob(symbols).sum(-1).double()
    drawn_from = tempered(conditionals, 0.7).log_prob(symbols).sum(-1).double()

    torch.testing.assert_close(drawn.log_prob, told, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(drawn.log_draw, drawn_from, atol=1e-3, rtol=1e-4)


def test_after_a_prompt_it_goes_on_from_there(model):
    prompt = draw_audio(model, 1, 60, generator=seeded(2))
    drawn = ancestral(model, 3, 20, prompt=prompt, generator=seeded(3))
    whole = torch.cat([prompt.expand(3, -1, -1), drawn.audio], -1)

    expected = model.log_prob(whole) - model.log_prob(prompt)

    torch.testing.assert_close(drawn.log_prob, expected.double(), atol=1e-3, rtol=1e-4)


def test_a_prompt_is_read_in_blocks_without_changing_what_follows(model, monkeypatch):
    prompt = draw_audio(model, 1, 60, generator=seeded(2))
    whole = draw_audio(model, 1, 20, prompt=prompt, generator=seeded(3))
    monkeypatch.setattr("typica.core.engine.BLOCK", 7)
    assert torch.equal(draw_audio(model, 1, 20, prompt=prompt, generator=seeded(3)), whole)


def test_nearly_no_temperature_is_the_likeliest_choice(model):
    audio = draw_audio(model, 1, 30, temperature=1e-4, generator=seeded(1))
    likeliest = model.conditionals(audio).logits.argmax(-1)
    assert torch.equal(model.symbols(audio), likeliest)


def test_without_temperature_it_is_the_likeliest_choice_and_no_other_was_possible(model):
    drawn = ancestral(model, 1, 30, temperature=0.0, generator=seeded(1))
    likeliest = model.conditionals(drawn.audio).logits.argmax(-1)
    assert torch.equal(model.symbols(drawn.audio), likeliest)
    assert drawn.log_draw.item() == 0


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf")])
def test_what_is_no_temperature_is_refused(model, temperature):
    with pytest.raises(ConfigError, match=rf"temperature must be .*, got {temperature:g}"):
        draw_audio(model, 1, 10, temperature=temperature)


def test_samples_may_be_trained_on(model):
    audio = draw_audio(model, 1, 40, generator=seeded(1))
    model.likelihood_loss({"audio": audio})["nll"].backward()


def test_progress_hears_of_every_sample(model):
    heard = []

    class Counter(Task):
        def advance(self, amount=1):
            heard.append(amount)

    class Ear(Progress):
        @contextmanager
        def task(self, what, total=None, unit=""):
            heard.append(-total)
            yield Counter()

    draw_audio(model, 1, 300, generator=seeded(1), progress=Ear())

    assert sum(heard) == 0


def test_temperature_raises_a_categorical_to_a_power():
    distribution = Categorical(probs=torch.tensor([0.5, 0.3, 0.2]))
    expected = distribution.probs**2 / (distribution.probs**2).sum()
    torch.testing.assert_close(tempered(distribution, 0.5).probs, expected)


def test_temperature_raises_a_gaussian_to_a_power():
    distribution = Normal(torch.tensor(1.0), torch.tensor(2.0))
    points = torch.tensor([0.0, 3.0])

    ratio = tempered(distribution, 0.25).log_prob(points).diff()

    torch.testing.assert_close(ratio, 4 * distribution.log_prob(points).diff())


def test_drawing_from_the_unknown_is_an_error():
    with pytest.raises(TypeError, match="cannot draw from Poisson"):
        draw(torch.distributions.Poisson(torch.tensor(1.0)))


def test_strategies_draw_through_samples_and_tell_the_spread(model):
    strategy = strategy_from("top-k=3")
    settings = {"strategy": strategy, "spread": True}

    drawn = draw_samples(model, 3, 30, generator=seeded_rows(1, 3), **settings)

    conditionals, symbols = model.conditionals(drawn.audio), model.symbols(drawn.audio)
    top = conditionals.logits.topk(3)
    assert (top.indices == symbols[..., None]).any(-1).all()
    nats = (conditionals.log_prob(symbols) - top.values.logsumexp(-1)).sum(1).double()
    torch.testing.assert_close(drawn.log_draw, nats, atol=1e-3, rtol=1e-4)
    entropy, varentropy = spread(conditionals)
    torch.testing.assert_close(drawn.entropies, entropy, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(drawn.varentropies, varentropy, atol=1e-4, rtol=1e-4)
    assert drawn.lengths is None
    alone = draw_samples(model, 1, 30, generator=seeded_rows(1, 1), **settings)
    assert torch.equal(alone.audio, drawn.audio[:1])


def test_blocks_join_as_if_they_were_one(model, monkeypatch):
    settings = {"strategy": strategy_from("mirostat=2"), "spread": True}
    whole = draw_samples(model, 2, 30, generator=seeded_rows(1, 2), **settings)
    monkeypatch.setattr("typica.decoding.sequences.ENDLESS", 7)
    parts = draw_samples(model, 2, 30, generator=seeded_rows(1, 2), **settings)
    assert torch.equal(parts.audio, whole.audio)
    torch.testing.assert_close(parts.entropies, whole.entropies)


def test_sequences_that_end_tell_their_lengths():
    model = random_model(1, levels=3, depth=6, ends=True)
    drawn = ancestral(model, 200, 6, generator=seeded(1))
    for symbols, length in zip(drawn.audio.tolist(), drawn.lengths.tolist(), strict=True):
        assert length == (symbols.index(2) + 1 if 2 in symbols else 6)
    torch.testing.assert_close(drawn.log_prob, model.log_prob(drawn.audio))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"strategy": strategy_from("greedy")}, "takes no temperature, no strategy and no prompt"),
        ({"spread": True}, "tells no entropies"),
        ({"generator": seeded_rows(1, 2)}, "it draws from one generator"),
    ],
)
def test_what_is_not_autoregressive_takes_no_strategy(settings, why):
    vae = registry.build("vae", "tiny")
    with pytest.raises(ConfigError, match=f"VAE is not autoregressive: .*{why}"):
        draw_samples(vae, 2, vae.length or 10, **settings)


def test_no_state_is_kept_but_the_last(model, monkeypatch):
    """Of an hour of sound the states between its blocks would fill the memory."""
    monkeypatch.setattr("typica.decoding.sequences.ENDLESS", 4)
    kept, alive = [], []

    class Watched(StepEngine):
        def draw(self, state, length, **settings):
            gc.collect()
            alive.append(sum(one() is not None for one in kept))
            drawn = super().draw(state, length, **settings)
            kept.append(weakref.ref(drawn.state))
            return drawn

    ancestral(model, 2, 40, engine=Watched(model), generator=seeded(1))
    assert len(alive) == 10
    assert max(alive) == 1
