"""What checkpoints are put through is the same for all, and of what was asked for."""

import math

import pytest
import torch

from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.errors import DataError
from typica.data.of_run import held_out
from typica.evaluation import stage as module
from typica.evaluation.likelihood import model_bits
from typica.evaluation.stage import Course, Stage
from typica.evaluation.stretches import excerpts
from typica.typicality.monitor.grid import Grid


class Limits:
    """Stands in for the monitor's, of which only the grid is wanted."""

    grid = Grid(8000)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return registry.build("wavenet", "tiny")


@pytest.fixture
def build(corpus, model):
    """Build a stage; `learnt` are recordings that may be copied."""

    def build(split="train", learnt=(), **course):
        return Stage(model, corpus, split, held_out(corpus, 600), Course(**course), learnt=learnt)

    return build


@pytest.mark.parametrize(("seconds", "pieces"), [(60, 4), (30, 2), (20, 1), (3, 1)])
def test_pieces_are_as_many_as_make_up_what_was_asked_for(build, seconds, pieces):
    found = build(seconds=seconds).pieces

    assert len(found) == pieces
    assert sum(one.length for one in found) <= seconds * 8000


def test_for_no_seconds_the_pieces_are_the_whole_split(build, corpus):
    found = build(seconds=0).pieces

    assert sum(one.length for one in found) == sum(one.length for one in corpus.recordings("train"))


def test_a_split_that_there_is_not_is_refused(build):
    with pytest.raises(DataError, match="there is no split 'trian'"):
        build(split="trian")


def test_settings_tell_all_that_a_result_depends_on(build):
    usual = build().settings

    for change in ({"seconds": 1}, {"clips": 9}, {"seed": 1}, {"prompt_s": 1}, {"split": "valid"}):
        assert build(**change).settings != usual
    assert build().settings == usual


def test_words_say_what_was_done(build):
    words = build(clips=5, clip_seconds=2.5, seconds=8, prompt_s=1).words

    assert "played 5 streams of 2.5 s, going on from 1 s of held-out recordings" in words
    assert "went along 4 s of the split “train” of tunes" in words
    assert "going on from silence" in build().words


def test_recordings_are_heard_as_coarsely_as_the_model_hears_and_not_too_many(
    build, corpus, model, monkeypatch
):
    stage = build(seconds=0)
    first = corpus.audio(*stage.pieces[0])[None]

    assert len(stage.real) == len(stage.pieces)
    assert torch.equal(stage.real[0], model.render(model.symbols(first))[0])
    assert not torch.equal(stage.real[0], first[0])
    monkeypatch.setattr(module, "MOST_COMPARED", 3)
    assert 2 <= len(build(seconds=0).real) <= 3


def test_prompts_are_held_out_and_no_longer_than_the_shortest_recording(build, corpus):
    assert build()._prompt() is None
    chosen = excerpts(corpus, "train", 6, 8000)

    prompts = build(clips=6, prompt_s=1.0)._prompt()

    assert torch.equal(prompts, torch.stack([corpus.audio(*one) for one in chosen]))
    shortest = min(one.length for one in corpus.recordings("train"))
    assert build(prompt_s=99.0)._prompt().shape == (8, 1, shortest)


def test_what_a_model_pays_for_pieces_is_its_density(build, corpus, model, monkeypatch):
    stage = build(seconds=15)
    monkeypatch.setattr(Stage, "limits", Limits)  # the recordings are too short to calibrate on

    along = stage.along(StepEngine(model))

    (piece,) = stage.pieces
    samples = along.bits.samples[0]
    whole = corpus.audio(piece.recording)[None, :, :samples]
    expected = -model.log_prob(whole).item() / math.log(2) / samples
    assert piece.start == 0
    assert along.bits.mean.value == pytest.approx(expected, rel=1e-3)
    assert len(along.heard[0].totals) * Limits.grid.tick == samples


def test_a_piece_from_the_middle_is_heard_after_its_past(build, corpus, model, monkeypatch):
    monkeypatch.setattr(Stage, "limits", Limits)
    stage = build(seconds=2)
    (piece,) = stage.pieces

    along = stage.along(StepEngine(model))

    assert piece.start > model.context
    samples = along.bits.samples[0]
    past = corpus.audio(piece.recording, piece.start - model.context, piece.start + samples)
    told = model.conditionals(past[None]).log_prob(model.symbols(past[None]))[0, model.context :]
    expected = -told.sum().item() / math.log(2) / samples
    assert along.bits.mean.value == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", ["bit_depth", "hierarchical_wavenet"])
def test_a_cascade_pays_for_the_codes_that_its_lowest_level_is_told(
    build, corpus, name, monkeypatch
):
    monkeypatch.setattr(Stage, "limits", Limits)
    torch.manual_seed(0)
    cascade, stage = registry.build(name, "tiny").eval(), build(seconds=1)

    along = stage.along(cascade.steps())

    expected = model_bits(cascade, corpus, stage.pieces)
    lowest = along.heard[0].totals[:, [0, 2]].sum() / math.log(2) / expected.samples[0]
    assert along.bits == expected
    assert lowest < along.bits.mean.value - 0.5
    assert along.entropy < along.bits.mean.value - 0.5


def test_slices_of_sound_pay_their_density(build, corpus, monkeypatch):
    monkeypatch.setattr(Stage, "limits", Limits)
    torch.manual_seed(0)
    sliced, stage = registry.build("subscale_sound", "tiny").eval(), build(seconds=1)
    monkeypatch.setattr(stage, "pieces", [stage.pieces[0]._replace(start=0)])

    along = stage.along(sliced.steps())

    audio = corpus.audio(*stage.pieces[0])[None, :, : along.bits.samples[0]]
    expected = -sliced.log_prob(audio).item() / math.log(2) / audio.shape[-1]
    assert along.bits.mean.value == pytest.approx(expected, rel=1e-3)
    assert along.bits.measure == sliced.base_measure


def test_sound_without_a_density_pays_no_bits(build, monkeypatch):
    monkeypatch.setattr(Stage, "limits", Limits)
    torch.manual_seed(0)
    jukebox = registry.build("jukebox", "tiny").eval()

    along = build(seconds=1).along(jukebox.steps())

    assert along.bits is None
    # Untrained it finds all codes as likely, and a code's bits are spread over its samples.
    assert along.entropy == pytest.approx(math.log2(jukebox.config.codes) / jukebox.frame, rel=1e-3)


def test_silence_and_flatness_are_known_of_recordings_too(build, corpus, monkeypatch):
    stage, rng = build(seconds=1), torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(1, 8000, generator=rng)
    noise[:, 4000:] = 0
    monkeypatch.setattr(stage, "real", [noise])

    assert stage.expected_silent == pytest.approx(0.5)
    assert stage.expected_flatness == pytest.approx(0.56, abs=0.05)
    monkeypatch.setattr(stage, "real", [torch.zeros(1, 8000)])
    del stage.expected_silent, stage.expected_flatness
    assert (stage.expected_silent, stage.expected_flatness) == (1, None)


def test_how_much_of_recordings_is_usually_copied_is_measured(build, corpus):
    train, valid = corpus.recordings("train"), corpus.recordings("valid")

    assert build("valid", seconds=0).expected_copied is None
    assert build("valid", seconds=0, learnt=train).expected_copied == 0
    assert build("valid", seconds=0, learnt=[*train, *valid]).expected_copied > 0.9
