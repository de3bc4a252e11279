import hashlib

import pytest

from typica.data.corpora import lakh
from typica.data.corpora.lakh import Lakh

for package in ("pretty_midi", "midirenderer"):
    pytest.importorskip(package)


@pytest.fixture
def put(archive):
    """Write a MIDI file under its hash; return its name."""

    def put(folder, *notes):
        archive.midi("x.mid", *notes)
        data = (archive.root / "x.mid").read_bytes()
        (archive.root / "x.mid").unlink()
        name = hashlib.md5(data).hexdigest()
        archive.bytes(f"{folder}/{name}.mid", data)
        return name

    return put


def test_files_are_played_with_their_notes_and_tracks(put, prepared, recordings):
    track = "lmd_matched/A/B/C/TRABCDE128F0000001"
    one = put(track, (60, 0.0, 0.5, 80, 0, 0), (40, 0.25, 0.75, 80, 1, 33))
    put(
        "lmd_matched/A/B/D/TRABDDE128F0000002",
        (60, 0.0, 0.5, 80, 0, 0),
        (40, 0.25, 0.75, 80, 1, 33),
    )
    two = put("lmd_full/0", (70, 0.0, 0.6, 80, 0, 73))

    corpus, refused = prepared(Lakh)

    assert refused == {}  # one file that matches two recordings is read once
    assert set(recordings(corpus)) == {f"{track}/{one}.mid", f"lmd_full/0/{two}.mid"}
    found = recordings(corpus)[f"{track}/{one}.mid"]
    assert found.facts == {"md5": one, "track": "TRABCDE128F0000001"}
    notes = corpus.notes(found)
    assert notes.program.tolist() == [0, 33]
    assert notes.onset_s == pytest.approx([0, 0.25], abs=1e-3)


def test_songs_of_one_name_by_two_artists_are_two(archive, prepared, recordings):
    names = ["ABBA/Waterloo.mid", "ABBA/Waterloo.1.mid", "TRAIN/Waterloo.mid"]
    for number, name in enumerate(names):
        archive.midi(f"clean_midi/{name}", (60 + number, 0.0, 0.6))

    corpus, refused = prepared(Lakh)

    assert refused == {}
    facts = {name: one.facts for name, one in recordings(corpus).items()}
    assert facts == {
        "clean_midi/ABBA/Waterloo.mid": {"artist": "ABBA", "title": "Waterloo"},
        "clean_midi/ABBA/Waterloo.1.mid": {"artist": "ABBA", "title": "Waterloo"},
        "clean_midi/TRAIN/Waterloo.mid": {"artist": "TRAIN", "title": "Waterloo"},
    }


def test_arrangements_of_one_song_are_never_in_two_splits(archive, put):
    track = "lmd_aligned/A/B/C/TRABCDE128F0000001"
    for pitch in (60, 61):
        put(track, (pitch, 0.0, 0.5))
        archive.midi(f"clean_midi/ABBA/Waterloo.{pitch}.mid", (pitch, 0.0, 0.5))
    put("lmd_full/0", (70, 0.0, 0.6))
    source = Lakh(archive.root)

    groups = [source.open(item).group for item in source.items()]

    assert groups == ["ABBA/Waterloo"] * 2 + ["TRABCDE128F0000001"] * 2 + [None]


def test_a_file_that_cannot_be_opened_is_told(archive, put, prepared, monkeypatch):
    from pathlib import Path

    put("lmd_full/0", (60, 0.0, 0.5))
    gone = put("lmd_full/1", (61, 0.0, 0.5))
    read = Path.read_bytes

    def failing(path):
        if path.stem == gone:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", failing)

    _, refused = prepared(Lakh)

    assert refused == {f"lmd_full/1/{gone}.mid": "notes cannot be opened: permission denied"}


def test_broken_files_are_told_and_crash_nothing(archive, put, prepared, monkeypatch):
    monkeypatch.setattr(lakh, "LONGEST_S", 5.0)
    put("lmd_full/0", (60, 0.0, 0.5))
    empty = put("lmd_full/1")
    long = put("lmd_full/2", (60, 0.0, 9.0))
    whole = put("lmd_full/3", (61, 0.0, 0.5))
    data = (archive.root / f"lmd_full/3/{whole}.mid").read_bytes()
    archive.bytes(f"lmd_full/3/{whole}.mid", data[:-9])
    archive.bytes("lmd_full/4/junk.mid", b"\x00" * 40)

    corpus, refused = prepared(Lakh)

    assert len(corpus.recordings()) == 1
    assert refused.pop("lmd_full/4/junk.mid").startswith("not a MIDI file")
    assert refused == {
        f"lmd_full/1/{empty}.mid": "holds no notes",
        f"lmd_full/2/{long}.mid": "too long: 9 s, more than 5 s",
        f"lmd_full/3/{whole}.mid": "damaged: its name is the hash of another file",
    }
