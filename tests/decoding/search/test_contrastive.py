"""Contrastive search, and contrastive decoding: two methods of similar names."""

import itertools
import math

import pytest
import torch
from enumerable import TableModel, random_model
from gated_networks import audio_of, build

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.hidden import HiddenStates
from typica.core.randomness import seeded
from typica.decoding.search import contrastive
from typica.decoding.search.beam import beam_search
from typica.decoding.search.contrastive import contrastive_search
from typica.decoding.search.contrastive_decoding import contrastive_decoding
from typica.decoding.search.greedy import greedy


class Shown(TableModel, HiddenStates):
    """A table whose pasts have vectors."""

    def __init__(self, seed, levels, depth, final=None, sharpness=1.0):
        tables = random_model(seed, levels, depth, sharpness=sharpness).log_probs
        super().__init__(tables, final)
        shape = (self.log_probs.shape[1], 3)
        self.vectors = torch.randn(shape, generator=seeded(seed), dtype=torch.float64)

    def advance_hidden(self, previous, state):
        assert previous.shape[1] <= contrastive.BLOCK
        hidden, distributions = [], []
        for symbols in previous.unbind(1):
            distribution, state = self.advance(symbols[:, None], state)
            hidden.append(self.vectors[state.node])
            distributions.append(distribution)
        return distributions[-1], torch.stack(hidden, 1), state

    def vector(self, past):
        node = 0
        for symbol in past:
            node = (node * self.levels + 1 + symbol) % len(self.vectors)
        return self.vectors[node]


def slow_search(model, length, candidates, alpha, window, prompt=()):
    """The definition, in plain Python."""
    past = list(prompt)
    begin = 1 if prompt else 0
    while len(past) < length + len(prompt):
        row = model.row(past)
        best = sorted(range(model.levels), key=lambda symbol: -row[symbol])[:candidates]
        known = [model.vector(past[:at]) for at in range(begin, len(past) + 1)]
        known = known if window is None else known[-window:]
        scores = {}
        for symbol in best:
            mine = model.vector([*past, symbol])
            likeness = max(float(torch.cosine_similarity(mine, one, dim=0)) for one in known)
            scores[symbol] = (1 - alpha) * math.exp(row[symbol]) - alpha * likeness
        past.append(max(scores, key=scores.get))
        if past[-1] == model.final:
            break
    return past[len(prompt) :]


@pytest.mark.parametrize("final", [None, 3])
@pytest.mark.parametrize(
    ("candidates", "alpha", "window"), [(3, 0.6, None), (2, 0.3, 2), (9, 1, 1)]
)
def test_it_is_the_search_of_the_definition(candidates, alpha, window, final):
    for seed in range(10):
        model = Shown(seed, 4, 6, final)
        settings = {"candidates": candidates, "alpha": alpha, "window": window}
        for prompt in ((), (1, 0)):
            given = torch.tensor([prompt]) if prompt else None
            found = contrastive_search(model, 2, 5, prompt=given, **settings)
            expected = slow_search(model, 5, candidates, alpha, window, prompt)
            for row in (0, 1):
                assert found.symbols[row, : int(found.lengths[row])].tolist() == expected
            if not prompt:
                assert found.log_prob.allclose(model.log_prob(found.symbols))


@pytest.mark.parametrize("final", [None, 3])
def test_without_alpha_it_is_greedy(final):
    for seed in range(10):
        model = Shown(seed, 4, 6, final)
        engine = StepEngine(model)
        one = greedy(engine, engine.start(1), 6)
        found = contrastive_search(model, 1, 6, alpha=0.0)
        assert found.symbols.equal(one.symbols[:, : found.symbols.shape[1]])


@pytest.mark.parametrize("settings", [{}, {"labels": 0, "context_stacks": 1, "context_pool": 4}])
def test_a_wavenet_shows_what_its_distributions_are_computed_of(settings):
    model = build(settings)
    symbols = model.symbols(audio_of(2, 30))
    distribution, hidden, _ = model.advance_hidden(symbols, model.start(2))
    assert hidden.shape == (2, 30, model.config.skip)
    again = model.head(hidden.transpose(0, 1).contiguous())
    assert again.logits.allclose(distribution.logits, atol=1e-6)

    prompt = audio_of(2, 30)
    engine = StepEngine(model)
    one = greedy(engine, engine.start(2, prompt=prompt), 6)
    found = contrastive_search(model, 2, 6, alpha=0.0, prompt=prompt)
    other = contrastive_search(model, 2, 6, alpha=0.9, prompt=prompt)
    assert found.symbols.equal(one.symbols)
    assert found.log_prob.allclose(one.log_prob, atol=1e-4)
    assert not other.symbols.equal(one.symbols)


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(ConfigError, match="compares hidden vectors, and TableModel shows none"):
        contrastive_search(random_model(0), 1, 2)
    with pytest.raises(ConfigError, match="alpha must be from 0 to 1, got 2"):
        contrastive_search(Shown(0, 3, 2), 1, 2, alpha=2)
    with pytest.raises(ConfigError, match="must be at least 1, got 2, 0 and None"):
        contrastive_search(Shown(0, 3, 2), 1, 2, candidates=0)


