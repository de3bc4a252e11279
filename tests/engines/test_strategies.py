"""Strategies inside the C++ kernel: what they keep is what the Python filters keep."""

import math

import pytest
import torch
from gated_networks import build
from scipy.stats import chi2
from torch.distributions import Categorical

from typica.core.engine import StepEngine
from typica.core.randomness import seeded, seeded_rows
from typica.core.spread import spread
from typica.decoding.chain import candidates_of
from typica.decoding.single import Single
from typica.decoding.words import strategy_from
from typica.engines.compiler import compile

WORDS = [
    *("top-k=1", "top-k=7", "top-k=100", "nucleus=0.05", "nucleus=0.5", "nucleus=0.97"),
    *("typical=0.05", "typical=0.3", "typical=0.95", "epsilon=0.01", "epsilon=0.9", "eta=0.03"),
    *(
        "eta=0.9",
        "min-p=0.05",
        "min-p=1",
        "temperature=0.6,nucleus=0.8",
        "nucleus=0.8,temperature=3",
    ),
    *("top-k=20,nucleus=0.7,typical=0.8,min-p=0.2", "typical=0.3,temperature=0.2,top-k=30"),
    *("typical=1e-7", "nucleus=1e-9", "typical=0.5,nucleus=1e-6"),
    *("mirostat=2", "top-k=9,temperature=0", "typical=0.5,temperature=2,mirostat=3,mirostat=4:0.5"),
]


def network(kind):
    """A model whose distributions are sharp or not, or full of ties."""
    model = build({"input_kernel": 2})
    last = [parameter for name, parameter in model.named_parameters() if "head" in name][-2:]
    for parameter in last:
        parameter *= {"flat": 0.5, "sharp": 3.0, "ties": 1.5}[kind]
        if kind == "ties":  # levels come in groups of 16 equal ones
            parameter[:] = parameter[:16].repeat(16, *[1] * (parameter.ndim - 1))
    return model


@pytest.fixture(scope="module", params=["flat", "sharp", "ties"])
def engine(request):
    return compile(network(request.param), backend="c++", threads=1)


def replayed(engine, strategy, symbols, temperature):
    """Let Python's stages narrow the engine's own distributions along symbols it drew."""
    logits = engine.follow(symbols, engine.start(len(symbols)))[0].logits / temperature
    memory, kept, log_draw = strategy.begin(len(symbols)), [], []
    for t in range(symbols.shape[1]):
        drawn, parts = symbols[:, t : t + 1], memory.split(strategy._numbers, 1)
        given, candidates = [], candidates_of(Categorical(logits=logits[:, t : t + 1]))
        for stage, part in zip(strategy._active, parts, strict=True):
            given.append(candidates)
            candidates = stage.narrow(candidates, part)
        turns = zip(strategy._active, given, parts, strict=True)
        memory = torch.cat([stage.remember(seen, drawn, part) for stage, seen, part in turns], 1)
        alone = isinstance(candidates, Single)
        kept.append(torch.ones_like(drawn) if alone else (candidates.logits > -math.inf).sum(-1))
        log_draw.append(-candidates.surprise(drawn))
    return torch.cat(kept, 1), torch.cat(log_draw, 1), memory


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("words", WORDS)
def test_the_kernel_keeps_what_the_filters_keep(engine, words, temperature):
    strategy = strategy_from(words)
    settings = {"temperature": temperature, "strategy": strategy}

    drawn = engine.draw(engine.start(6), 100, generator=seeded(1), **settings)

    # A level more or less would show in the probability of what was drawn, or have none itself.
    kept, log_draw, memory = replayed(engine, strategy, drawn.symbols, temperature)
    assert log_draw.isfinite().all()
    assert drawn.symbols.max() < 256
    off = (drawn.log_draw - log_draw).abs() > 2e-5 + 1e-4 * log_draw.abs()
    # Sums in float32 may decide otherwise where they meet a share to a ten-millionth.
    assert off.float().mean() < 0.005
    assert kept.float().mean() < 256
    if memory.numel():
        bounds = drawn.state.remembered(strategy)
        torch.testing.assert_close(bounds, memory, atol=1e-3, rtol=1e-4)


def saying(probabilities):
    """A model that says the same at every step."""
    model = build({"input_kernel": 2})
    weight, bias = [one for name, one in model.named_parameters() if "head" in name][-2:]
    rest = (1 - sum(probabilities)) / (256 - len(probabilities))
    told = torch.tensor([*probabilities, *[rest] * (256 - len(probabilities))])
    weight.zero_()
    bias.copy_(told.log().view_as(bias))
    return compile(model, backend="c++")


@pytest.mark.parametrize(
    ("probabilities", "words", "kept"),
    [
        ([0.0099999] * 100, "nucleus=0.8999915", 90),  # missed by half a millionth
        ([0.5, 0.25, 0.125, 0.0625], "nucleus=0.75", 2),
        ([0.5, 0.25, 0.125, 0.0625], "min-p=0.25", 3),
        # Of entropy 5.3 nats, so that sqrt(eta) exp(-entropy) is the bound, and .04 is kept.
        ([0.04] * 4, "eta=0.9", 4),
        # Of entropy .4: eta itself is the bound, and sqrt(eta) exp(-entropy) would leave one level.
        ([0.85, 0.1499], "eta=0.13", 2),
    ],
)
def test_bounds_are_met_as_in_the_filters(probabilities, words, kept):
    engine, strategy = saying(probabilities), strategy_from(words)
    first = engine.step(engine.start(1))[0]
    candidates = candidates_of(first)
    for stage in strategy.stages:
        candidates = stage.narrow(candidates, torch.empty(1, 0))
    assert int((candidates.logits > -math.inf).sum()) == kept

    drawn = engine.draw(engine.start(4000), 1, strategy=strategy, generator=seeded(1))

    assert len(drawn.symbols.unique()) == kept


