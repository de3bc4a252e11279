"""What has ended already is not gone on with, whatever searches or draws."""

import pytest
import torch
from enumerable import random_model

from typica.core.engine import StepEngine
from typica.core.randomness import seeded
from typica.decoding.search.beam import beam_search
from typica.decoding.search.contrastive_decoding import contrastive_decoding
from typica.decoding.search.exact import exact_search
from typica.decoding.search.greedy import greedy
from typica.decoding.search.reward import PerSymbol
from typica.decoding.search.stochastic_beam import stochastic_beam

LEVELS, FINAL = 3, 2


def state_of(engine, *last):
    """A state of so many rows, whose last symbols are these."""
    return engine.step(engine.start(len(last)))[1].then(torch.tensor(last))


def contrasted(engine, state, length):
    amateur = StepEngine(random_model(8, LEVELS, 4, ends=True))
    return contrastive_decoding(engine, state, amateur, state_of(amateur, FINAL, 0), length)


SEARCHES = {
    "greedy": greedy,
    "beam": lambda *args: beam_search(*args, width=3, n_best=1, spread=True),
    "beam with a reward": lambda *args: beam_search(*args, width=3, reward=PerSymbol()),
    "beam to the pool": lambda *args: beam_search(*args, width=3, stop="pool"),
    "stochastic beam": lambda *args: stochastic_beam(*args, width=3, generator=seeded(0)),
    "exact": lambda *args: exact_search(*args, n_best=2),
    "contrastive decoding": contrasted,
}


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_a_source_that_has_ended_is_its_end_again_at_no_cost(search, length):
    engine = StepEngine(random_model(7, LEVELS, 4, ends=True))
    found = search(engine, state_of(engine, FINAL, 0), length)

    ended = found.of(0)
    assert (ended.symbols == FINAL).all()
    assert ended.lengths.tolist() == [1]
    assert ended.log_prob.tolist() == [0]
    assert ended.finished.all()
    assert found.stopped[0] in ("ended", "proven")
    assert ended.entropies is None or not ended.entropies.any()


def test_the_sources_beside_it_go_on():
    engine = StepEngine(random_model(7, LEVELS, 4, ends=True))
    for search in (SEARCHES["beam"], SEARCHES["exact"]):
        both, alone = (search(engine, state_of(engine, *rows), 4) for rows in ((FINAL, 0), (0,)))
        assert both.of(1).log_prob.equal(alone.log_prob)
        assert both.stopped[1] == alone.stopped[0]
