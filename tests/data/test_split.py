from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from typica.data.split import assign, split

LENGTHS = st.dictionaries(st.text(max_size=8), st.integers(1, 10**9), min_size=1, max_size=80)


@settings(deadline=None)
@given(LENGTHS)
def test_every_recording_is_in_one_split_and_train_is_never_empty(lengths):
    splits = split(lengths)

    assert splits.keys() == lengths.keys()
    assert "train" in splits.values()


@settings(deadline=None)
@given(LENGTHS)
def test_something_is_held_out_as_soon_as_it_can_be(lengths):
    counts = Counter(split(lengths).values())

    assert (counts["valid"] > 0) == (len(lengths) >= 2)
    assert (counts["test"] > 0) == (len(lengths) >= 3)


@settings(deadline=None)
@given(LENGTHS)
def test_no_more_than_a_tenth_of_the_recordings_is_held_out(lengths):
    counts = Counter(split(lengths).values())

    assert max(counts["valid"], counts["test"]) <= max(1, len(lengths) // 10)


@settings(deadline=None)
@given(LENGTHS, st.randoms())
def test_the_order_of_the_recordings_does_not_matter(lengths, random):
    shuffled = list(lengths.items())
    random.shuffle(shuffled)

    assert split(dict(shuffled)) == split(lengths)


def test_of_many_alike_a_tenth_is_held_out():
    counts = Counter(split({f"{number}": 500 for number in range(300)}).values())

    assert counts == {"train": 240, "valid": 30, "test": 30}


def test_a_jingle_does_not_stand_for_an_album():
    lengths = {f"song {number}": 180 for number in range(9)} | {"jingle": 5}

    assert split(lengths)["jingle"] == "train"


def test_the_piece_that_is_most_of_the_album_is_not_held_out():
    lengths = {f"jingle {number}": 10 for number in range(20)} | {"symphony": 3600}

    assert split(lengths)["symphony"] == "train"


def test_the_choice_depends_on_names_and_not_on_their_order():
    alphabet = [chr(ord("a") + number) for number in range(26)]
    held_out = [name for name, one in split(dict.fromkeys(alphabet, 60)).items() if one != "train"]

    assert len(held_out) == 4
    assert held_out not in (alphabet[:4], alphabet[-4:])


def line(name, length=10, **more):
    return {"id": name, "length": length, **more}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 100)), min_size=1, max_size=40))
def test_a_group_never_crosses_splits(members):
    lines = [line(f"{n}", length, group=f"g{g}") for n, (g, length) in enumerate(members)]

    splits = assign(lines)

    found = {}
    for one in lines:
        found.setdefault(one["group"], set()).add(splits[one["id"]])
    assert all(len(names) == 1 for names in found.values())
    assert len(set(splits.values())) == min(3, len(found))


def test_without_groups_recordings_are_dealt_as_ever():
    lengths = {f"{number}": 5 + number for number in range(30)}

    assert assign([line(*one) for one in lengths.items()]) == split(lengths)


def test_published_splits_are_kept_and_a_missing_valid_split_is_taken_from_train():
    published = [line(f"{n}", split="train", group=f"g{n // 2}") for n in range(20)]
    published += [line("t", split="test")]

    whole = assign([*published, line("v", split="valid")])
    made = assign(published)

    assert whole == {one["id"]: one["split"] for one in published} | {"v": "valid"}
    assert made["t"] == "test"
    assert list(made.values()).count("valid") == 2
    assert all(made[f"{n}"] == made[f"{n + 1}"] for n in range(0, 20, 2))
