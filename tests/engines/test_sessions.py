"""Sessions of compiled engines: pasts that stay where they are, against states that are copied."""

import pytest
import torch
from gated_networks import CONFIGURATIONS, audio_of, build, parameters, told

from typica.core.randomness import seeded
from typica.core.session import BeamSession, StateSession, open_session
from typica.engines.compiler import compile as compiled
from typica.engines.gated.session import GatedSession

SETTINGS = [CONFIGURATIONS[at] for at in (0, 5, 6, 7, 10, 12, 13, 14, 15, 16, 17)]


def symbols_for(engine, count, generator):
    if engine.network.levels:
        return torch.randint(0, engine.network.levels, (count,), generator=generator)
    return torch.rand(count, generator=generator) * 2 - 1


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_rows_that_leave_and_split_have_the_pasts_of_their_parents(settings):
    model = build(settings)
    engine = compiled(model, threads=1)
    condition = told(model, 2)
    state = engine.start(2, condition=condition, prompt=audio_of(2, 37)).pick([0, 0, 0, 1, 1, 1])
    own, plain = open_session(engine, state), StateSession(engine, state)
    assert isinstance(own, GatedSession)
    generator, before = seeded(2), parameters(plain.step())
    assert torch.allclose(parameters(own.step()), before, atol=1e-5)

    for _ in range(30):
        parents = torch.randint(0, 3, (2, 3), generator=generator) + torch.tensor([[0], [3]])
        symbols = symbols_for(engine, 6, generator)
        for session in (own, plain):
            session.choose(parents.flatten(), symbols)
        assert torch.allclose(parameters(own.step()), parameters(plain.step()), atol=1e-5)
    rows = torch.tensor([5, 0, 3, 3])
    for session in (own, plain):
        session.choose(rows, symbols_for(engine, 4, seeded(3)))
    assert torch.allclose(parameters(own.step()), parameters(plain.step()), atol=1e-5)

    ends = [session.state().then(symbols_for(engine, 4, seeded(4))) for session in (own, plain)]
    one, other = (engine.draw(end, 40, generator=seeded(5)).symbols for end in ends)
    assert torch.allclose(one.float(), other.float(), atol=1e-4)
    assert torch.allclose(parameters(engine.step(state)[0]), before, atol=1e-5)


def slow_search(engine, state, scores, length):
    """The same search over states that are copied, in plain Python."""
    width = scores.shape[1]
    session, scores, steps = StateSession(engine, state), scores.flatten().tolist(), []
    for _ in range(length):
        rows, chosen = session.step().logits[:, 0].double().tolist(), []
        for first in range(0, len(rows), width):
            grown = [
                (-(scores[row] + nats), row, symbol)
                for row in range(first, first + width)
                for symbol, nats in enumerate(rows[row])
            ]
            chosen += sorted(grown)[:width]
        scores = [-one[0] for one in chosen]
        parents, symbols = (torch.tensor([one[at] for one in chosen]) for at in (1, 2))
        session.choose(parents, symbols)
        steps.append((parents, symbols))
    parents, symbols = (torch.stack(column) for column in zip(*steps, strict=True))
    return parents, symbols, torch.tensor(scores).view(-1, width), session


@pytest.mark.parametrize(("sources", "width", "threads"), [(1, 8, 1), (5, 3, 2), (2, 20, 2)])
@pytest.mark.parametrize(
    "settings",
    [{"bits": 5}, {"context_stacks": 1, "context_layers": 2, "context_pool": 4}],
    ids=str,
)
def test_the_kernel_chooses_what_plain_python_would(settings, sources, width, threads):
    model = build(settings)
    engine = compiled(model, threads=threads)
    rows = [row for row in range(sources) for _ in range(width)]
    state = engine.start(sources, prompt=audio_of(sources, 37)).pick(rows)
    scores = torch.full((sources, width), -torch.inf, dtype=torch.float64)
    scores[:, 0] = 0
    parents, symbols, after, slow = slow_search(engine, state, scores, 25)

    session = open_session(engine, state)
    assert isinstance(session, BeamSession)
    first = session.search(scores, 11, spread=True)
    second = session.search(first.scores, 14)

    assert torch.equal(torch.cat([first.parents, second.parents]).long(), parents)
    assert torch.equal(torch.cat([first.symbols, second.symbols]).long(), symbols)
    assert torch.allclose(second.scores, after.double(), atol=1e-4)
    assert torch.allclose(parameters(session.step()), parameters(slow.step()), atol=1e-5)


def test_of_equal_continuations_the_higher_row_and_the_lower_symbol_come_first():
    model = build({"bits": 4})
    for parameter in model.parameters():
        parameter.zero_()
    engine = compiled(model, threads=1)
    scores = torch.tensor([[0.0, 0.0] + [-torch.inf] * 18], dtype=torch.float64)
    found = open_session(engine, engine.start(1).pick([0] * 20)).search(scores, 1)
    assert found.parents[0].tolist() == [0] * 16 + [1] * 4
    assert found.symbols[0].tolist() == [*range(16), *range(4)]
