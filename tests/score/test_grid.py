import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from typica.core.errors import ConfigError, DataError
from typica.score.grid import from_grid, grid_symbols, symbols_grid, to_grid
from typica.score.notes import Note, Notes

grids = arrays(
    np.int64, st.tuples(st.integers(1, 20), st.just(4)), elements=st.sampled_from([-1, 60, 61, 81])
).filter(lambda grid: np.all((grid != -1).any(axis=0)) and np.any(grid[-1] != -1))


def test_a_grid_holds_what_sounds_as_each_step_begins():
    notes = Notes.of(
        [Note(72, 0.0, 0.5), Note(60, 0.2, 1.0, channel=1), Note(74, 0.5, 0.9), Note(71, 0.9, 1.0)]
    )

    grid = to_grid(notes, quarters_per_minute=60, voices=2)

    assert grid.tolist() == [[72, -1], [72, 60], [74, 60], [74, 60]]
    assert to_grid(notes, quarters_per_minute=60, steps_per_quarter=1, voices=3).tolist() == [
        [72, -1, -1]
    ]


@given(grids, st.sampled_from([60.0, 80.0, 97.3]), st.sampled_from([1, 4]))
def test_a_grid_comes_back_from_its_notes(grid, tempo, steps):
    clock = {"quarters_per_minute": tempo, "steps_per_quarter": steps}

    assert np.array_equal(to_grid(from_grid(grid, **clock), **clock), grid)


@given(grids)
def test_a_coarser_grid_is_every_second_or_fourth_step(grid):
    notes = from_grid(grid, quarters_per_minute=80)

    for steps in (1, 2):
        coarse = to_grid(notes, quarters_per_minute=80, steps_per_quarter=steps)
        expected = grid[:: 4 // steps]
        assert np.array_equal(coarse, expected[: len(coarse)])
        assert np.all(expected[len(coarse) :] == -1)


@given(grids)
def test_symbols_are_a_row_of_the_grid(grid):
    symbols = grid_symbols(grid)

    assert np.array_equal(symbols_grid(symbols), grid)
    assert symbols.tolist() == [0 if pitch < 0 else pitch - 35 for step in grid for pitch in step]
    assert symbols.max() < 47


def test_what_is_no_grid_is_refused():
    with pytest.raises(DataError, match="-1 for silence"):
        from_grid([[60.0, np.nan]], quarters_per_minute=80)
    with pytest.raises(DataError, match="MIDI pitches"):
        from_grid([[128]], quarters_per_minute=80)
    with pytest.raises(DataError, match="from 36 to 81 alone"):
        grid_symbols([[82, 60, 50, 40]])
    notes = Notes.of([Note(60, 0, 1), Note(60, 0, 1, channel=3)])
    with pytest.raises(DataError, match="in 2 channels, and the grid has 1"):
        to_grid(notes, quarters_per_minute=60, voices=1)


@pytest.mark.parametrize(
    "clock",
    [{"quarters_per_minute": 0}, {"quarters_per_minute": -5},
     {"quarters_per_minute": 60, "steps_per_quarter": 0}],
    ids=str,
)  # fmt: skip
def test_a_clock_that_stands_still_is_refused(clock):
    with pytest.raises(ConfigError, match="a positive tempo and at least one step a quarter"):
        to_grid(Notes.of([Note(60, 0, 1)]), **clock)
    with pytest.raises(ConfigError, match="a positive tempo and at least one step a quarter"):
        from_grid([[60]], **clock)


@pytest.mark.parametrize("symbols", [[0.5, 1, 2, 3], [-1, 0, 0, 0], [93, 0, 0, 0], [[0, 1, 2, 3]]])
def test_what_is_no_symbol_is_refused(symbols):
    with pytest.raises(DataError, match="symbols"):
        symbols_grid(symbols)
    assert symbols_grid([92, 0, 0, 0]).tolist() == [[127, -1, -1, -1]]
