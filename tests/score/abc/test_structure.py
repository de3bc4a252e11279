import random

import pytest

from typica.score.abc.copies import Collection
from typica.score.abc.structure import form, played_parts
from typica.score.abc.tokens import tokenise

BAR = "G 2 A 2 B 2 c 2 |"
HEADER = "M:4/4 L:1/8 K:Gmaj "
EIGHT, OTHER = " ".join([BAR] * 7), " ".join(["d 2 c 2 B 2 A 2 |"] * 7)


def tune(text):
    return tokenise(HEADER + text)


def test_a_tune_of_two_repeated_parts_is_aabb():
    parts = played_parts(tune(f"|: {EIGHT} G 8 :: {OTHER} d 8 :|"))
    assert [part.letter for part in parts] == list("AABB")
    assert [part.bars for part in parts] == [8] * 4


def test_endings_pick_ups_and_parts_written_out_are_seen_through():
    assert form(tune(f"|: {EIGHT} |1 G 8 :|2 c 8 :: {OTHER} |1 d 8 :|2 c 8 |]")) == "AABB"
    assert form(tune(f"{EIGHT} G 8 || {EIGHT} G 8 || {OTHER} d 8 || {OTHER} d 8 |]")) == "AABB"
    assert form(tune(f"G 2 |: {EIGHT} G 6 :| {OTHER} d 8 |]")) == "AAB"
    assert form(tune(f"{EIGHT} G 8 || {OTHER} d 8 || {EIGHT} G 8 |]")) == "ABA"
    parts = played_parts(tune(f"G 2 |: {EIGHT} G 6 :|"))
    assert [part.bars for part in parts] == [8, 8]  # a pick-up and its complement are one bar
    assert played_parts([]) == []


def test_tunes_of_a_collection_are_found_in_it():
    tunes = [tune(f"{EIGHT} G 8 |]"), tune("a b a b c' 2 e f | g a g a b 2 d 2 |]")]
    collection = Collection(tunes)

    whole = collection.longest_copy(["<s>", *tunes[1], "</s>"])
    assert (whole.tune, whole.start, whole.length) == (1, 0, len(tunes[1]) - 3)
    other_key = tokenise("M:2/2 L:1/8 K:Dmaj F 3 " + "a b a b c' 2 e f | g z")
    part = collection.longest_copy(other_key)
    assert (part.tune, part.start, part.length) == (1, 2, 10)
    assert collection.longest_copy(tune("z z z z z z z z z z z")).length == 0
    assert collection.longest_copy(tune("G")).length == 0


@pytest.mark.parametrize("seed", range(8))
def test_the_longest_copy_is_the_longest_of_all(seed):
    rng = random.Random(seed)
    tunes = [[rng.choice("AB") for _ in range(80)] for _ in range(3)]
    looked_up = [rng.choice("AB") for _ in range(80)]

    def is_shared(start, length):
        piece = " ".join(looked_up[start : start + length])
        return any(piece in " ".join(one) for one in tunes)

    slow = max(n for n in range(8, 81) for s in range(81 - n) if is_shared(s, n))
    found = Collection(tunes).longest_copy(looked_up)
    assert found.length == slow
    piece = " ".join(looked_up[found.start : found.start + found.length])
    assert piece in " ".join(tunes[found.tune])
