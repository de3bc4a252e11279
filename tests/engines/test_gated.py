"""The engine of gated networks: the module's numbers, whatever the configuration."""

import subprocess
import sys

import pytest
import torch
from gated_networks import CONFIGURATIONS, audio_of, build, parameters, told

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, RunError
from typica.core.randomness import seeded
from typica.core.spread import spread
from typica.core.temperature import LEAST, MOST, tempered
from typica.decoding.words import strategy_from
from typica.engines.compiler import compile

LEVELS = [settings for settings in CONFIGURATIONS if "output" not in settings]


@pytest.mark.parametrize(
    ("settings", "batch", "length"),
    [
        (CONFIGURATIONS[0], 1, 2050),
        (CONFIGURATIONS[5], 64, 60),
        (CONFIGURATIONS[-1], 17, 60),
        *((settings, 3, 250) for settings in CONFIGURATIONS),
    ],
)
def test_every_step_has_the_numbers_of_the_module(settings, batch, length):
    model, condition = build(settings), None
    condition = told(model, batch)
    audio = audio_of(batch, length + 50)
    engine = compile(model, backend="c++")
    state = engine.start(batch, condition=condition, prompt=audio[..., :50])

    found, _ = engine.follow(model.symbols(audio)[:, 50:], state)

    expected = parameters(model.conditionals(audio, condition))[:, 50:]
    torch.testing.assert_close(parameters(found), expected, atol=1e-4, rtol=1e-4)


def test_a_step_is_the_beginning_of_the_way():
    model = build({})
    engine, steps = compile(model), StepEngine(model)
    one, other = engine.start(2), steps.start(2)

    for symbols in torch.randint(0, 256, (20, 2), generator=seeded(1)):
        found, one = engine.step(one)
        expected, other = steps.step(other)
        torch.testing.assert_close(found.logits, expected.logits, atol=1e-4, rtol=1e-4)
        one, other = one.then(symbols), other.then(symbols)


@pytest.mark.parametrize("settings", LEVELS, ids=str)
def test_draws_are_those_of_the_module_and_as_likely_as_they_say(settings):
    model = build(settings)
    engine, condition = compile(model, backend="c++"), told(model, 3)
    state = engine.start(3, condition=condition)

    drawn = engine.draw(state, 200, temperature=0.8, generator=seeded(1), spread=True)

    audio = model.render(drawn.symbols)
    conditionals = model.conditionals(audio, condition)
    tempered = (conditionals.logits / 0.8).log_softmax(-1)
    log_draw = tempered.gather(-1, drawn.symbols[..., None])[..., 0]
    close = {"atol": 1e-3, "rtol": 1e-3}
    torch.testing.assert_close(drawn.log_prob, conditionals.log_prob(drawn.symbols), **close)
    torch.testing.assert_close(drawn.log_draw, log_draw, **close)
    for found, expected in zip(
        (drawn.entropy, drawn.varentropy), spread(conditionals), strict=True
    ):
        torch.testing.assert_close(found, expected, **close)


