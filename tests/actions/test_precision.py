"""The price of rounded weights: on held-out recordings, or on what the run draws itself."""

import numpy as np
import pytest
import soundfile
import torch

from typica.actions.precision import measure_precision
from typica.actions.sample import sample
from typica.core import registry
from typica.core.condition import Track
from typica.core.engine import StepEngine
from typica.core.errors import DataError
from typica.core.run import Run, write_model
from typica.data.folder import FolderSource
from typica.data.prepare import prepare

SETTINGS = {"stacks": 1, "layers": 4, "channels": 8, "gate": 8, "skip": 8, "head": [8]}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tunes")
    for number in range(10):
        sound = 0.3 * np.sin(np.arange(16_000) * (0.1 + 0.01 * number))
        soundfile.write(folder / f"{number}.wav", sound, 8000)
    place = tmp_path_factory.mktemp("corpora") / "tunes"
    return prepare(FolderSource(folder, licence="CC0-1.0"), place, rate=8000, workers=1)


def run_of(folder, corpus=None, rate=8000, **settings):
    torch.manual_seed(0)
    model = registry.from_settings("wavenet", SETTINGS | settings)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape)
    config = {"system": "wavenet", "rate": rate, "model": SETTINGS | settings}
    if corpus is not None:
        config["corpus"] = {"name": "tunes", "path": str(corpus.path)}
    write_model(folder, model, config)
    return Run(folder)


def coarse(run):
    """An engine of the run whose weights are plainly wrong; its model is the run's own."""
    settings = run.config["model"]
    model = registry.from_settings("wavenet", settings).requires_grad_(False)
    for rounded, parameter in zip(model.parameters(), run.model.parameters(), strict=True):
        rounded.copy_((parameter * 4).round() / 4)
    engine = StepEngine(model)

    class Coarse(StepEngine):
        def start(self, count, **told):
            return engine.start(count, **told)

        def follow(self, symbols, state):
            return engine.follow(symbols, state)

    return Coarse(run.model)


def test_it_is_measured_on_held_out_recordings(tmp_path, corpus):
    run = run_of(tmp_path, corpus)

    cost, sentence = measure_precision(run, coarse(run), seconds=1)

    assert cost.bits > 4 * cost.error > 0
    assert cost.kl > 0.01
    assert sentence.endswith("on held-out recordings of tunes")
    assert f"{cost.bits:.1e} bits a sample" in sentence


def test_a_run_that_is_told_labels_is_told_those_of_the_recordings(tmp_path, corpus):
    run = run_of(tmp_path, corpus, labels=1)
    with pytest.raises(DataError, match="label"):
        measure_precision(run, coarse(run), seconds=1)


def test_without_its_corpus_the_run_s_own_samples_serve(tmp_path):
    run = run_of(tmp_path)

    cost, sentence = measure_precision(run, coarse(run), seconds=1)

    assert cost.bits > 4 * cost.error > 0
    assert "itself, for its corpus is not on this machine" in sentence


def test_without_its_corpus_nothing_can_be_told_to_a_run_that_needs_it(tmp_path):
    run = run_of(tmp_path, labels=2)
    with pytest.raises(DataError, match="is told label, and its corpus is not on this machine"):
        measure_precision(run, coarse(run))


@pytest.fixture
def all_in_training(corpus, monkeypatch):
    recordings = corpus.recordings
    monkeypatch.setattr(
        type(corpus), "recordings", lambda _, split: recordings(split) if split == "train" else []
    )


def test_where_nothing_was_held_out_the_sentence_says_so(tmp_path, corpus, all_in_training):
    run = run_of(tmp_path, corpus)

    cost, sentence = measure_precision(run, coarse(run), seconds=1)

    assert cost.kl > 0
    assert sentence.endswith("itself, for nothing was held out of tunes")


def test_where_nothing_was_held_out_nothing_can_be_told(tmp_path, corpus, all_in_training):
    run = run_of(tmp_path, corpus, labels=2)
    with pytest.raises(DataError, match="nothing was held out of tunes; ask for weights=float32"):
        measure_precision(run, coarse(run))


def test_a_corpus_of_another_rate_is_not_measured_on(tmp_path, corpus):
    run = run_of(tmp_path, corpus, rate=4000)

    _, sentence = measure_precision(run, coarse(run), seconds=1)

    assert sentence.endswith("for its corpus is at another rate by now")


def test_a_cost_that_cannot_be_measured_is_told_before_anything_is_written(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    run_of(tmp_path / "run", labels=2)
    label = {"label": Track(torch.zeros(1, dtype=torch.long))}
    monkeypatch.setattr("typica.actions.sample.condition_for", lambda *_, **__: label)

    with pytest.raises(DataError, match="cannot be measured"):
        sample(tmp_path / "run", seconds=0.05, weights="int8", out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_run_with_a_cost_says_it_beside_its_samples(tmp_path, corpus):
    (tmp_path / "run").mkdir()
    run_of(tmp_path / "run", corpus)

    drawn = sample(tmp_path / "run", seconds=0.05, weights="int8", out=tmp_path / "out")

    assert "bits a sample" in drawn.cost
    assert drawn.files[0].exists()
