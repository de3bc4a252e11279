"""Stages: levels of a hierarchy that are trained one after the other."""

import dataclasses
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_training import (
    STEADY,
    Heard,
    ToyCascade,
    batches,
    chords,
    lines,
    make_learner,
    make_loop,
    weights,
)

from typica.core import registry
from typica.core.errors import DataError
from typica.core.phase import Phase
from typica.training import checkpoint
from typica.training.job import Job, describe
from typica.training.schedule import share_of_stage, stage_at, stage_ends
from typica.training.settings import PhaseConfig, read_settings
from typica.training.start import ready


def phases(*stages):
    return [Phase(f"p{number}", [], None, stage=stage) for number, stage in enumerate(stages)]


def test_a_stage_takes_the_largest_share_of_its_phases():
    shares = {"p0": 1.0, "p1": 3.0, "p2": 1.0}
    configs = {name: PhaseConfig(share=share) for name, share in shares.items()}

    assert stage_ends(phases(0, 0, 1), configs) == [0.75, 1.0]
    assert stage_ends(phases(0), configs) == [1.0]


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=4), st.floats(0, 1))
def test_training_is_in_one_stage_and_goes_through_it_from_0_to_1(shares, done):
    configs = {f"p{number}": PhaseConfig(share=share) for number, share in enumerate(shares)}
    ends = stage_ends(phases(*range(len(shares))), configs)
    stage = stage_at(ends, done)

    assert 0 <= share_of_stage(ends, stage, done) <= 1
    assert all(share_of_stage(ends, before, done) == 1 for before in range(stage))
    assert all(share_of_stage(ends, after, done) == 0 for after in range(stage + 1, len(ends)))


def test_only_the_phases_of_the_stage_take_turns():
    learner = make_learner(ToyCascade(), phase=PhaseConfig())

    first = learner.step(batches(), 0.0)
    second = learner.step(batches(), 0.5)

    assert {name.partition("/")[0] for name in first} == {"below"}
    assert {name.partition("/")[0] for name in second} == {"above"}
    assert learner.began == [0, 1]


def test_what_an_earlier_stage_trained_stands_still_where_its_average_was():
    learner = make_learner(ToyCascade(), phase=PhaseConfig(learning_rate=0.1))
    for _ in range(5):
        learner.step(batches(), 0.0)
    average = learner.average.model.below.weight.clone()
    assert not torch.allclose(average, learner.model.below.weight)

    for step in range(5):
        learner.step(batches(), 0.5 + step / 10)

    torch.testing.assert_close(learner.model.below.weight, average, rtol=0, atol=0)
    torch.testing.assert_close(learner.average.model.below.weight, average)


def test_the_average_of_a_stage_does_not_hold_on_to_where_the_stage_began():
    """A short stage after many steps of another: its average must have come along."""
    learner = make_learner(ToyCascade(), phase=STEADY, average=0.999)
    for _ in range(300):
        learner.step(batches(), 0.0)
    first = learner.average.model.above.weight.clone()
    for _ in range(40):
        learner.step(batches(), 0.5)

    now = learner.model.above.weight.detach()
    moved, behind = (now - first).norm(), (now - learner.average.model.above.weight).norm()
    assert float(behind / moved) < 0.2


def test_each_stage_begins_with_the_full_rate_and_ends_without():
    phase = PhaseConfig(learning_rate=1.0, schedule="linear")
    moved = []
    for done in (0.0, 0.499, 0.5, 0.999):
        learner = make_learner(ToyCascade(), phase=phase)
        before = weights(learner)
        learner.step(batches(), done)
        moved.append((weights(learner)[:40] - before[:40]).abs().max())

    assert moved[0] == pytest.approx(1.0, rel=1e-3)
    assert moved[1] < 0.01
    assert moved[2] == pytest.approx(1.0, rel=1e-3)
    assert moved[3] < 0.01


def test_warm_up_begins_anew_with_a_stage():
    learner = make_learner(ToyCascade(), phase=PhaseConfig(learning_rate=1.0, warmup=100))
    for _ in range(50):
        learner.step(batches(), 0.0)
    before = learner.model.above.weight.detach().clone()

    learner.step(batches(), 0.5)

    moved = (learner.model.above.weight.detach() - before).abs().max()
    assert float(moved) == pytest.approx(0.01, rel=1e-2)


