import subprocess
import sys

import pytest

from typica.core.errors import DataError, MissingFeatureError
from typica.score.chorales import COLLECTED, chorale_files, read_chorale
from typica.score.notes import Note

pytest.importorskip("music21")

QUARTER_S = 0.75


def voice(notes, channel):
    rows = [row for row in notes.rows() if row.channel == channel]
    return [row.pitch for row in rows], [round(row.onset_s / QUARTER_S, 6) for row in rows]


def test_scores_come_in_the_order_of_their_numbers():
    names = list(chorale_files())

    assert len(names) == 407
    assert names[:3] == ["bwv1.6", "bwv2.6", "bwv3.6"]
    assert names.index("bwv9.7") < names.index("bwv66.6") < names.index("bwv248.5")
    assert "bwv846" not in names  # a prelude
    assert all(f"bwv{number}" in names for number in COLLECTED)


def test_the_notes_are_those_of_the_score():
    notes = read_chorale(chorale_files()["bwv66.6"])

    soprano, onsets = voice(notes, 0)
    assert soprano[:10] == [73, 71, 69, 71, 73, 76, 73, 71, 69, 73]
    assert onsets[:10] == [0, 0.5, 1, 2, 3, 4, 5, 6, 7, 8]
    bass, _ = voice(notes, 3)
    assert bass[:8] == [57, 56, 54, 56, 57, 56, 57, 49]
    assert notes.duration_s == 36 * QUARTER_S
    assert set(notes.channel.tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize("name", ["bwv66.6", "bwv267", "bwv276"])
def test_ties_are_joined_as_music21_joins_them(name):
    from music21 import converter

    path = chorale_files()[name]
    score = converter.parse(path, forceSource=True, storePickle=False)
    expected = [
        (channel, pitch.midi, float(element.offset), float(element.duration.quarterLength))
        for channel, part in enumerate(score.parts)
        for element in part.stripTies().flatten().notes
        for pitch in element.pitches
    ]

    found = [
        (row.channel, row.pitch, row.onset_s / QUARTER_S, (row.offset_s - row.onset_s) / QUARTER_S)
        for row in read_chorale(path).rows()
    ]

    flat = [number for note in sorted(found) for number in note]
    assert flat == pytest.approx([number for note in sorted(expected) for number in note])


def test_tempo_is_in_quarters_a_minute():
    path = chorale_files()["bwv281"]

    slow, fast = (read_chorale(path, quarters_per_minute=tempo) for tempo in (60, 120))

    assert slow.duration_s == 32.0
    assert fast.duration_s == 16.0


def score_of(tmp_path, *notes):
    """Write a score of one part in 4/4, one quarter a division, as MusicXML."""
    body = "".join(f"<note>{note}<voice>1</voice></note>" for note in notes)
    path = tmp_path / "small.musicxml"
    path.write_text(
        '<score-partwise version="3.0"><part-list><score-part id="P1"><part-name>One</part-name>'
        '</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>1'
        "</divisions><time><beats>4</beats><beat-type>4</beat-type></time></attributes>"
        f"{body}</measure></part></score-partwise>"
    )
    return path


def c4(duration, tie="", chord=""):
    pitch = "<pitch><step>C</step><octave>4</octave></pitch>"
    return f"{chord}{pitch}<duration>{duration}</duration>{tie}"


def test_a_repeated_note_is_two_and_a_tied_one_is_one(tmp_path):
    start, stop = '<tie type="start"/>', '<tie type="stop"/>'
    path = score_of(tmp_path, c4(1), c4(1), c4(1, tie=start), c4(1, tie=stop))

    notes = read_chorale(path, quarters_per_minute=60)

    assert notes.rows() == [Note(60, 0, 1), Note(60, 1, 2), Note(60, 2, 4)]


def test_grace_notes_are_left_out(tmp_path):
    grace = "<grace/><pitch><step>D</step><octave>4</octave></pitch>"
    path = score_of(tmp_path, grace, c4(2))

    assert read_chorale(path, quarters_per_minute=60).rows() == [Note(60, 0, 2)]


def test_a_damaged_score_is_refused(tmp_path):
    path = tmp_path / "broken.mxl"
    path.write_bytes(b"PK\x03\x04 not a zip")

    with pytest.raises(DataError, match="^not a score that can be read"):
        read_chorale(path)


def test_without_its_package_the_mend_is_named(monkeypatch):
    path = chorale_files()["bwv253"]
    monkeypatch.setitem(sys.modules, "music21", None)

    sentence = r"^reading Bach's chorales needs music21: pip install 'typica\[scores\]'$"
    with pytest.raises(MissingFeatureError, match=sentence):
        chorale_files()
    with pytest.raises(MissingFeatureError, match=sentence):
        read_chorale(path)


READ_WITH_NOBODY_LISTENING = """
import pathlib, socket, tempfile
def refuse(*_): raise AssertionError("the network was asked for")
socket.socket.connect = socket.getaddrinfo = refuse
from typica.score.chorales import chorale_files, read_chorale
assert len(read_chorale(chorale_files()["bwv253"])) == 164
"""


def test_reading_asks_no_network_and_leaves_no_file(tmp_path):
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    environment = {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}

    subprocess.run([sys.executable, "-c", READ_WITH_NOBODY_LISTENING], env=environment, check=True)

    assert list(home.rglob("*")) == []
    assert list(temporary.rglob("*")) == []