@pytest.mark.parametrize("window", [None, 3, 20])
def test_a_long_prompt_is_read_block_by_block(monkeypatch, window):
    model, prompt = Shown(0, 4, 6), torch.randint(4, (2, 17), generator=seeded(0))
    settings = {"prompt": prompt, "alpha": 0.9, "window": window}
    whole = contrastive_search(model, 2, 9, **settings)
    monkeypatch.setattr(contrastive, "BLOCK", 5)
    found = contrastive_search(model, 2, 9, **settings)
    assert found.symbols.equal(whole.symbols)
    for row in (0, 1):
        past = tuple(prompt[row].tolist())
        assert found.symbols[row].tolist() == slow_search(model, 9, 5, 0.9, window, past)


def test_a_prompt_that_has_ended_is_not_gone_on_from():
    found = contrastive_search(Shown(0, 3, 4, 2), 1, 4, prompt=torch.tensor([[0, 2]]))
    assert found.symbols.tolist() == [[2]]
    assert found.log_prob.tolist() == [0]
    assert found.finished.all()


def decoded(expert, amateur, length, **settings):
    strong, weak = StepEngine(expert), StepEngine(amateur)
    return contrastive_decoding(strong, strong.start(1), weak, weak.start(1), length, **settings)


def worth(expert, amateur, symbols, plausibility, temperature):
    """The score of a sequence by the definition; None where a symbol does not count."""
    total = 0.0
    for at, symbol in enumerate(symbols):
        strong, weak = expert.row(symbols[:at]), amateur.row(symbols[:at])
        if strong[symbol] < max(strong) + math.log(plausibility):
            return None
        raised = [nats / temperature for nats in weak]
        log_sum = math.log(math.fsum(math.exp(nats) for nats in raised))
        total += strong[symbol] - (raised[symbol] - log_sum)
    return total


@pytest.mark.parametrize(("plausibility", "temperature"), [(0.1, 1), (0.5, 1), (0.1, 0.4)])
def test_a_wide_beam_finds_the_greatest_difference(plausibility, temperature):
    for seed in range(10):
        expert, amateur = random_model(seed, 4, 4), random_model(seed + 100, 4, 4)
        scores = {
            symbols: worth(expert, amateur, symbols, plausibility, temperature)
            for symbols in itertools.product(range(4), repeat=4)
        }
        best = max((one for one in scores if scores[one] is not None), key=scores.get)
        found = decoded(
            *(expert, amateur, 4),
            width=64,
            plausibility=plausibility,
            amateur_temperature=temperature,
        )
        assert tuple(found.symbols[0].tolist()) == best
        assert math.isclose(float(found.score[0]), scores[best])
        assert found.log_prob.allclose(expert.log_prob(found.symbols))


def test_without_doubt_it_is_greedy_and_without_knowledge_a_beam():
    for seed in range(10):
        expert, amateur = random_model(seed, 4, 5), random_model(seed + 100, 4, 5)
        engine = StepEngine(expert)
        one = greedy(engine, engine.start(1), 5)
        assert decoded(expert, amateur, 5, plausibility=1.0).symbols.equal(one.symbols)
        ignorant = TableModel(torch.full((1, 1, 4), 0.25).log())
        beam = beam_search(engine, engine.start(1), 5, width=5, n_best=3)
        found = decoded(expert, ignorant, 5, n_best=3, plausibility=1e-9)
        assert found.symbols.equal(beam.symbols)


def test_it_stops_where_as_many_have_ended_as_it_is_wide():
    expert = random_model(3, 4, 6, ends=True)
    amateur = random_model(103, 4, 6, ends=True)
    found = decoded(expert, amateur, 30, width=3, n_best=3)
    assert found.stopped == ("pool",)
    assert found.finished.all()
    assert found.log_prob.allclose(expert.log_prob(found.symbols))


def test_models_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="must know the same symbols, got 4 and 3"):
        decoded(random_model(0, 4), random_model(0, 3), 2)
    with pytest.raises(ConfigError, match="and end alike"):
        decoded(random_model(0, 4), random_model(0, 4, ends=True), 2)
    with pytest.raises(ConfigError, match="plausibility must be above 0 and at most 1, got 0"):
        decoded(random_model(0), random_model(1), 2, plausibility=0)
