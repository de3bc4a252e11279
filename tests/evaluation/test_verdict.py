from dataclasses import replace

import pytest

from typica.evaluation.bits import Mean
from typica.evaluation.curves import Curve
from typica.evaluation.health import Health
from typica.evaluation.verdict import Evidence, faults, judge

MUSIC = Health(
    level_db=-18,
    loudness_lufs=-18,
    peak=0.9,
    clipped=0.0,
    silence=0.02,
    flatness=0.01,
    periodicity=0.8,
    voiced=0.4,
    pitch=200,
    pitch_low=80,
    pitch_high=400,
    repetition=0.2,
)
FALLING = Curve([100, 200, 300, 400], [5.0, 4.5, 4.2, 4.0])
LEVEL = Curve([100, 200, 300, 400], [4.2, 4.01, 4.0, 4.0])
RISING = Curve([100, 200, 300, 400], [4.5, 4.0, 4.1, 4.3])
GOOD = Evidence(
    bits=4.0,
    baselines={"uniform": 8.0, "first-order Markov": 5.4, "linear prediction": 4.6},
    gap=Mean(0.05, 0.02),
    curve=LEVEL,
    tails=[MUSIC] * 3,
    recordings=MUSIC,
)


def test_a_model_that_beats_every_baseline_and_sounds_alive_is_healthy():
    verdict = judge(GOOD)

    assert verdict.word == "healthy"
    assert verdict.reasons == [
        "It beats linear prediction, the best of the 3 baselines that it beats, by 0.60 bits."
    ]


@pytest.mark.parametrize("bits", [4.55, 5.0, 8.0])
def test_a_model_that_does_not_clearly_beat_a_baseline_is_undertrained(bits):
    verdict = judge(replace(GOOD, bits=bits, curve=FALLING))

    assert verdict.word == "undertrained"
    assert any("inear prediction pays" in reason for reason in verdict.reasons)
    assert verdict.advice == ["Train for longer, by the command under How to go on."]


def test_a_model_that_stays_behind_though_it_no_longer_improves_is_told_more_than_to_wait():
    verdict = judge(replace(GOOD, bits=5.0, curve=LEVEL))

    assert verdict.word == "undertrained"
    assert "stopped improving" in verdict.advice[0]


def test_held_out_bits_that_rise_while_training_goes_on_are_overfitting():
    verdict = judge(replace(GOOD, curve=RISING))

    assert verdict.word == "overfit"
    assert "lowest at step 200 and have risen by 0.30" in verdict.reasons[0]
    assert "earlier checkpoint" in verdict.advice[0]


def test_a_wriggle_at_the_end_of_the_curve_is_not_overfitting():
    assert judge(replace(GOOD, curve=Curve([100, 390, 400], [5, 4.0, 4.1]))).word == "healthy"
    assert judge(replace(GOOD, curve=Curve([100, 200, 400], [5, 4.0, 4.04]))).word == "healthy"


def test_knowing_its_training_recordings_far_better_is_overfitting_where_it_is_sure():
    assert judge(replace(GOOD, gap=Mean(0.5, 0.05))).word == "overfit"
    assert judge(replace(GOOD, gap=Mean(0.5, 0.4))).word == "healthy"
    assert judge(replace(GOOD, gap=Mean(0.2, 0.01))).word == "healthy"


def test_overfitting_is_named_before_a_baseline_that_is_not_beaten():
    assert judge(replace(GOOD, bits=5.0, curve=RISING)).word == "overfit"


@pytest.mark.parametrize(
    ("tail", "fault"),
    [
        (replace(MUSIC, silence=1.0, level_db=-120, flatness=None), "go silent"),
        (replace(MUSIC, level_db=-55), "go silent"),
        (replace(MUSIC, clipped=0.05, peak=1.0), "clip"),
        (replace(MUSIC, flatness=0.5, periodicity=0.1), "turn to noise"),
        (replace(MUSIC, repetition=0.95), "loop"),
    ],
)
def test_samples_that_end_where_no_music_is_are_trapped(tail, fault):
    verdict = judge(replace(GOOD, tails=[tail, tail, MUSIC]))

    assert faults(tail, MUSIC) == [fault]
    assert verdict.word == "trapped"
    assert verdict.reasons[-1] == f"In their second half, 2 of 3 samples {fault}."


def test_one_bad_sample_of_three_is_told_and_is_no_trap():
    verdict = judge(replace(GOOD, tails=[replace(MUSIC, repetition=0.95), MUSIC, MUSIC]))

    assert verdict.word == "healthy"
    assert "1 of 3 samples loop" in verdict.reasons[-1]


def test_what_recordings_have_themselves_is_no_fault():
    drums = replace(MUSIC, flatness=0.3, clipped=0.02, silence=0.6, repetition=0.7)

    assert faults(replace(drums, silence=0.95, repetition=0.8), drums) == []


def test_a_model_of_bad_likelihood_is_undertrained_before_its_noise_is_a_trap():
    noisy = replace(MUSIC, flatness=0.5)
    verdict = judge(replace(GOOD, bits=7.9, tails=[noisy] * 3))

    assert verdict.word == "undertrained"
    assert "3 of 3 samples turn to noise" in verdict.reasons[-1]


def test_a_model_without_a_density_is_judged_by_its_samples():
    unpriced = replace(GOOD, bits=None, baselines=None, gap=None, curve=Curve([], []))

    assert judge(unpriced).word == "healthy"
    assert "no density" in judge(unpriced).summary
    trapped = judge(replace(unpriced, tails=[replace(MUSIC, clipped=0.2)]))
    assert trapped.word == "trapped"
    assert "prices" not in trapped.summary


def test_a_base_measure_without_baselines_is_no_reason_to_blame():
    verdict = judge(replace(GOOD, baselines={}))

    assert verdict.word == "healthy"
    assert "no baseline has its base measure" in verdict.reasons[0]
    assert "nothing tells how well it fits" in verdict.summary
    trapped = judge(replace(GOOD, baselines={}, tails=[replace(MUSIC, clipped=0.2)]))
    assert trapped.summary == "The model's own runs lead where no music is."


def test_a_healthy_model_that_still_learns_is_told_to_go_on():
    assert "still falling" in judge(replace(GOOD, curve=FALLING)).advice[0]


def test_silence_in_the_recordings_is_worth_a_word():
    verdict = judge(replace(GOOD, recordings=replace(MUSIC, silence=0.5)))

    assert "50% of the held-out recordings is silence" in verdict.advice[-1]


def test_a_run_that_was_never_measured_still_has_a_verdict():
    assert judge(Evidence()).word == "healthy"
