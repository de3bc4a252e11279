"""The module's own steps as an engine: states that are values, devices, what may be drawn."""

import subprocess
import sys

import pytest
import torch
from gated_networks import CONFIGURATIONS, audio_of, build, told
from torch.distributions import Categorical

from typica.core import registry
from typica.core.condition import Track
from typica.core.config import Config
from typica.core.engine import StepEngine, check_draw
from typica.core.errors import ConfigError, RunError
from typica.core.model import AutoregressiveModel
from typica.core.randomness import seeded
from typica.core.temperature import LEAST, MOST

WAVENETS = [{}, CONFIGURATIONS[5], CONFIGURATIONS[12], CONFIGURATIONS[15], CONFIGURATIONS[-1]]
PIXELCNNS = [{"variant": "gated"}, {"variant": "plain"}, {"variant": "gated", "labels": 3}]


def pixelcnn(settings):
    torch.manual_seed(0)
    return registry.build("pixelcnn", "tiny", **settings).requires_grad_(False)


def started(kind, settings):
    """An engine that has drawn for three streams, and its state."""
    model = build(settings) if kind == "wavenet" else pixelcnn(settings)
    label = {"label": Track(torch.arange(3))} if settings.get("labels") else {}
    engine = StepEngine(model)
    state = engine.start(3, condition=told(model, 3) if kind == "wavenet" else label)
    return engine, engine.draw(state, 21, generator=seeded(1)).state


MODELS = [("wavenet", one) for one in WAVENETS] + [("pixelcnn", one) for one in PIXELCNNS]


@pytest.mark.parametrize(("kind", "settings"), MODELS, ids=str)
def test_a_state_can_be_kept_split_and_saved(kind, settings, tmp_path):
    engine, state = started(kind, settings)
    expected = engine.draw(state, 12, generator=seeded(2)).symbols

    state.save(tmp_path / "state")
    again = engine.draw(engine.load(tmp_path / "state"), 12, generator=seeded(2)).symbols
    kept = engine.draw(state, 12, generator=seeded(2)).symbols
    split = engine.draw(state.pick([2, 0, 2]), 12, temperature=0).symbols

    assert torch.equal(kept, expected)
    assert torch.equal(again, expected)
    assert torch.equal(split, engine.draw(state, 12, temperature=0).symbols[[2, 0, 2]])


def test_a_state_goes_on_in_another_process(tmp_path):
    engine, state = started("wavenet", {})
    state.save(tmp_path / "state")
    torch.save(engine.model.state_dict(), tmp_path / "weights")

    program = f"""
import torch
from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.randomness import seeded
model = registry.build("wavenet", "tiny")
model.load_state_dict(torch.load({str(tmp_path / "weights")!r}))
engine = StepEngine(model.requires_grad_(False))
state = engine.load({str(tmp_path / "state")!r})
print(engine.draw(state, 9, generator=seeded(2)).symbols.tolist())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    expected = engine.draw(state, 9, generator=seeded(2)).symbols.tolist()
    assert done.stdout.strip() == str(expected), done.stderr


class Remembering(AutoregressiveModel):
    """Draws anything, and remembers what it is told to."""

    config_type = Config
    base_measure, initial = "levels", 0

    def __init__(self, memory):
        super().__init__(Config())
        self.weight = torch.nn.Parameter(torch.zeros(4))
        self.memory = memory

    def symbols(self, x):
        return x[:, 0]

    def render(self, symbols):
        return symbols[:, None]

    def start(self, count, condition=None):
        return self.memory

    def advance(self, previous, state):
        return Categorical(logits=self.weight.detach().expand(*previous.shape, -1)), state


def test_what_has_no_streams_in_front_is_not_picked_from():
    state = StepEngine(Remembering((torch.zeros(5, 2),))).start(2)
    with pytest.raises(RunError, match=r"a tensor \(5, 2\), whose first axis is not the 2 streams"):
        state.pick([0])


def test_what_is_no_tree_of_tensors_is_not_saved(tmp_path):
    state = StepEngine(Remembering(({1, 2},))).start(2)
    with pytest.raises(RunError, match="holds a set cannot be saved"):
        state.save(tmp_path / "state")
    assert not list(tmp_path.iterdir())


class Table(Remembering):
    """Draws by a table; refuses whatever does not lie where its weights do."""

    def symbols(self, x):
        assert x.device == self.weight.device
        return x[:, 0].long()

    def start(self, count, condition=None):
        assert condition["roll"].values.device == self.weight.device
        return (condition["roll"].values,)

    def advance(self, previous, state):
        assert previous.device == self.weight.device
        logits = self.weight.expand(*previous.shape, -1)
        return Categorical(logits=logits, validate_args=False), state


def test_results_lie_where_the_model_does_and_what_is_given_may_lie_elsewhere():
    engine = StepEngine(Table(()).to("meta"))
    condition = {"roll": Track(torch.zeros(2, 5, 9), 1000.0)}

    state = engine.start(2, condition=condition, prompt=audio_of(1, 10))
    distribution, state = engine.follow(torch.zeros(2, 7, dtype=torch.long), state)
    after, state = engine.step(state.then(torch.zeros(2, dtype=torch.long)))
    drawn = engine.draw(state, 3, temperature=0.5, spread=True)

    results = [distribution.logits, after.logits, *drawn[:-1]]
    assert {one.device.type for one in results} == {engine.device.type} == {"meta"}


@pytest.mark.parametrize("temperature", [1e-40, 1e-7, 1e7, 1e300])
def test_temperatures_that_float32_does_not_stand_are_refused(temperature):
    with pytest.raises(ConfigError, match=r"must be 0, which takes the most likely, or from 1e-06"):
        check_draw(1, temperature)


@pytest.mark.parametrize("temperature", [0, LEAST, 1, MOST])
def test_the_least_and_the_most_are_drawn_at(temperature):
    check_draw(1, temperature)
