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
