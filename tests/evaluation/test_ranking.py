import itertools
import math
from dataclasses import replace

import pytest

from typica.evaluation.bits import Bits
from typica.evaluation.copying import Copy
from typica.evaluation.free_running import FreeRun, Stream
from typica.evaluation.ranking import Audition, conclude, differ, rank


def stream(trapped=0.0, distance=3.0, kind="silence"):
    traps = {kind: trapped} if trapped else {}
    return Stream(traps, int(trapped > 0), -20.0, distance, 0.3, 2.0)


def audition(step, streams, bits=4.0):
    paid = Bits("model", "8-bit mu-law levels")
    for number, offset in enumerate((-0.1, 0.0, 0.1)):
        paid.add(f"song {number}.wav", 1000, 1000 * (bits + offset))
    run = FreeRun(10.0, streams)
    return Audition(f"step {step:,}", step, f"step-{step}", f"{step:064}", paid, 2.0, run, [])


def healthy(step, bits=4.0, distance=3.0):
    return audition(step, [stream(0, distance + offset) for offset in (-0.2, -0.1, 0.1, 0.2)], bits)


def trapped(step, bits=4.0, share=0.8, kind="silence"):
    return audition(step, [stream(share, 60.0, kind)] * 4, bits)


@pytest.mark.parametrize("bits", list(itertools.permutations((3.0, 4.0, 5.0))))
def test_what_plays_freely_comes_first_whatever_the_losses(bits):
    silent, noisy = trapped(1, bits[0], 0.9), trapped(2, bits[1], 0.7, "noise")

    ranked = rank([silent, noisy, healthy(3, bits[2])])

    assert [one.audition.step for one in ranked] == [3, 2, 1]
    assert [one.place for one in ranked] == [1, 2, 3]


def test_among_those_trapped_as_long_hiss_is_better_than_silence():
    hissing, silent = trapped(1, bits=5.0, kind="noise"), trapped(2, bits=3.0, kind="silence")

    assert [one.audition.step for one in rank([silent, hissing])] == [1, 2]


def test_where_traps_tell_no_difference_the_distance_from_recordings_decides():
    one_bad_moment = audition(1, [stream(0.3, 3.0), *[stream(0.0, 3.0)] * 3], 4.0)

    ranked = rank([healthy(2, bits=3.0, distance=9.0), one_bad_moment])

    assert [one.audition.step for one in ranked] == [1, 2]
    assert not any(one.tied for one in ranked)


def test_where_neither_tells_a_difference_bits_decide_and_the_places_are_marked():
    ranked = rank([healthy(1, bits=4.1), healthy(2, bits=4.0, distance=3.05), trapped(3, 1.0)])

    assert [one.audition.step for one in ranked] == [2, 1, 3]
    assert [one.tied for one in ranked] == [True, True, False]


def test_of_models_without_a_density_that_play_alike_the_later_comes_first():
    early, late = (replace(healthy(step), bits=None) for step in (10, 20))
    final = replace(late, step=None, name="final weights")

    ranked = rank([early, final, trapped(30), late])
    words = conclude(rank([early, late]))

    assert [one.audition.step for one in ranked] == [None, 20, 10, 30]
    assert words == [
        "Take step 20. It plays freely, 0.0% of the time in traps.",
        "Step 10 cannot be told from it by the time in traps: silence and loops, the distance from "
        "recordings and age decided, in this order.",
    ]
    assert late.to_dict()["bits"] is None


def test_the_conclusion_says_where_the_lowest_loss_is_a_trap():
    words = conclude(rank([healthy(1, bits=4.2), trapped(2, bits=4.0)]))

    assert words[0] == "Take step 1. It plays freely, 0.0% of the time in traps."
    assert words[-1] == (
        "The lowest loss is that of step 2, by 0.200 (± 0.000) bits a sample, and it comes 2 of 2. "
        "It is trapped for 80% of the time: silence."
    )


def test_the_conclusion_says_where_best_and_lowest_loss_agree_and_who_ties():
    words = conclude(rank([healthy(1, bits=4.0), healthy(2, bits=4.1)]))

    assert words[1].startswith("Step 2 cannot be told from it by the time in traps")
    assert words[-1] == "Step 1 is also the one of lowest loss."


def test_where_all_are_trapped_none_is_recommended():
    words = conclude(rank([trapped(1), trapped(2, kind="loop")]))

    assert words[0].startswith("None plays freely; the best is step ")


def test_a_stream_now_and_then_in_a_trap_is_told_with_its_kinds():
    now_and_then = audition(1, [stream(0.2, kind="loop"), *[stream()] * 3])

    assert now_and_then.verdict == "It falls into traps 90 times an hour, 5% of the time: loop."
    assert now_and_then.trapped.value == pytest.approx(0.05)
    assert now_and_then.trapped.error == pytest.approx(0.05)


def test_a_difference_is_significant_as_often_as_by_counting_all_permutations():
    def exact(one, other):
        together = [*one, *other]
        seen = abs(sum(one) / len(one) - sum(other) / len(other))
        hits = 0
        for chosen in itertools.combinations(range(len(together)), len(one)):
            first = sum(together[i] for i in chosen)
            rest = sum(together) - first
            hits += abs(first / len(one) - rest / len(other)) >= seen - 1e-12
        return hits / math.comb(len(together), len(one))

    pairs = [
        ([0, 0, 0, 0], [1, 1, 1, 1]),
        ([0, 0, 0, 0], [0, 1, 1, 1]),
        ([0.1, 0.2, 0.3, 0.4, 0.5], [0.45, 0.5, 0.6, 0.7, 0.8]),
        ([1, 1, 1, 1], [1, 1, 1, 1]),
        ([0, 0, 0], [1, 1, 1]),
    ]

    assert [differ(*pair) for pair in pairs] == [exact(*pair) <= 0.05 for pair in pairs]


def test_an_audition_can_be_told_to_a_program():
    plain = healthy(1).to_dict()

    assert plain["trapped"] == {"value": 0.0, "error": 0.0}
    assert plain["bits"]["value"] == pytest.approx(4.0)
    assert FreeRun.from_json({"seconds": 10.0, "streams": plain["streams"]}) == healthy(1).run


def test_clipping_and_copying_are_told_in_words():
    copies = [Copy(2.0, 9.5, "bwv 1.wav", 61.25, 0.99), Copy(10.0, 13.0, "bwv 2.wav", 0.0, 0.99)]
    parrot = replace(stream(), clipped=0.08, copies=copies, copied=0.4)
    other = replace(stream(), copies=[], copied=0.0)

    told = replace(audition(1, [parrot, other, other, other]), expected_copied=0.013)

    assert told.verdict == (
        "It plays freely, 0.0% of the time in traps. "
        "It clips: 2.0% of the samples are at full scale. "
        "It copies 10.0% of what it plays from the training recordings, up to 7.5 s at once "
        "(bwv 1.wav, at 61.2 s); of held-out recordings, 1.3% are in them too."
    )
    assert told.to_dict()["copied"] == pytest.approx(0.1)
    assert told.to_dict()["clipped"] == pytest.approx(0.02)


def test_what_does_neither_is_not_accused():
    free = audition(1, [replace(stream(), clipped=0.001, copies=[], copied=0.0)] * 4)

    assert free.verdict == "It plays freely, 0.0% of the time in traps."
