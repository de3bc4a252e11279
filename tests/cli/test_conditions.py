"""Telling a run what to play, class by class, as a musician types it."""

import json
import re
import shutil

import pytest
import soundfile
import torch
import yaml

from typica.core import registry
from typica.core.condition import Track

for package in ("pretty_midi", "midirenderer"):
    pytest.importorskip(package)

# A system that is told an instrument and a pitch: what it draws hangs on the last sample and both.
SYSTEM = '''
"""Levels of which each is drawn by the one before, the instrument and the pitch."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.distributions import Categorical

from typica.core.condition import Need, check_condition
from typica.core.config import Config
from typica.core.model import EndlessModel
from typica.signal.quantise import quantiser


@dataclass(frozen=True)
class ToldConfig(Config):
    """Sizes: how many instruments and pitches there are."""

    instruments: int = 2
    pitches: int = 3


class Told(EndlessModel):
    """See the module's docstring."""

    config_type = ToldConfig
    conditioning = ("sparse",)

    def __init__(self, config):
        super().__init__(config)
        self.quantiser = quantiser("mulaw", 8)
        self.past = nn.Embedding(256, 256)
        self.instrument = nn.Embedding(config.instruments, 256)
        self.pitch = nn.Embedding(config.pitches, 256)

    base_measure = "8-bit mu-law levels"

    @property
    def needs(self):
        return {"instrument": Need(self.config.instruments), "pitch": Need(self.config.pitches)}

    @property
    def initial(self):
        return 128

    def symbols(self, x):
        return self.quantiser.encode(x[:, 0])

    def render(self, symbols):
        return self.quantiser.decode(symbols)[:, None]

    def start(self, count, condition=None):
        check_condition(condition, self.needs, count)
        return sum(getattr(self, name)(condition[name].values) for name in self.needs)

    def advance(self, previous, state):
        logits = self.past(previous) + state[:, None]
        return Categorical(logits=logits, validate_args=False), state
'''
PRESET = """
model: {}
data: {crop: 800, batch: 6}
training: {steps: 40}
likelihood: {learning_rate: 0.3}
"""
CLASSES = {"instrument": ["flute", "piano"], "pitch": [60, 62, 64]}
PIANO_62 = ("--condition", "pitch=62", "--condition", "instrument=piano")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Six notes: two instruments at three pitches."""
    from typica.data.corpora.single_notes import SingleNotes
    from typica.data.prepare import prepare

    source = SingleNotes(["piano", "flute"], [60, 62, 64], [100])
    return prepare(source, tmp_path_factory.mktemp("notes") / "notes", rate=8000, workers=1)


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    """Put the system where systems are found, with a preset."""
    from typica.systems import autoregressive

    folder = tmp_path_factory.mktemp("systems")
    (folder / "told.py").write_text(SYSTEM)
    (folder / "tiny.yaml").write_text(PRESET)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autoregressive, "__path__", [*autoregressive.__path__, str(folder)])
        patch.setattr(registry, "_preset_folder", lambda name: folder)
        registry.families.cache_clear()
        yield
    registry.families.cache_clear()


@pytest.fixture(scope="module")
def trained(systems, corpus, tmp_path_factory):
    """A run of the system on the notes, trained by the command."""
    from typica.cli import main

    home = tmp_path_factory.mktemp("runs")
    words = ["train", "told", "--data", str(corpus.path), "--preset", "tiny", "--name", "notes"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TYPICA_RUNS", str(home))
        with pytest.raises(SystemExit) as end:
            main([*words, "--device", "cpu"])
    assert not end.value.code
    return home / "notes"


def loaded(run):
    from typica.core.run import load

    return load(run, "cpu")


def about(instrument, pitch):
    """Return the condition that a run is told, by numbers, in another way than the commands."""
    numbers = {"instrument": ["flute", "piano"].index(instrument), "pitch": (pitch - 60) // 2}
    return {name: Track(torch.tensor([number])) for name, number in numbers.items()}


def copy(run, to, change):
    """Copy a run, with its `config.yaml` changed."""
    from typica.core.run import MANIFEST

    shutil.copytree(run, to)
    config = yaml.safe_load((to / "config.yaml").read_text())
    change(config)
    (to / "config.yaml").write_text(yaml.safe_dump(config))
    assert (to / MANIFEST).exists()
    return to


def test_a_run_keeps_the_names_of_the_classes_it_is_told(trained):
    config = yaml.safe_load((trained / "config.yaml").read_text())

    assert config["corpus"]["classes"] == CLASSES


@pytest.mark.parametrize("pitch", [60, 64])
def test_clips_are_drawn_of_the_classes_that_are_named(call, trained, tmp_path, pitch):
    words = ("--condition", f"pitch={pitch}", "--condition", "instrument=piano")
    drawn = [*("sample", trained, "--seconds", 0.05, "--count", 2), "-o", tmp_path]

    status, _, said = call(*drawn, *words)

    assert status == 0, said
    told = json.loads((tmp_path / "notes-seed0.json").read_text())
    assert told["conditions"] == [f"pitch={pitch}", "instrument=piano"]
    run = loaded(trained)
    for name, log_prob in zip(told["files"], told["log_prob"], strict=True):
        audio = torch.from_numpy(soundfile.read(tmp_path / name, dtype="float32")[0])[None, None]
        prices = {
            (instrument, other): float(run.log_prob(audio, about(instrument, other)))
            for instrument in CLASSES["instrument"]
            for other in CLASSES["pitch"]
        }
        assert prices.pop(("piano", pitch)) == pytest.approx(log_prob, rel=1e-4)
        assert all(abs(price - log_prob) > 1 for price in prices.values())


def test_numbers_may_be_written_in_any_way(call, trained, tmp_path):
    for folder, pitch in (("a", "62"), ("b", "62.0"), ("c", "062"), ("d", "64")):
        words = ("--condition", f"pitch={pitch}", "--condition", "instrument=piano")
        assert call("sample", trained, "--seconds", 0.05, "-o", tmp_path / folder, *words)[0] == 0

    a, b, c, d = ((tmp_path / name / "notes-seed0.wav").read_bytes() for name in "abcd")
    assert a == b == c != d


@pytest.mark.parametrize(("instrument", "pitch"), [("piano", 62), ("flute", 64)])
def test_recordings_are_scored_as_of_the_classes_named(
    call, trained, corpus, tmp_path, instrument, pitch
):
    recording = corpus.recordings()[0]
    audio = corpus.audio(recording)
    soundfile.write(tmp_path / "note.wav", audio[0].numpy(), corpus.rate)
    words = ("--condition", f"instrument={instrument}", "--condition", f"pitch={pitch}", "--json")

    status, printed, said = call("score", trained, tmp_path / "note.wav", *words)

    assert status == 0, said
    (score,) = json.loads(printed)["scores"]
    told = float(loaded(trained).log_prob(audio[None], about(instrument, pitch)))
    assert score["log_prob"] == pytest.approx(told, rel=1e-5)


def test_a_stream_is_of_the_classes_named_and_goes_on_so(call, trained, tmp_path):
    words = ("stream", trained, "--no-monitor", "--seconds", 0.2)
    report, state = tmp_path / "report.json", tmp_path / "state"
    first = (*words, *PIANO_62, "-o", tmp_path / "a.wav", "--report", report)
    second = (*words, "--state", state, "-o", tmp_path / "b.wav")

    for command in ((*first, "--save-state", state), second):
        status, _, said = call(*command)
        assert status == 0, said
    status, _, said = call(*second, *PIANO_62)

    assert status == 2
    assert "--state goes on as that stream began: leave --condition out" in said
    assert json.loads(report.read_text())["conditions"] == ["pitch=62", "instrument=piano"]
    run = loaded(trained)
    for name in ("a.wav", "b.wav"):
        audio = torch.from_numpy(soundfile.read(tmp_path / name, dtype="float32")[0])[None, None]
        own = float(run.log_prob(audio, about("piano", 62)))
        others = [about("flute", 62), about("piano", 60), about("piano", 64)]
        assert all(own > float(run.log_prob(audio, other)) + 5 for other in others)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "give --condition instrument=VALUE and --condition pitch=VALUE"),
        (["pitch=60"], "notes is told what to play: give --condition instrument=VALUE"),
        (["pitch"], "--condition takes NAME=VALUE, as in pitch=60; got 'pitch'"),
        (["=60"], "--condition takes NAME=VALUE, as in pitch=60; got '=60'"),
        (["pitch=60", "pitch=62"], "--condition gives 'pitch' twice: '60' and '62'"),
        (["pich=60"], "notes is told no 'pich': did you mean 'pitch'?"),
        (["pitch=61", "instrument=piano"], "no pitch '61': choose from 60, 62, 64"),
        (["pitch=nan", "instrument=piano"], "no pitch 'nan': choose from 60, 62, 64"),
        (["pitch=60", "instrument=fluet"], "no instrument 'fluet': did you mean 'flute'?"),
        (["pitch=60", "instrument=0"], "no instrument '0': choose from flute, piano"),
    ],
)
def test_what_cannot_be_told_is_said_in_one_line(call, trained, tmp_path, words, sentence):
    options = [part for one in words for part in ("--condition", one)]

    for command in (("sample", trained, "-o", tmp_path / "x"), ("stream", trained, "-o", "x.wav")):
        status, printed, said = call(*command, "--seconds", 0.05, *options)

        assert status == 2
        assert printed == ""
        assert sentence in said.splitlines()[-1]
    assert not (tmp_path / "x").exists()


def test_a_label_is_no_other_class(call, trained, tmp_path):
    status, _, said = call("sample", trained, *PIANO_62, "--label", "piano", "-o", tmp_path / "x")

    assert status == 2
    assert "notes is not told any such thing: leave --label out" in said


def without_classes(config):
    del config["corpus"]["classes"]


def without_corpus(config):
    del config["corpus"]


def of_another_corpus(config):
    without_classes(config)
    config["corpus"]["fingerprint"] = "another"


def of_a_corpus_that_is_gone(config):
    without_classes(config)
    config["corpus"] |= {"path": "/nowhere", "name": "gone"}


def with_a_class_more(config):
    config["corpus"]["classes"]["pitch"].append(65)


def test_a_run_that_does_not_name_its_classes_asks_its_corpus(call, trained, tmp_path):
    older = copy(trained, tmp_path / "notes", without_classes)
    for run, out in ((trained, "a"), (older, "b")):
        words = ("--seconds", 0.05, *PIANO_62, "-o", tmp_path / out)
        assert call("sample", run, *words)[0] == 0

    first, again = ((tmp_path / out / "notes-seed0.wav").read_bytes() for out in "ab")
    assert first == again


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without_corpus, r"does not say what it was trained on, so its classes have no names"),
        (of_another_corpus, r"the corpus notes is not as it was when other was trained"),
        (of_a_corpus_that_is_gone, r"there is no corpus 'gone' here or in "),
        (with_a_class_more, r"is told 3 classes of 'pitch' and there are 4 in notes"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_classes_that_nobody_can_name_are_refused(call, trained, tmp_path, change, sentence):
    run = copy(trained, tmp_path / "other", change)

    status, printed, said = call("sample", run, *PIANO_62, "-o", tmp_path / "x")

    assert status == 2
    assert printed == ""
    assert re.search(sentence, said)
    assert said.count("\n") == 1


def test_a_run_with_names_needs_its_corpus_no_more(call, trained, tmp_path):
    def gone(config):
        config["corpus"] |= {"path": "/nowhere", "name": "gone"}

    run = copy(trained, tmp_path / "notes", gone)

    assert call("sample", run, "--seconds", 0.05, *PIANO_62, "-o", tmp_path / "x")[0] == 0
