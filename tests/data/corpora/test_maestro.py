import pytest

from typica.core.errors import DataError
from typica.data.corpora.maestro import Maestro

HEADER = "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration"
PIECES = [
    ("Frédéric Chopin", 'Étude, Op. 10, "Torrent"', "train", 2004, "2004/a"),
    ("Frédéric Chopin", 'Étude, Op. 10, "Torrent"', "train", 2006, "2006/b"),
    ("Franz Liszt", "Sonata", "validation", 2018, "2018/c"),
    ("Franz Liszt", "Other", "test", 2018, "2018/d"),
]


def rows():
    return [
        {
            "canonical_composer": composer,
            "canonical_title": title,
            "split": split,
            "year": year,
            "midi_filename": f"{stem}.midi",
            "audio_filename": f"{stem}.wav",
            "duration": 0.6,
        }
        for composer, title, split, year, stem in PIECES
    ]


def quoted(value):
    text = str(value).replace('"', '""')
    return f'"{text}"' if {",", '"'} & set(text) else text


def table(archive, *more, encoding="utf-8"):
    lines = [",".join(map(quoted, row.values())) for row in rows()]
    archive.text("maestro-v2.0.0.csv", HEADER, *lines, *more, encoding=encoding)


@pytest.fixture
def sounds(archive):
    for number, (*_, stem) in enumerate(PIECES):
        archive.wav(f"{stem}.wav", rate=44100, channels=2)
        archive.midi(f"{stem}.midi", (60 + number, 0.0, 0.2, 50), (72, 0.25, 0.9, 90))


def test_splits_are_those_that_the_table_gives(archive, sounds, prepared, recordings):
    table(archive)

    corpus, refused = prepared(Maestro)

    assert refused == {}
    assert {name: one.split for name, one in recordings(corpus).items()} == {
        "2004/a.wav": "train",
        "2006/b.wav": "train",
        "2018/c.wav": "valid",
        "2018/d.wav": "test",
    }
    assert corpus.labels == ["Franz Liszt", "Frédéric Chopin"]
    assert recordings(corpus)["2004/a.wav"].facts == {
        "composer": "Frédéric Chopin",
        "title": 'Étude, Op. 10, "Torrent"',
        "year": "2004",
    }


def test_notes_are_those_of_the_midi_file_and_may_outlast_the_sound(
    archive, sounds, prepared, recordings
):
    table(archive)

    corpus, _ = prepared(Maestro)

    notes = corpus.notes(recordings(corpus)["2006/b.wav"])
    assert notes.pitch.tolist() == [61, 72]
    assert notes.velocity.tolist() == [50, 90]
    assert notes.onset_s == pytest.approx([0, 0.25], abs=1e-3)
    assert notes.offset_s == pytest.approx([0.2, 0.9], abs=1e-3)


def test_notes_ring_on_while_the_pedal_is_down(archive, sounds, prepared, recordings):
    table(archive)
    archive.midi("2004/a.midi", (60, 0.0, 0.1, 50), (72, 0.25, 0.9, 90), controls={64: 127})

    corpus, _ = prepared(Maestro)

    notes = corpus.notes(recordings(corpus)["2004/a.wav"])
    assert notes.offset_s.min() > 0.8


@pytest.mark.parametrize("form", ["rows", "columns"])
def test_both_forms_of_the_json_file_say_the_same_as_the_table(archive, sounds, form, tmp_path):
    table(archive)
    items = Maestro(archive.root).items()
    (archive.root / "maestro-v2.0.0.csv").unlink()
    whole = rows()
    columns = {name: {str(i): row[name] for i, row in enumerate(whole)} for name in whole[0]}

    archive.json("maestro-v3.0.0.json", whole if form == "rows" else columns)

    assert Maestro(archive.root).items() == items


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-8-sig"])
def test_a_table_that_another_program_saved_is_read(archive, sounds, encoding):
    table(archive)
    items = Maestro(archive.root).items()

    table(archive, encoding=encoding)

    assert Maestro(archive.root).items() == items


def test_what_is_damaged_is_told_and_the_rest_is_read(archive, sounds, prepared):
    table(archive, "A,B,train,2004,x", "A,B,dev,2004,2004/a.midi,2004/x.wav,1")
    (archive.root / "2018/c.wav").unlink()
    archive.bytes("2018/d.midi", b"MThd broken")

    corpus, refused = prepared(Maestro)

    assert len(corpus.recordings()) == 2
    assert refused.pop("2018/d.wav").startswith("not a MIDI file")
    assert refused == {
        "line 6 of the table": "damaged line of the table",
        "2004/x.wav": "unknown split: 'dev'",
        "2018/c.wav": "missing file: 2018/c.wav",
    }


def test_values_of_any_kind_in_the_json_file_are_told(archive, sounds, prepared):
    wrong = [rows()[0] | {"split": ["train"], "audio_filename": f"{n}.wav"} for n in range(2)]
    incomplete = {name: rows()[0][name] for name in ("split", "audio_filename")}
    archive.json("maestro-v2.0.0.json", [*rows(), *wrong, "no row", incomplete])

    _, refused = prepared(Maestro)

    unknown = {f"{n}.wav": "unknown split: ['train']" for n in range(2)}
    damaged = {f"line {n} of the table": "damaged line of the table" for n in (7, 8)}
    assert refused == unknown | damaged


def test_damaged_tables_are_refused_as_a_whole(archive):
    archive.text("maestro-v1.0.0.csv", "split,year", "train,2004")
    with pytest.raises(DataError, match="has no column 'midi_filename'"):
        Maestro(archive.root).items()

    (archive.root / "maestro-v1.0.0.csv").unlink()
    archive.text("maestro-v1.0.0.json", "[{")
    with pytest.raises(DataError, match=r"maestro-v1.0.0.json cannot be read"):
        Maestro(archive.root).items()
