import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.data.source import Item
from typica.data.units import LARGEST, UNIT_BYTES, UNIT_ITEMS, Settings, group, uniform

MB = 1 << 20
SIZES = st.lists(st.integers(0, 80 * MB), max_size=60)


def songs(count, size=4 * MB):
    return [Item(f"{number:05d}.mp3", size, "1") for number in range(count)]


@settings(deadline=None)
@given(SIZES)
def test_every_item_is_in_one_unit_and_in_order(sizes):
    items = [Item(f"{number}", size, "1") for number, size in enumerate(sizes)]

    units = group(items, Settings())

    assert [item for unit in units for item in unit.items] == items


@settings(deadline=None)
@given(SIZES)
def test_no_unit_passes_the_largest_size_by_more_than_an_item(sizes):
    items = [Item(f"{number}", size, "1") for number, size in enumerate(sizes)]

    for unit in group(items, Settings()):
        *others, _ = unit.items
        assert sum(item.size for item in others) < LARGEST * UNIT_BYTES


def test_a_unit_ends_where_chance_would_never_end_it():
    names = (f"{number}" for number in range(10**6))
    late = [
        name for name, _ in zip((n for n in names if uniform(n) > 0.5), range(64), strict=False)
    ]

    units = group([Item(name, UNIT_BYTES // 4, "1") for name in late], Settings())

    assert [len(unit.items) for unit in units] == [16] * 4


def test_units_are_of_the_mean_size():
    large, small = group(songs(4000), Settings()), group(songs(40_000, size=100), Settings())

    assert 4000 * 4 * MB / len(large) == pytest.approx(UNIT_BYTES, rel=0.15)
    assert 40_000 / len(small) == pytest.approx(UNIT_ITEMS, rel=0.2)


@pytest.mark.parametrize("place", [0, 777, 2000])
def test_another_item_changes_only_the_units_beside_it(place):
    items = songs(2000)
    added = [*items[:place], Item(f"{place:05d}-b.mp3", MB, "1"), *items[place:]]

    before, after = group(items, Settings()), group(added, Settings())

    assert len({unit.name for unit in after} - {unit.name for unit in before}) <= 3


@pytest.mark.parametrize(
    "changed",
    [
        Settings(rate=8000),
        Settings(normalise="none"),
        Settings(minimum_s=1.0),
    ],
)
def test_other_settings_name_other_shards(changed):
    assert group(songs(1), Settings())[0].name != group(songs(1), changed)[0].name


def test_a_changed_stamp_names_another_shard():
    first = group([Item("a.wav", 1, "yesterday")], Settings())

    assert group([Item("a.wav", 1, "today")], Settings())[0].name != first[0].name


def test_a_name_that_is_no_valid_text_is_hashed_all_the_same():
    assert group([Item("bad\udcff.wav", 1, "1")], Settings())
