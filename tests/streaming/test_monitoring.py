"""A run finds its monitor, or calibrates one on what was held out."""

import shutil

import numpy as np
import pytest
import soundfile

from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.files import digest
from typica.core.progress import Progress
from typica.core.run import WEIGHTS, Run, write_model
from typica.data.folder import FolderSource
from typica.data.prepare import prepare
from typica.streaming.monitoring import FILE, find_monitor, monitor_for
from typica.streaming.performance import perform

RATE = 2000


class Listener(Progress):
    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Forty recordings of notes, half a minute each, at two kilohertz."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for number in range(40):
        time = np.arange(30 * RATE) / RATE
        pitch = 100 * 2 ** (rng.integers(0, 24, 60) / 12)
        phase = np.cumsum(2 * np.pi * pitch.repeat(RATE // 2) / RATE)
        audio = 0.3 * np.sin(phase) * np.exp(-(time % 0.5) * 3)
        soundfile.write(folder / f"{number}.wav", audio, RATE)
    out = tmp_path_factory.mktemp("corpus") / "notes"
    return prepare(FolderSource(folder), out, rate=RATE, workers=1)


def build_run(folder, **corpus):
    model = registry.build("wavenet", "tiny")
    settings = {"system": "wavenet", "rate": RATE, "model": model.config.to_dict()}
    folder.mkdir(parents=True)
    write_model(folder, model, settings | ({"corpus": corpus} if corpus else {}))
    return Run(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory, corpus):
    told = {"name": corpus.name, "path": str(corpus.path), "fingerprint": corpus.fingerprint}
    return build_run(tmp_path_factory.mktemp("runs") / "run", **told)


@pytest.fixture(scope="module")
def first(run):
    """The monitor that is calibrated where there was none, and what is said of it."""
    said = Listener()
    return monitor_for(run, StepEngine(run.model), progress=said), said


def test_it_is_calibrated_once_on_what_was_held_out(run, corpus, first):
    monitor, said = first
    again = monitor_for(run, StepEngine(run.model), progress=said)

    held = corpus.recordings("valid") or corpus.recordings("test")
    assert monitor.calibration["recordings"] == len(held)
    assert monitor.calibration["weights"] == digest(run.path / WEIGHTS)
    assert again.limits == monitor.limits
    assert sum("calibrating" in sentence for sentence in said.said) == 1


def test_a_monitor_of_other_weights_is_not_taken(run, first, tmp_path):
    copied, said = Run(shutil.copytree(run.path, tmp_path / "run")), Listener()
    first[0].noting(weights="other").save(copied.path / FILE)

    assert find_monitor(copied, said) is None
    assert "trained further" in said.said[0]


def test_another_rate_of_alarms_is_calibrated_anew(run, first, tmp_path):
    copied = Run(shutil.copytree(run.path, tmp_path / "run"))
    stricter = monitor_for(copied, StepEngine(copied.model), alarms_per_hour=0.1)

    assert stricter.calibration["alarms_per_hour"] == 0.1
    assert stricter.limits["level 1 s"].low < first[0].limits["level 1 s"].low


def test_without_a_corpus_it_knows_what_needs_none_and_says_so(tmp_path):
    run, said = build_run(tmp_path / "run"), Listener()
    monitor = monitor_for(run, StepEngine(run.model), progress=said)

    assert not monitor.is_calibrated
    assert set(monitor.limits) == {
        *(f"martingale {length:g} s" for length in monitor.grid.windows_s),
        "silence",
    }
    assert "no loops" in said.said[0]
    assert not (run.path / FILE).exists()  # the corpus may be at hand next time


def test_a_corpus_that_was_changed_is_no_reference(tmp_path, corpus):
    run = build_run(
        tmp_path / "run", name=corpus.name, path=str(corpus.path), fingerprint="another"
    )
    said = Listener()

    assert not monitor_for(run, StepEngine(run.model), progress=said).is_calibrated
    assert "not as it was" in said.said[0]


def test_no_more_is_listened_to_than_was_promised(run, tmp_path):
    copied, said = Run(shutil.copytree(run.path, tmp_path / "run")), Listener()
    (copied.path / FILE).unlink(missing_ok=True)

    monitor = monitor_for(copied, StepEngine(copied.model), seconds=100, progress=said)

    assert 70 < monitor.calibration["hours"] * 3600 <= 100
    assert "on 2 min of held-out recordings" in said.said[0]


def test_a_run_plays_watched_by_its_monitor(run, first):
    engine = StepEngine(run.model)
    at_one = perform(engine, run)
    colder = perform(engine, run, temperature=0.8)
    alone = perform(engine, run, monitor=False)

    assert at_one.limits["martingale 1 s"][0] < 0
    assert "martingale 1 s" not in colder.limits
    assert "level 1 s" in colder.limits
    assert alone.monitor is None
    assert alone.limits == {}
    assert len(next(alone).audio) == alone.block
