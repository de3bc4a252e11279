"""Engines that draw by strategies, rows with generators of their own, and sequences that end."""

import pytest
import torch
from enumerable import TableModel, enumerate_sequences, random_model
from gated_networks import build
from scipy.stats import chi2

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.randomness import seeded, seeded_rows
from typica.core.spread import spread as spread_of
from typica.decoding.plan import plan_from
from typica.decoding.words import strategy_from
from typica.engines.compiler import compile


def engines():
    model = build({})
    return {"steps": StepEngine(model), "c++": compile(model, backend="c++", threads=1)}


@pytest.fixture(scope="module", params=["steps", "c++"])
def engine(request):
    return engines()[request.param]


def test_streams_with_generators_of_their_own_draw_the_same_alone_and_among_others(engine):
    for words in ("ancestral", "nucleus=0.9", "mirostat=4"):
        settings = {"strategy": strategy_from(words)}
        many = engine.draw(engine.start(4), 12, generator=seeded_rows(1, 4), **settings)
        for row in (0, 3):
            own = [seeded_rows(1, 4)[row]]
            alone = engine.draw(engine.start(1), 12, generator=own, **settings)
            assert torch.equal(alone.symbols, many.symbols[row : row + 1])


def test_there_must_be_a_generator_for_each_stream(engine):
    with pytest.raises(ConfigError, match="3 streams draw from as many generators, got 2"):
        engine.draw(engine.start(3), 2, generator=seeded_rows(1, 2))


def test_a_strategy_that_changes_nothing_draws_what_none_draws(engine):
    expected = engine.draw(engine.start(2), 20, temperature=0.8, generator=seeded(1))
    for words in ("ancestral", "nucleus=1", "typical=1,min-p=0,epsilon=0,eta=0", "top-k=256"):
        found = engine.draw(
            *(engine.start(2), 20),
            temperature=0.8,
            strategy=strategy_from(words),
            generator=seeded(1),
        )
        assert torch.equal(found.symbols, expected.symbols)
        torch.testing.assert_close(found.log_draw, expected.log_draw, atol=1e-5, rtol=1e-5)


def test_what_is_no_strategy_is_refused(engine):
    for given in ("nucleus=0.9", plan_from("beam=8")):
        with pytest.raises(ConfigError, match="does not choose symbol by symbol"):
            engine.draw(engine.start(2), 3, strategy=given)


def test_what_is_remembered_goes_with_the_state(engine, tmp_path):
    strategy = strategy_from("mirostat=4")
    drawn = engine.draw(engine.start(3), 15, strategy=strategy, generator=seeded_rows(1, 3))
    state = drawn.state
    bounds = state.remembered(strategy)
    assert bounds.shape == (3, 1)
    assert len(set(bounds.flatten().tolist())) == 3

    state.save(tmp_path / "state")
    loaded = engine.load(tmp_path / "state")
    forked = state.pick([2, 0, 2])

    assert torch.equal(loaded.memory, state.memory)
    assert torch.equal(forked.memory, state.memory[[2, 0, 2]])
    whole = engine.draw(engine.start(3), 25, strategy=strategy, generator=seeded_rows(1, 3))
    generators = seeded_rows(1, 3)
    engine.draw(engine.start(3), 15, strategy=strategy, generator=generators)
    rest = engine.draw(loaded, 10, strategy=strategy, generator=generators)
    assert torch.equal(rest.symbols, whole.symbols[:, 15:])


def test_what_another_strategy_remembers_is_no_memory_of_this_one(engine):
    state = engine.start(2)
    assert state.memory is None
    state = engine.draw(state, 3, strategy=strategy_from("mirostat=4"), generator=seeded(1)).state
    two = strategy_from("mirostat=4,mirostat-1=3")
    assert state.remembered(two).tolist() == [[8, 6]] * 2
    after = engine.draw(state, 3, strategy=two, generator=seeded(1)).state
    assert after.remembered(two).shape == (2, 2)
    assert after.remembered(two).tolist() != [[8, 6]] * 2
    # One that remembers as many numbers, and no strategy at all, begin anew as well.
    assert state.remembered(strategy_from("mirostat=7")).tolist() == [[14]] * 2
    assert state.remembered(strategy_from("mirostat-1=4")).tolist() == [[8]] * 2
    assert engine.draw(state, 3, generator=seeded(1)).state.memory is None
    assert engine.draw(state, 3, temperature=0).state.memory is None
    assert engine.step(state)[1].remembered(strategy_from("mirostat=4")).tolist() != [[8]] * 2


def test_log_draw_is_of_what_was_drawn_from_and_log_prob_of_the_model(engine):
    drawn = engine.draw(
        *(engine.start(2), 30),
        temperature=0.7,
        strategy=strategy_from("top-k=5"),
        generator=seeded(3),
    )
    model = engine.model
    conditionals = model.conditionals(model.render(drawn.symbols))
    close = {"atol": 1e-3, "rtol": 1e-3}
    torch.testing.assert_close(drawn.log_prob, conditionals.log_prob(drawn.symbols), **close)
    top = conditionals.logits.topk(5).values / 0.7
    own = conditionals.logits.gather(-1, drawn.symbols[..., None])[..., 0] / 0.7
    torch.testing.assert_close(drawn.log_draw, own - top.logsumexp(-1), **close)


# ---- sequences that end


