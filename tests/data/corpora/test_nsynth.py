import json

import pytest

from typica.core.errors import DataError
from typica.data.corpora import nsynth
from typica.data.corpora.nsynth import NSynth, json_entries

NOTES = {
    "train": [
        "bass_synthetic_033-036-050",
        "bass_synthetic_033-040-050",
        "flute_acoustic_002-060-127",
    ],
    "valid": ["organ_electronic_007-048-025"],
    "test": ["reed_acoustic_011-055-100"],
}


def entry(name):
    instrument, pitch, velocity = name.split("-")
    family, source, _ = instrument.rsplit("_", 2)
    return {
        "note": 1,
        "note_str": name,
        "instrument": 3,
        "instrument_str": instrument,
        "pitch": int(pitch),
        "velocity": int(velocity),
        "sample_rate": 16000,
        "qualities": [0, 1] + [0] * 8,
        "qualities_str": ["dark"],
        "instrument_family": 0,
        "instrument_family_str": family,
        "instrument_source": 2,
        "instrument_source_str": source,
    }


@pytest.fixture
def notes(archive):
    for split, names in NOTES.items():
        archive.json(f"nsynth-{split}/examples.json", {name: entry(name) for name in names})
        for name in names:
            archive.wav(f"nsynth-{split}/audio/{name}.wav", seconds=4)


def test_splits_labels_and_notes_are_as_published(notes, prepared, recordings):
    corpus, refused = prepared(NSynth)

    assert refused == {}
    splits = {one.id: one.split for one in corpus.recordings()}
    assert splits == {f"nsynth-{s}/audio/{n}.wav": s for s, names in NOTES.items() for n in names}
    assert corpus.labels == ["bass", "flute", "organ", "reed"]
    assert corpus.classes["pitch"] == [36, 40, 48, 55, 60]
    flute = recordings(corpus)["nsynth-train/audio/flute_acoustic_002-060-127.wav"]
    assert flute.length == 64_000
    assert flute.facts == {
        "instrument": "flute_acoustic_002",
        "pitch": 60,
        "velocity": 127,
        "source": "acoustic",
        "qualities": "dark",
    }
    (note,) = corpus.notes(flute).rows()
    assert (note.pitch, note.velocity, note.onset_s, note.offset_s) == (60, 127, 0.0, 3.0)


def test_a_model_is_told_the_pitch_by_its_class(notes, prepared, recordings):
    corpus, _ = prepared(NSynth)
    chosen = [one for one in corpus.recordings() if one.facts["pitch"] in (36, 60)]

    told = corpus.condition(chosen, [0, 0], 128, ["pitch", "label", "roll"])

    assert told["pitch"].values.tolist() == [0, 4]
    assert told["label"].values.tolist() == [0, 1]
    assert told["roll"].values[:, :, 0].nonzero().tolist() == [[0, 36], [1, 60]]


def test_without_the_published_valid_split_one_is_made_by_instrument(archive, notes, prepared):
    (archive.root / "nsynth-valid/examples.json").unlink()

    corpus, _ = prepared(NSynth)

    valid = {one.facts["instrument"] for one in corpus.recordings("valid")}
    train = {one.facts["instrument"] for one in corpus.recordings("train")}
    assert valid
    assert train
    assert not valid & train


def test_what_is_damaged_is_told(archive, notes, prepared):
    table = {name: entry(name) for name in NOTES["train"]}
    table["a-1-1"] = entry("a_b_c-010-010") | {"pitch": 300}
    table["b-1-1"] = ["no table"]
    table["c-1-1"] = {"pitch": 3}
    table["flute_acoustic_002-061-127"] = entry("flute_acoustic_002-062-127")
    table["gone_acoustic_000-001-025"] = entry("gone_acoustic_000-001-025")
    table["flute_acoustic_002-063-127"] = entry("flute_acoustic_002-063-127") | {
        "qualities_str": [1]
    }
    archive.json("nsynth-train/examples.json", table)
    archive.bytes(f"nsynth-train/audio/{NOTES['train'][0]}.wav", b"RIFF")

    corpus, refused = prepared(NSynth)

    assert len(corpus.recordings()) == 4
    damaged = "damaged entry of examples.json"
    assert refused == {
        "nsynth-train/audio/a-1-1.wav": f"{damaged}: pitch or velocity out of range",
        "nsynth-train/audio/b-1-1.wav": f"{damaged}: not a table",
        "nsynth-train/audio/c-1-1.wav": f"{damaged}: no note_str",
        "nsynth-train/audio/flute_acoustic_002-061-127.wav": f"{damaged}: it differs from its name",
        "nsynth-train/audio/flute_acoustic_002-063-127.wav": f"{damaged}: no qualities_str",
        "nsynth-train/audio/gone_acoustic_000-001-025.wav": "missing file",
        f"nsynth-train/audio/{NOTES['train'][0]}.wav": "broken sound file",
    }


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 20])
def test_a_table_of_any_size_is_read_in_pieces(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(nsynth, "_CHUNK", chunk)
    value = {"a": {"x": [1, "}, \\ é"]}, "b": 12345, "c": {}, "d": None}
    for indent in (None, 4):
        (tmp_path / "x.json").write_text(json.dumps(value, indent=indent))

        assert dict(json_entries(tmp_path / "x.json")) == value


def test_a_table_that_is_cut_is_refused(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({"a": {"x": 1}, "b": {"x": 2}})[:-5])

    with pytest.raises(DataError, match=r"x.json is damaged after 1 entries: unpack it again"):
        list(json_entries(tmp_path / "x.json"))
