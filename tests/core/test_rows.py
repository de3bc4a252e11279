"""Rows of a batch that draw from generators of their own, and sequences that end."""

import torch
from torch.distributions import Categorical, Normal

from typica.core.config import Config
from typica.core.model import AutoregressiveModel
from typica.core.randomness import draw, seeded, seeded_rows
from typica.layers.distributions import DiscretisedLogisticMixture

LOGITS = torch.randn(5, 1, 7, generator=seeded(0))
MIXTURE = (LOGITS, LOGITS / 3, LOGITS - 3)


def drawn_of(make, rows):
    """Draw three times for some rows, from generators of their own."""
    generators = seeded_rows(4, 5)
    distribution = make(rows)
    return torch.cat([draw(distribution, [generators[row] for row in rows]) for _ in "abc"], 1)


def test_a_row_draws_the_same_alone_and_among_others():
    for make in (
        lambda rows: Categorical(logits=LOGITS[rows]),
        lambda rows: Normal(LOGITS[rows, :, 0], 1.0),
        lambda rows: DiscretisedLogisticMixture(*(part[rows] for part in MIXTURE), 256),
    ):
        together = drawn_of(make, [0, 1, 2, 3, 4])
        for row in range(5):
            assert drawn_of(make, [row]).equal(together[row : row + 1])


def test_rows_differ_and_the_first_do_not_depend_on_how_many_there_are():
    few, many = seeded_rows(1, 2), seeded_rows(1, 4)
    numbers = [torch.rand(3, generator=one).tolist() for one in few + many]
    assert numbers[:2] == numbers[2:4]
    assert len({tuple(row) for row in numbers}) == 4
    assert torch.rand(3, generator=seeded_rows(2, 1)[0]).tolist() != numbers[0]


class Coins(AutoregressiveModel):
    """Independent symbols 0, 1 and the end, 2."""

    config_type = Config
    initial = 0.0
    final = 2
    base_measure = "symbols"

    def __init__(self):
        super().__init__(Config())
        self.logits = torch.nn.Parameter(torch.tensor([0.5, 0.2, 0.3]).log())

    def symbols(self, x):
        return x

    def render(self, symbols):
        return symbols

    def start(self, count, condition=None):
        return ()

    def advance(self, previous, state):
        return Categorical(logits=self.logits.expand(*previous.shape, 3)), state


def test_what_follows_the_end_costs_nothing_and_is_filled_with_it():
    model = Coins()
    sequence = torch.tensor([[0, 1, 2, 2, 0], [1, 0, 0, 1, 1]])
    log_prob = model.log_prob(sequence).exp()
    expected = torch.tensor([0.5 * 0.2 * 0.3, 0.2**3 * 0.5**2]).double()
    assert log_prob.allclose(expected)
    tokens = model.sample(200, 8, generator=seeded(0))
    for row in tokens.tolist():
        if 2 in row:
            assert set(row[row.index(2) :]) == {2}
    assert 2 in tokens[:, 0]


def test_the_loss_counts_no_symbol_after_the_end():
    model = Coins()
    model.example = "tokens"
    loss = model.likelihood_loss({"tokens": torch.tensor([[0, 2, 2, 2], [1, 1, 0, 0]])})["nll"]
    nats = -torch.tensor([0.5, 0.3, 0.2, 0.2, 0.5, 0.5]).log().mean()
    assert loss.isclose(nats)