def test_what_follows_the_end_is_the_end_and_costs_nothing():
    model = random_model(1, levels=3, depth=6, ends=True)
    engine = StepEngine(model)
    drawn = engine.draw(engine.start(300), 6, generator=seeded(1), spread=True)
    ends = drawn.symbols == model.final
    after = ends.cumsum(1) - ends.long() > 0
    assert after.any()
    assert (drawn.symbols[after] == model.final).all()
    for nats in (drawn.log_prob, drawn.log_draw, drawn.entropy, drawn.varentropy):
        assert (nats[after] == 0).all()
        assert (nats[~after] != 0).all()
    torch.testing.assert_close(drawn.log_prob.sum(1), model.log_prob(drawn.symbols))


@pytest.mark.parametrize("ends", [False, True])
def test_whole_sequences_are_as_frequent_as_enumeration_says(ends):
    model, count = random_model(2, levels=3, depth=4, ends=ends), 200_000
    engine = StepEngine(model)
    everything = enumerate_sequences(model, 4)
    drawn = engine.draw(engine.start(count), 4, generator=seeded(1))

    def code(symbols):
        return (symbols * 3 ** torch.arange(4)).sum(1)

    seen = torch.bincount(code(drawn.symbols), minlength=81)[code(everything.symbols)].double()
    assert seen.sum() == count
    expected = count * everything.log_prob.exp()
    assert everything.log_prob.exp().sum().item() == pytest.approx(1)
    often = expected > 5
    statistic = float(((seen - expected) ** 2 / expected)[often].sum())
    assert chi2.sf(statistic, int(often.sum()) - 1) > 1e-4


def test_filtered_sequences_are_as_frequent_as_enumeration_says():
    model, count = random_model(3, levels=4, depth=3, ends=True), 200_000
    engine, strategy = StepEngine(model), strategy_from("top-k=3,nucleus=0.8")
    drawn = engine.draw(engine.start(count), 3, strategy=strategy, generator=seeded(1))

    everything, told = enumerate_sequences(model, 3), {}
    for sequence in everything.symbols.tolist():
        log_draw, past = 0.0, []
        for symbol in sequence:
            row = torch.tensor(model.row(past), dtype=torch.float64)
            order = sorted(range(4), key=lambda i: -float(row[i]))[:3]
            total, kept, mass = float(row[order].exp().sum()), [], 0.0
            for i in order:
                kept.append(i)
                mass += float(row[i].exp()) / total
                if mass >= 0.8:
                    break
            if symbol not in kept:
                log_draw = -float("inf")
                break
            log_draw += float(row[symbol] - row[kept].logsumexp(0))
            past.append(symbol)
            if symbol == model.final:
                break
        told[tuple(sequence)] = log_draw

    found = {}
    for sequence, nats in zip(drawn.symbols.tolist(), drawn.log_draw.sum(1).tolist(), strict=True):
        found[tuple(sequence)] = found.get(tuple(sequence), 0) + 1
        assert nats == pytest.approx(told[tuple(sequence)], abs=1e-6)
    possible = {sequence: nats for sequence, nats in told.items() if nats > -float("inf")}
    expected = torch.tensor([count * 2.718281828459045**nats for nats in possible.values()])
    seen = torch.tensor([found.get(sequence, 0) for sequence in possible])
    statistic = float(((seen - expected) ** 2 / expected).sum())
    assert chi2.sf(statistic, len(possible) - 1) > 1e-4


def test_temperature_of_each_step_is_not_temperature_of_the_whole():
    # Two symbols, two steps: after 0 all is open, after 1 little is. By hand, at T = 1/2:
    # the whole is p(x)^2 / Z; each step squares and normalises by itself.
    first, after = torch.tensor([0.6, 0.4]), torch.tensor([[0.5, 0.5], [0.85, 0.15]])
    joint = first[:, None] * after
    whole = joint.square() / joint.square().sum()
    steps = (first**2 / (first**2).sum())[:, None] * after**2 / (after**2).sum(1, keepdim=True)
    by_hand = 0.5 * (whole - steps).abs().sum().item()
    assert by_hand == pytest.approx(0.36 / 0.52 - 0.18 / (0.18 + 0.16 * 0.745), abs=1e-6)
    assert by_hand == pytest.approx(0.091, abs=5e-4)

    model = TableModel(torch.cat([first[None], after])[None].log())
    engine = StepEngine(model)
    drawn = engine.draw(engine.start(200_000), 2, temperature=0.5, generator=seeded(1))
    seen = torch.bincount(drawn.symbols @ torch.tensor([2, 1]), minlength=4) / 200_000
    assert 0.5 * (seen.view(2, 2) - steps).abs().sum() < 0.005
    assert 0.5 * (seen.view(2, 2) - whole).abs().sum().item() == pytest.approx(by_hand, abs=0.01)


def test_surprisals_of_ancestral_draws_are_the_entropies_on_average():
    model = random_model(5, levels=4, depth=6)
    engine, count = StepEngine(model), 20_000
    drawn = engine.draw(engine.start(count), 6, generator=seeded(1), spread=True)
    excess = (-drawn.log_prob - drawn.entropy).sum(1)
    assert abs(excess.mean()) < 4 * excess.std() / count**0.5
    assert excess.var() == pytest.approx(drawn.varentropy.sum(1).mean().item(), rel=0.05)
    z = excess / drawn.varentropy.sum(1).sqrt()
    assert abs(z.mean()) < 0.05
    likely = engine.draw(engine.start(1), 6, strategy=strategy_from("greedy"), spread=True)
    assert (-likely.log_prob - likely.entropy).sum() / likely.varentropy.sum().sqrt() < -1
    assert torch.equal(likely.entropy[:, 0], spread_of(engine.step(engine.start(1))[0])[0][:, 0])