@pytest.mark.parametrize(
    "settings", [settings for settings in CONFIGURATIONS if "output" in settings], ids=str
)
def test_draws_of_amplitudes_are_as_likely_as_they_say(settings):
    model = build(settings)
    engine = compile(model, backend="c++")

    # The spread over 65,536 levels takes a tenth of a second a step.
    length = 8 if settings.get("bits") == 16 else 200
    drawn = engine.draw(engine.start(3), length, temperature=0.8, generator=seeded(1), spread=True)

    conditionals = model.conditionals(model.render(drawn.symbols))
    expected = conditionals.log_prob(drawn.symbols)
    torch.testing.assert_close(drawn.log_prob, expected, atol=1e-2, rtol=1e-3)
    assert drawn.log_draw.sum() > drawn.log_prob.sum()
    torch.testing.assert_close(drawn.entropy, spread(conditionals)[0], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("output", ["categorical", "logistics"])
def test_draws_follow_the_distributions_that_they_are_drawn_from(output):
    scalar = {"input": "scalar", "bits": 4, "components": 3} if output != "categorical" else {}
    model = build({"output": output, "bits": 4} | scalar)
    engine = compile(model, backend="c++")
    count = 20_000

    drawn = engine.draw(engine.start(count), 1, generator=seeded(1))

    first = StepEngine(model).step(StepEngine(model).start(1))[0]
    levels = torch.arange(16)
    expected = first.log_prob(levels[:, None, None])[:, 0, 0].exp().double()
    seen = torch.bincount(drawn.symbols[:, 0], minlength=16).double()
    chi_square = ((seen - count * expected) ** 2 / (count * expected).clamp_min(1e-3)).sum()
    assert chi_square < 45  # 15 degrees of freedom: beyond it lies 1e-4


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("backend", ["c++", "numba", "graph"])
def test_draws_of_a_gaussian_are_distributed_as_it_says(backend, temperature):
    model = build({"output": "gaussian", "input": "scalar"})
    model.head.last.bias[:] = torch.tensor([0.1, -2.0])  # what is clipped lies beyond 6 scales
    model.head.last.weight.mul_(0.1)
    engine, steps, count = compile(model, backend=backend), StepEngine(model), 100_000

    drawn = engine.draw(engine.start(count), 1, temperature=temperature, generator=seeded(1))

    first = tempered(steps.step(steps.start(1))[0], temperature)
    assert 6 * first.scale.item() + abs(first.loc.item()) < 1
    ranks = first.cdf(drawn.symbols).flatten().double().sort().values  # uniform, if all is well
    steps_of_cdf = (torch.arange(count, dtype=torch.double) + 0.5) / count
    assert (ranks - steps_of_cdf).abs().max() < 2.23 / count**0.5  # Kolmogorov: 1e-4 beyond it


@pytest.mark.parametrize("engine", [compile, StepEngine])
def test_the_likeliest_takes_no_randomness(engine):
    engine, generator = engine(build({})), seeded(1)
    before, own = torch.get_rng_state(), generator.get_state()
    for source in (None, generator):
        engine.draw(engine.start(2), 5, temperature=0, generator=source)
        for words in ("greedy", "top-k=3,temperature=0"):
            engine.draw(engine.start(2), 5, strategy=strategy_from(words), generator=source)
    assert torch.get_rng_state().equal(before)
    assert generator.get_state().equal(own)


@pytest.mark.parametrize("settings", CONFIGURATIONS, ids=str)
def test_without_temperature_the_likeliest_is_taken(settings):
    model = build(settings)
    engine, steps, condition = compile(model, backend="c++"), StepEngine(model), told(model, 2)

    drawn = engine.draw(engine.start(2, condition=condition), 20, temperature=0)

    expected = steps.draw(steps.start(2, condition=condition), 20, temperature=0)
    torch.testing.assert_close(
        model.render(drawn.symbols), model.render(expected.symbols), atol=1e-3, rtol=0
    )
    assert (drawn.log_draw == 0).all()


@pytest.mark.parametrize("settings", [{}, CONFIGURATIONS[11], CONFIGURATIONS[12]], ids=str)
@pytest.mark.parametrize("backend", ["c++", "numba", "graph", "torch"])
def test_the_least_temperature_takes_the_likeliest_and_the_most_gives_numbers(backend, settings):
    model = build(settings)
    engine = compile(model, backend=backend)
    state = engine.start(2)

    coldest = engine.draw(state, 20, temperature=LEAST, generator=seeded(1))
    hottest = engine.draw(state, 20, temperature=MOST, generator=seeded(1))

    if "output" not in settings:
        likeliest = engine.draw(state, 20, temperature=0)
        assert torch.equal(coldest.symbols, likeliest.symbols)
    for drawn in (coldest, hottest):
        assert drawn.log_draw.isfinite().all()
        assert drawn.log_prob.isfinite().all()


@pytest.mark.parametrize("temperature", [1e-40, 1e-7, 1e7, 1e39, -1.0, float("nan")])
@pytest.mark.parametrize("backend", ["c++", "numba", "graph", "torch"])
def test_no_engine_draws_at_temperatures_that_float32_does_not_stand(backend, temperature):
    engine = compile(build({}), backend=backend)
    with pytest.raises(ConfigError, match="temperature must be"):
        engine.draw(engine.start(1), 1, temperature=temperature)


@pytest.mark.parametrize("settings", [{}, CONFIGURATIONS[-1]], ids=str)
@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_of_any_size_give_one_signal(settings, block):
    model = build(settings)
    engine, condition = compile(model, backend="c++"), told(model, 2)
    whole = engine.draw(engine.start(2, condition=condition), 130, generator=seeded(1)).symbols

    state, generator, parts = engine.start(2, condition=condition), seeded(1), []
    while sum(part.shape[1] for part in parts) < 130:
        drawn = engine.draw(state, block, generator=generator)
        state = drawn.state
        parts.append(drawn.symbols)

    assert torch.equal(torch.cat(parts, 1)[:, :130], whole)


@pytest.mark.parametrize("settings", CONFIGURATIONS, ids=str)
def test_a_state_can_be_kept_split_and_saved(settings, tmp_path):
    model = build(settings)
    engine, condition = compile(model, backend="c++"), told(model, 3)
    state = engine.draw(engine.start(3, condition=condition), 75, generator=seeded(1)).state
    expected = engine.draw(state, 40, generator=seeded(2))

    state.save(tmp_path / "state.safetensors")
    loaded = compile(model, backend="c++").load(tmp_path / "state.safetensors")
    again = engine.draw(loaded, 40, generator=seeded(2))
    kept = engine.draw(state, 40, generator=seeded(2))
    split = engine.draw(state.pick([2, 0, 2]), 40, temperature=0)
    whole = engine.draw(state, 40, temperature=0)

    assert torch.equal(kept.symbols, expected.symbols)
    assert torch.equal(again.symbols, expected.symbols)
    assert torch.equal(split.symbols, whole.symbols[[2, 0, 2]])


def test_the_model_can_go_on_from_an_engine_s_state():
    model = build(CONFIGURATIONS[-1])
    engine, condition = compile(model, backend="c++"), told(model, 2)
    state = engine.draw(engine.start(2, condition=condition), 76, generator=seeded(1)).state

    found, _ = model.step(state.previous, state.leave().inner)

    expected, _ = engine.step(state)
    torch.testing.assert_close(found.logits, expected.logits, atol=1e-4, rtol=1e-4)


def test_streams_do_not_hear_one_another():
    model = build({"kernel": 3})
    engine = compile(model, backend="c++", threads=2)
    audio = audio_of(20, 60)
    symbols = model.symbols(audio)

    together, _ = engine.follow(symbols, engine.start(20))

    for stream in (0, 9, 10, 19):
        alone, _ = engine.follow(symbols[stream : stream + 1], engine.start(1))
        torch.testing.assert_close(alone.logits[0], together.logits[stream], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("weights", "bound"), [("bfloat16", 1e-3), ("int8", 1e-2)])
@pytest.mark.parametrize("settings", [{"stacks": 2, "channels": 32, "gate": 32}, {"kernel": 3}])
def test_rounded_weights_are_close_and_no_more(settings, weights, bound):
    model = build(settings)
    symbols = model.symbols(audio_of(5, 200))
    exact = compile(model, backend="c++")
    rounded = compile(model, backend="c++", weights=weights)

    expected, _ = exact.follow(symbols, exact.start(5))
    found, _ = rounded.follow(symbols, rounded.start(5))

    divergence = (expected.probs * (expected.logits - found.logits)).sum(-1).mean()
    assert 0 < divergence < bound
    assert weights in rounded.name
    assert rounded.kernel.bytes < 0.8 * exact.kernel.bytes


@pytest.mark.parametrize("weights", ["bfloat16", "int8"])
@pytest.mark.parametrize(
    "settings", [CONFIGURATIONS[7], CONFIGURATIONS[15], CONFIGURATIONS[-1]], ids=str
)
def test_rounded_weights_do_for_every_shape(settings, weights):
    model, condition = build(settings), None
    condition = told(model, 3)
    symbols = model.symbols(audio_of(3, 100))
    exact, rounded = (compile(model, backend="c++", weights=kind) for kind in ("float32", weights))

    expected, _ = exact.follow(symbols, exact.start(3, condition=condition))
    found, _ = rounded.follow(symbols, rounded.start(3, condition=condition))
    alone, _ = rounded.follow(symbols, rounded.start(3, condition=condition).pick([0, 1, 2]))

    divergence = (expected.probs * (expected.logits - found.logits)).sum(-1).mean()
    assert 0 < divergence < 0.1
    torch.testing.assert_close(alone.logits, found.logits)


@pytest.mark.parametrize(
    ("symbols", "sentence"),
    [
        (torch.tensor([[3, 10**8]] * 2), "levels from 0 to 255"),
        (torch.tensor([[-5]] * 2), "levels from 0 to 255"),
        (torch.zeros(1, 4, dtype=torch.long), r"shape \(2, length\), got \(1, 4\)"),
        (torch.zeros(2, 0, dtype=torch.long), r"shape \(2, length\), got \(2, 0\)"),
    ],
)
def test_symbols_that_there_are_not_are_refused(symbols, sentence):
    engine = compile(build({}))
    with pytest.raises(ValueError, match=sentence):
        engine.follow(symbols, engine.start(2))


def test_a_choice_that_there_is_not_is_refused():
    engine = compile(build({}))
    state = engine.start(1).then(torch.tensor([256]))
    with pytest.raises(ConfigError, match="levels from 0 to 255"):
        engine.draw(state, 3)


@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize("settings", [{}, {"output": "gaussian", "input": "scalar"}], ids=str)
def test_a_network_that_overflows_is_told(settings, temperature):
    model = build(settings)
    model.head.hidden[0].bias.fill_(3e38)
    model.head.last.weight.fill_(10)
    model.head.last.weight[0] = -10
    engine = compile(model)
    with pytest.raises(RunError, match="the network overflows"):
        engine.draw(engine.start(1), 3, temperature=temperature)


def test_a_state_goes_on_in_another_process(tmp_path):
    model = build({})
    engine = compile(model, backend="c++")
    state = engine.draw(engine.start(1), 30, generator=seeded(1)).state
    state.save(tmp_path / "state")
    torch.save(model.state_dict(), tmp_path / "weights")

    program = f"""
import torch
from typica.core import registry
from typica.core.randomness import seeded
from typica.engines.compiler import compile
model = registry.build("wavenet", "tiny")
model.load_state_dict(torch.load({str(tmp_path / "weights")!r}))
engine = compile(model.requires_grad_(False), backend="c++")
state = engine.load({str(tmp_path / "state")!r})
print(engine.draw(state, 30, generator=seeded(2)).symbols[0].tolist())
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    expected = engine.draw(state, 30, generator=seeded(2)).symbols[0].tolist()
    assert told.stdout.strip() == str(expected), told.stderr
