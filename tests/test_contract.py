"""What every system must do: a new one is held to it the day its file appears."""

import pytest
import torch

from typica.core import registry
from typica.core.condition import Track
from typica.core.drawable import is_drawable, steps_of
from typica.core.engine_state import map_tensors
from typica.core.model import AutoregressiveModel, ExplicitModel, StreamingModel
from typica.core.randomness import seeded
from typica.core.run import Run, write_model
from typica.training.learner import Learner
from typica.training.processes import Processes
from typica.training.settings import PhaseConfig, TrainingConfig, read_settings

LENGTH = 64  # samples


@pytest.fixture(params=registry.names())
def name(request):
    return request.param


@pytest.fixture
def model(name):
    torch.manual_seed(0)
    model = registry.build(name, "tiny")
    for parameter in model.parameters():  # away from what beginners hold to be zero
        parameter.data += 0.1 * torch.randn(parameter.shape)
    return model


def told(model, count):
    """Return a condition of random tracks that covers LENGTH samples."""
    return {
        name: Track(torch.randint(need.channels, (count,)))
        if need.hop is None
        else Track(torch.rand(count, need.channels, -(-LENGTH // need.hop)), 1.0)
        for name, need in model.needs.items()
    }


def draw(model, seed):
    length = model.length or LENGTH
    return model.sample(3, length, condition=told(model, 3), generator=seeded(seed))


def test_samples_are_examples_and_repeat_with_their_seed(model):
    drawn = draw(model, seed=1)

    if model.example == "audio":
        assert drawn.shape == (3, 1, LENGTH)
        assert drawn.abs().max() <= 1
    else:
        assert drawn.dtype == torch.int64
        assert drawn.shape[0] == 3
        has_symbols = isinstance(model, AutoregressiveModel)
        assert (model.symbols(drawn) if has_symbols else drawn.flatten(1)).shape[1] == model.length
        assert 0 <= drawn.min() <= drawn.max() < model.config.levels
    assert torch.equal(drawn, draw(model, seed=1))
    assert not torch.equal(drawn, draw(model, seed=2))


def test_sampling_leaves_the_global_randomness_alone(model):
    before = torch.get_rng_state()
    draw(model, seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_density_exists_for_explicit_models_alone(model):
    if not isinstance(model, ExplicitModel):
        assert not hasattr(model, "log_prob")
        return
    log_prob = model.log_prob(draw(model, seed=1), told(model, 3))

    assert log_prob.shape == (3,)
    assert torch.isfinite(log_prob).all()
    assert model.base_measure


def test_the_density_of_one_does_not_depend_on_its_batch(model):
    if not isinstance(model, ExplicitModel):
        pytest.skip("has no density")
    model, drawn, condition = model.eval(), draw(model, seed=1), told(model, 3)
    first = {name: Track(track.values[:1], track.rate) for name, track in condition.items()}

    together = model.log_prob(drawn, condition)
    alone = model.log_prob(drawn[:1], first)

    torch.testing.assert_close(together[:1], alone, atol=1e-3, rtol=1e-5)


def test_stream_repeats_with_its_seed(model):
    if not isinstance(model, StreamingModel):
        pytest.skip("does not stream")
    first, second = (model.stream(3, condition=told(model, 3), generator=seeded(1)) for _ in "ab")

    for _ in range(4):
        torch.testing.assert_close(next(first), next(second))


def test_a_level_says_how_far_back_it_hears(model):
    if not isinstance(model, StreamingModel):
        pytest.skip("does not stream")
    fields = model.receptive_fields
    assert fields
    assert all(field is None or field > 0 for field in fields)


def numbers(distribution):
    """Return the parameters of a distribution, last axes side by side."""
    found = [v for v in vars(distribution).values() if isinstance(v, torch.Tensor)]
    shape = distribution.batch_shape
    return torch.cat([v.reshape(*shape, -1) for v in found if v.shape[: len(shape)] == shape], -1)


def test_step_agrees_with_the_conditionals(model):
    if not isinstance(model, AutoregressiveModel):
        pytest.skip("is not autoregressive")
    audio = draw(model, seed=1)
    symbols, state = model.symbols(audio), model.start(3, told(model, 3))

    stepped, symbol = [], torch.full((3,), model.initial)
    for time in range(symbols.shape[1]):
        distribution, state = model.step(symbol, state)
        stepped.append(numbers(distribution))
        symbol = symbols[:, time]

    together = numbers(model.conditionals(audio, told(model, 3)))
    torch.testing.assert_close(torch.cat(stepped, 1), together, atol=1e-5, rtol=1e-5)


def test_what_lies_beyond_the_receptive_field_does_not_matter(model):
    if not isinstance(model, AutoregressiveModel) or model.receptive_field is None:
        pytest.skip("is not autoregressive, or depends on all of the past")
    field = model.receptive_field
    shape = (1, 1, field + 21)  # the last is predicted from `field` before it
    audio, other = torch.rand(shape) - 0.5, torch.rand(shape) - 0.5
    audio[..., 20:] = other[..., 20:]
    condition = {
        name: Track(torch.zeros(1, dtype=torch.long))
        if need.hop is None
        else Track(torch.rand(1, need.channels, -(-shape[-1] // need.hop)), 1.0)
        for name, need in model.needs.items()
    }

    ends = [numbers(model.conditionals(x, condition))[:, -1] for x in (audio, other)]

    torch.testing.assert_close(*ends)


def test_a_state_is_a_value(model):
    if not isinstance(model, AutoregressiveModel):
        pytest.skip("is not autoregressive")
    block = model.symbols(draw(model, seed=1))[:, :10]
    _, state = model.advance(block, model.start(3, told(model, 3)))

    first, _ = model.advance(block, state)
    second, _ = model.advance(block, state)

    assert torch.equal(numbers(first), numbers(second))


def held(state):
    """Return how many bytes of tensors a state holds."""
    sizes = []
    map_tensors(tuple(state.leave()), lambda tensor: sizes.append(tensor.nbytes) or tensor)
    return sum(sizes)


def test_a_stream_remembers_no_more_the_longer_it_is(model, monkeypatch):
    if not is_drawable(model) or model.length or any(n.hop for n in model.needs.values()):
        pytest.skip("does not go on for ever, told nothing")
    monkeypatch.setattr("typica.core.sliced_engine.BLOCK", LENGTH)
    engine = steps_of(model.eval())
    state, sizes = engine.start(1, condition=told(model, 1)), []
    block = max(LENGTH // 2, getattr(model, "burst", 0))

    for number in range(14):
        if isinstance(model, AutoregressiveModel):  # all at once is faster than step by step
            symbols = model.symbols(torch.rand(1, 1, block, generator=seeded(number)) - 0.5)
            state = engine.follow(symbols, state)[1]
        else:
            state = engine.draw(state, block, generator=seeded(number)).state
        sizes.append(held(state))

    assert max(sizes[7:]) <= max(sizes[:7])


def test_a_stream_keeps_nothing_of_how_it_was_computed(model):
    if not is_drawable(model):
        pytest.skip("no engine draws from it")
    engine, graphs = steps_of(model.eval()), []
    begun = engine.start(1, condition=told(model, 1))
    for state in (begun, engine.draw(begun, 2, generator=seeded(1)).state):
        saved = tuple(state.leave())
        map_tensors(saved, lambda tensor: graphs.append(tensor.grad_fn) or tensor)

    assert graphs
    assert not any(graphs)


def test_each_phase_trains_its_own_parameters_and_no_others(model):
    batch = {model.example: draw(model, seed=1), "context": 0, "condition": told(model, 3)}
    for phase in model.phases():
        before = {n: p.detach().clone() for n, p in model.named_parameters()}
        alone = Processes(torch.device("cpu"))
        learner = Learner(model, [phase], TrainingConfig(), {phase.name: PhaseConfig()}, alone)
        terms = learner.step(lambda _: batch, 0.0)
        changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
        own = {n for n, p in model.named_parameters() if any(p is q for q in phase.parameters)}

        assert all(torch.isfinite(term) for term in terms.values())
        assert changed, phase.name
        assert changed <= own, phase.name


def test_phases_cover_every_trainable_parameter(model):
    trained = {id(p) for phase in model.phases() for p in phase.parameters}
    assert trained == {id(p) for p in model.parameters() if p.requires_grad}


def test_presets_hold_settings_that_exist(name):
    for preset in registry.presets(name):
        with torch.device("meta"):
            model = registry.build(name, preset)
        read_settings(registry.preset(name, preset), [phase.name for phase in model.phases()])


def test_a_run_gives_the_same_samples_elsewhere(name, model, tmp_path):
    settings = registry.preset(name, "tiny")["model"]
    (tmp_path / "here").mkdir()
    write_model(tmp_path / "here", model, {"system": name, "rate": 8000, "model": settings})
    elsewhere = (tmp_path / "here").rename(tmp_path / "elsewhere")

    assert torch.equal(draw(Run(elsewhere).model, seed=1), draw(model, seed=1))
