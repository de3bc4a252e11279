"""Runs from Python: the same music as by the slow road, sooner."""

import pytest
import torch

import typica
from typica.actions import load
from typica.core import registry
from typica.core.errors import ConfigError, RunError
from typica.core.randomness import seeded
from typica.core.run import Run, write_model
from typica.engines import compile

SETTINGS = {"stacks": 1, "layers": 4, "channels": 8, "gate": 8, "skip": 8, "head": [8]}


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(0)
    model = registry.from_settings("wavenet", SETTINGS)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    write_model(tmp_path, model, {"system": "wavenet", "rate": 8000, "model": SETTINGS})
    return tmp_path


def test_the_sampler_draws_what_the_model_draws(run):
    fast, slow = typica.load(run).sample(0.1, 2, seed=3), Run(run).sample(0.1, 2, seed=3)
    # Rounding may tip a draw once in a long while, and then all that follows it.
    assert (fast == slow)[..., :400].all()


def test_a_prompt_is_gone_on_from_and_not_returned(run):
    opened = typica.load(run)
    prompt = opened.sample(0.05, seed=1)

    after = opened.sample(0.02, 3, seed=2, prompt=prompt)

    assert after.shape == (3, 1, 160)
    assert not torch.equal(after, opened.sample(0.02, 3, seed=2))


def test_nothing_and_what_is_no_temperature_are_refused(run):
    with pytest.raises(RunError, match="seconds and count must be above 0, got 0 and 1"):
        typica.load(run).sample(0)
    with pytest.raises(ConfigError, match="temperature must be at least 0"):
        typica.load(run).sample(0.1, temperature=-1)
    with pytest.raises(ConfigError, match="did you mean 'nucleus'"):
        typica.load(run).sample(0.1, strategy="nuclous=0.5")


def test_a_run_has_an_engine_that_goes_on_from_its_own_states(run):
    engine = typica.load(run).engine()

    drawn = engine.draw(engine.start(2), 30, generator=seeded(1))
    again = engine.draw(drawn.state, 30, generator=seeded(2))

    assert again.symbols.shape == (2, 30)
    assert again.state.time == 60


def test_sampling_again_compiles_nothing_again(run, monkeypatch):
    opened, compiled = typica.load(run), []
    monkeypatch.setattr(load, "compile", lambda *a, **k: compiled.append(k) or compile(*a, **k))

    for _ in range(3):
        opened.sample(0.01)
    opened.engine(backend="torch")

    assert [asked["backend"] for asked in compiled] == ["auto", "torch"]


def test_what_was_trained_further_is_compiled_again(run):
    opened = typica.load(run)
    before = opened.sample(0.05)

    opened.model.head.last.bias.data[200] += 100  # which no version counter tells

    assert not torch.equal(opened.sample(0.05), before)
    assert (opened.model.symbols(opened.sample(0.05)) == 200).all()
