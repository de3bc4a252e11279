from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from typica.data.split import split

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
