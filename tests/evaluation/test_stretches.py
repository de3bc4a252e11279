import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from typica.core.errors import DataError
from typica.evaluation.stretches import choose, excerpts, held_out_split


def spans(stretches):
    return [(one.recording.id, one.start, one.stop) for one in stretches]


def test_without_a_limit_every_sample_is_scored_once(shelf):
    stretches = choose(shelf([2500, 100]), "valid")

    assert spans(stretches) == [("r0", 0, 2000), ("r0", 2000, 2500), ("r1", 0, 100)]


def test_a_limit_beyond_the_split_changes_nothing(shelf):
    assert choose(shelf([500, 700]), "valid", 12.0) == choose(shelf([500, 700]), "valid")


def test_a_limit_spreads_stretches_over_the_recordings(shelf):
    stretches = choose(shelf([1000] * 50), "valid", 30.0)

    assert 2900 < sum(one.length for one in stretches) <= 3000
    assert len({one.recording.id for one in stretches}) >= 15
    beginnings = [one.start for one in stretches]
    assert min(beginnings) < 200
    assert max(beginnings) > 700


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 3000), min_size=1, max_size=20), seconds=st.floats(0.1, 60))
def test_stretches_lie_in_their_recordings_in_order_without_overlap(shelf, lengths, seconds):
    stretches = choose(shelf(lengths), "valid", seconds)

    assert stretches
    assert all(0 <= one.start < one.stop <= one.recording.length for one in stretches)
    places = [(int(one.recording.id[1:]), one.start, one.stop) for one in stretches]
    assert all(a[0] < b[0] or a[2] <= b[1] for a, b in zip(places, places[1:], strict=False))
    assert sum(one.length for one in stretches) <= max(seconds * 100, 100)


def test_an_empty_split_is_refused(shelf):
    with pytest.raises(DataError, match="shelf has no recordings in its split 'test'"):
        choose(shelf([100]), "test")
    with pytest.raises(DataError, match="shelf has no recordings in its split 'test'"):
        excerpts(shelf([100]), "test", 2, 50)


def test_a_split_that_there_is_not_is_refused(shelf):
    for chosen in (lambda: choose(shelf([9]), "tset"), lambda: excerpts(shelf([9]), "tset", 1, 9)):
        with pytest.raises(DataError, match="there is no split 'tset': did you mean 'test'?"):
            chosen()


def test_the_test_split_is_held_out_where_there_is_one(shelf):
    assert held_out_split(shelf([100], split="test")) == "test"
    assert held_out_split(shelf([100], split="valid")) == "valid"
