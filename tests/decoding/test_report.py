"""The table of decoding settings."""

import numpy as np
import pytest
from enumerable import enumerate_sequences, random_model

from typica.core.engine import StepEngine
from typica.core.errors import ConfigError
from typica.core.randomness import seeded
from typica.decoding.report import report_row, typical_width, typicality_report
from typica.decoding.search.greedy import greedy
from typica.decoding.sequences import draw_sequences

LENGTH = 5


@pytest.mark.parametrize("ends", [False, True])
def test_settings_are_told_apart_by_how_typical_they_are(ends):
    model = random_model(3, levels=3, depth=LENGTH, ends=ends)
    engine = StepEngine(model)
    state = engine.start(1)
    ways = {
        "ancestral": draw_sequences(engine, state, LENGTH, count=400, generator=seeded(0)),
        "hot": draw_sequences(
            engine, state, LENGTH, count=400, temperature=3.0, generator=seeded(1)
        ),
        "greedy": greedy(engine, engine.start(1), LENGTH),
    }

    rows = {
        row.decoding: row
        for row in typicality_report(ways, engine, state, LENGTH, own=1000, generator=seeded(2))
    }

    assert list(rows) == list(ways)
    assert rows["greedy"].d < rows["ancestral"].d < rows["hot"].d
    assert abs(rows["ancestral"].d) < 0.1
    assert rows["ancestral"].typical == pytest.approx(0.95, abs=0.04)
    assert rows["hot"].typical < rows["ancestral"].typical
    assert rows["greedy"].sequences == 1


def test_the_entropy_of_a_report_is_that_of_all_sequences():
    model = random_model(5, levels=3, depth=LENGTH)
    engine = StepEngine(model)
    every = enumerate_sequences(model, LENGTH)
    nats = -every.log_prob.double().numpy()
    exact = (np.exp(-nats) * nats).sum()
    found = greedy(engine, engine.start(1), LENGTH)
    (row,) = typicality_report(
        {"greedy": found}, engine, engine.start(1), LENGTH, own=4000, generator=seeded(0)
    )
    by_hand = (-float(found.log_prob) - exact) / LENGTH
    assert row.d == pytest.approx(by_hand, abs=0.03)


def test_a_row_counts_what_lies_in_the_typical_set_its_edge_included():
    d = np.array([-0.5, 0.2, 0.6, 0.0])
    row = report_row("a", [[1, 2], [1, 2], [2, 1], [3, 3]], d, 2 * d, 0.5)
    assert row.typical == 0.75
    assert (row.d, row.z) == (pytest.approx(0.075), pytest.approx(0.15))
    assert row.distinct_1 == 3 / 8
    assert typical_width(np.array([-3.0, 1, 2, -1]), 1.0) == 3


def test_nothing_is_refused():
    engine = StepEngine(random_model(0, 3, 4))
    with pytest.raises(ConfigError, match="needs generations"):
        typicality_report({}, engine, engine.start(1), 4)