@pytest.mark.parametrize("stop", [3, 6, 8])
def test_resuming_in_any_stage_comes_to_the_same_weights(tmp_path, stop):
    make_loop(tmp_path / "whole", make_learner(ToyCascade(), steps=12)).run()
    loop = make_loop(tmp_path / "broken", make_learner(ToyCascade(), steps=12))
    for step in range(stop):
        loop.learner.step(batches(), step / 12)
    checkpoint.write(tmp_path / "broken", loop.learner, loop.config, 0.0)

    resumed = make_loop(tmp_path / "broken", make_learner(ToyCascade(), steps=12))
    resumed.run()

    whole = make_loop(tmp_path / "whole", make_learner(ToyCascade(), steps=12))
    assert resumed.learner.began == whole.learner.began == [0, 6]
    assert torch.equal(weights(resumed.learner), weights(whole.learner))


def test_a_stage_has_crops_and_a_context_of_its_own(tmp_path):
    corpus, model = chords(tmp_path), ToyCascade()
    stages = list(model.phases())
    tables = {"data": {"crop": 64}, "training": {"steps": 4}, "above": {"crop": 256}}
    settings = read_settings(tables, [one.name for one in stages])
    job = Job("toy", "none", model, stages, corpus, settings)

    (tmp_path / "run").mkdir()
    ready(job, tmp_path / "run", make_learner().processes).run()

    assert model.shown == [(0, 64), (0, 64), (1, 256 + 8), (1, 256 + 8)]


def test_a_crop_that_is_too_long_is_named_by_its_stage(tmp_path):
    tables = registry.preset("bit_depth", "tiny") | {"last": {"crop": 99_999}}
    with pytest.raises(DataError, match="--set last.crop=8000"):
        describe("bit_depth", "tiny", tables, chords(tmp_path))


def test_the_log_keeps_stages_apart(tmp_path):
    loop = make_loop(tmp_path, make_learner(ToyCascade(), steps=12, log_every=5))
    loop.run()

    text = (tmp_path / "log" / "metrics.jsonl").read_text().splitlines()
    kinds = [("below/nll" in line, "above/nll" in line) for line in text]
    assert kinds == [(True, False)] * 2 + [(False, True)] * 2


def test_bits_of_codes_are_told_as_bits_a_code(tmp_path):
    loop = make_loop(tmp_path, make_learner(ToyCascade(), steps=12, log_every=5))
    loop.progress = Heard()

    loop.run()

    below, above = lines(tmp_path)[0], lines(tmp_path)[-1]
    assert below["bits"] == pytest.approx(below["below/nll"] / math.log(2))
    assert above["bits_a_code"] == pytest.approx(above["above/nll"] / math.log(2))
    assert "bits_a_code" not in below
    assert "bits" not in above
    assert [sorted(one)[:1] for one in loop.progress.shown] == [["bits"]] * 2 + [
        ["bits a code"]
    ] * 2


@pytest.mark.parametrize(
    ("system", "of_codes"),
    [
        ("bit_depth", set()),
        ("hierarchical_wavenet", {"level2", "prior"}),
        ("jukebox", {"prior", "upsampler1"}),
        ("vqvae", set()),
        ("wavenet", set()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_phase_whose_nats_are_of_codes_says_so(system, of_codes):
    phases = registry.build(system, "tiny").phases()

    assert {one.name for one in phases if one.unit == "code"} == of_codes


@pytest.mark.parametrize("unit", ["sample", "code"])
def test_phases_of_one_stage_share_a_sample_and_have_each_its_own_codes(tmp_path, unit):
    model = ToyCascade()
    both = [dataclasses.replace(one, stage=0, unit=unit) for one in model.phases()]
    model.phases = lambda: both

    make_loop(tmp_path, make_learner(model, steps=2)).run()

    told = lines(tmp_path)[0]
    parts = [told[f"{name}/nll"] / math.log(2) for name in ("below", "above")]
    if unit == "sample":
        assert told["bits"] == pytest.approx(sum(parts))
    else:
        assert [told[f"bits_a_code_of_{name}"] for name in ("below", "above")] == parts


def test_what_is_not_trained_yet_and_yet_counts_is_named(tmp_path):
    loop = make_loop(
        tmp_path, make_learner(ToyCascade(), steps=12, validate_every=6, sample_every=4)
    )
    loop.judge, loop.sampler = lambda: 3.0, lambda: torch.zeros(1, 80)
    loop.progress = Heard()

    loop.run()

    sounds = tmp_path / "samples"
    assert [sentence for sentence in loop.progress.said if "begins" not in sentence] == [
        f"step 4: an early sample is in {sounds}/step-00000004.wav (above not trained yet)",
        "step 6: 3.000 bits a sample on held-out audio (above not trained yet)",
        f"step 8: an early sample is in {sounds}/step-00000008.wav",
        "step 12: 3.000 bits a sample on held-out audio",
    ]