def test_ties_are_where_they_should_be():
    engine = compile(network("ties"), backend="c++", threads=1)
    logits = engine.step(engine.start(1))[0].logits[0, 0]
    assert len(logits.unique()) == 16


@pytest.mark.parametrize("words", ["nucleus=0.6", "typical=0.4", "top-k=12", "min-p=0.1"])
def test_draws_in_the_kernel_are_as_frequent_as_they_should_be(words):
    engine, strategy, count = compile(network("flat"), backend="c++"), strategy_from(words), 50_000
    first = engine.step(engine.start(1))[0]
    candidates = candidates_of(first)
    for stage in strategy.stages:
        candidates = stage.narrow(candidates, torch.empty(1, 0))
    expected = count * candidates.log_probs[0, 0].exp().double()

    symbols = engine.draw(engine.start(count), 1, strategy=strategy, generator=seeded(2)).symbols

    seen = torch.bincount(symbols[:, 0], minlength=256).double()
    assert seen[expected == 0].sum() == 0
    often = expected > 5
    statistic = float(((seen - expected) ** 2 / expected)[often].sum())
    assert chi2.sf(statistic, int(often.sum()) - 1) > 1e-4


def test_in_the_kernel_strategies_leave_the_spread_of_the_model_as_it_is(engine):
    settings = {"strategy": strategy_from("nucleus=0.5"), "spread": True, "generator": seeded(1)}
    drawn = engine.draw(engine.start(3), 40, **settings)
    conditionals = engine.model.conditionals(engine.model.render(drawn.symbols))
    close = {"atol": 1e-3, "rtol": 1e-3}
    torch.testing.assert_close(drawn.entropy, spread(conditionals)[0], **close)
    torch.testing.assert_close(drawn.varentropy, spread(conditionals)[1], **close)
    torch.testing.assert_close(drawn.log_prob, conditionals.log_prob(drawn.symbols), **close)


def test_blocks_threads_and_what_is_remembered_join_in_the_kernel():
    model, strategy = network("flat"), strategy_from("mirostat=5,top-k=90")
    one, two = (compile(model, backend="c++", threads=threads) for threads in (1, 2))
    whole = one.draw(one.start(40), 90, strategy=strategy, generator=seeded_rows(1, 40))

    state, generators, parts = two.start(40), seeded_rows(1, 40), []
    for length in (1, 30, 59):
        drawn = two.draw(state, length, strategy=strategy, generator=generators)
        state = drawn.state
        parts.append(drawn.symbols)

    assert torch.equal(torch.cat(parts, 1), whole.symbols)
    assert torch.equal(state.memory, whole.state.memory)
    alone = one.draw(one.start(1), 90, strategy=strategy, generator=seeded_rows(1, 1))
    assert torch.equal(alone.symbols, whole.symbols[:1])


def test_the_kernel_draws_what_the_module_draws():
    model, strategy = network("flat"), strategy_from("typical=0.8,nucleus=0.9")
    engine, steps = compile(model, backend="c++"), StepEngine(model)
    expected = steps.draw(steps.start(3), 25, strategy=strategy, generator=seeded_rows(1, 3))
    found = engine.draw(engine.start(3), 25, strategy=strategy, generator=seeded_rows(1, 3))
    assert torch.equal(found.symbols, expected.symbols)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "mirostat-1=4"),
        ({}, ",".join(["top-k=200"] * 17)),
        ({"output": "gaussian", "input": "scalar"}, "nucleus=0.8"),
        ({"output": "logistics", "components": 3, "bits": 8}, "typical=0.8"),
    ],
)
def test_what_the_kernel_does_not_know_is_drawn_step_by_step(settings, words):
    model, strategy = build(settings), strategy_from(words)
    engine, steps = compile(model, backend="c++", threads=1), StepEngine(model)
    expected = steps.draw(steps.start(2), 12, strategy=strategy, generator=seeded_rows(1, 2))
    found = engine.draw(engine.start(2), 12, strategy=strategy, generator=seeded_rows(1, 2))
    rendered = model.render(found.symbols), model.render(expected.symbols)
    torch.testing.assert_close(*rendered, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.log_draw, expected.log_draw, atol=1e-2, rtol=1e-3)


def test_numba_draws_by_strategies_step_by_step():
    pytest.importorskip("numba")
    model, strategy = build({}), strategy_from("nucleus=0.8")
    engine, steps = compile(model, backend="numba", threads=1), StepEngine(model)
    expected = steps.draw(steps.start(2), 12, strategy=strategy, generator=seeded_rows(1, 2))
    found = engine.draw(engine.start(2), 12, strategy=strategy, generator=seeded_rows(1, 2))
    assert torch.equal(found.symbols, expected.symbols)
