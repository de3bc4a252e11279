import pytest
import soundfile

from typica.data.corpora.maps import Maps

PIECES = [
    ("AkPnBcht", "alb_se3"),
    ("AkPnBcht", "bk_xmas1"),
    ("StbgTGd2", "chpn_op7_1"),
    ("ENSTDkAm", "bk_xmas1"),
    ("ENSTDkCl", "ty_mai"),
]


def stem(piano, piece):
    return f"MAPS_MUS-{piece}_{piano}"


@pytest.fixture
def original(archive):
    for piano, piece in PIECES:
        path = f"{piano}/MUS/{stem(piano, piece)}"
        archive.wav(f"{path}.wav", rate=44100, channels=2)
        archive.text(
            f"{path}.txt",
            "OnsetTime\tOffsetTime\tMidiPitch",
            "0.1\t0.4\t60",
            "0.2\t0.6\t64",
            "0.3\t0.3\t67",  # without length: never heard
        )
    archive.wav("AkPnBcht/ISOL/NO/MAPS_ISOL_NO_F_S0_M23_AkPnBcht.wav")


def test_the_disklaviers_are_the_test_and_their_pieces_are_not_trained_on(
    original, prepared, recordings
):
    corpus, refused = prepared(Maps)

    assert refused == {
        f"AkPnBcht/MUS/{stem('AkPnBcht', 'bk_xmas1')}.wav": (
            "held back: its piece is played in the test split too"
        )
    }
    tested = {one.facts["piece"] for one in corpus.recordings("test")}
    assert tested == {"bk_xmas1", "ty_mai"}
    others = {one.facts["piece"] for s in ("train", "valid") for one in corpus.recordings(s)}
    assert others == {"alb_se3", "chpn_op7_1"}
    assert all(one.group == one.facts["piece"] for one in corpus.recordings())
    assert corpus.labels == ["AkPnBcht", "ENSTDkAm", "ENSTDkCl", "StbgTGd2"]


def test_notes_are_those_of_the_text_file(original, prepared):
    corpus, _ = prepared(Maps)

    notes = corpus.notes(corpus.recordings("test")[0])
    assert notes.pitch.tolist() == [60, 64]
    assert notes.onset_s.tolist() == [0.1, 0.2]
    assert notes.offset_s.tolist() == [0.4, 0.6]


def test_the_copy_in_flac_is_read_with_velocities(archive, prepared, recordings):
    for piano, piece in PIECES:
        name = stem(piano, piece)
        archive.wav("x.wav")
        (archive.root / "flac").mkdir(exist_ok=True)
        soundfile.write(archive.root / f"flac/{name}.flac", *soundfile.read(archive.root / "x.wav"))
        archive.text(f"tsv/matched/{name}.tsv", "# onset,offset,note,velocity", "0.1\t0.4\t60\t77")
    (archive.root / "x.wav").unlink()

    corpus, refused = prepared(Maps)

    assert len(refused) == 1
    found = recordings(corpus)[f"flac/{stem('ENSTDkCl', 'ty_mai')}.flac"]
    assert corpus.notes(found).velocity.tolist() == [77]


@pytest.mark.parametrize("line", ["0.1\t0.4", "0.1\t0.4\t60\t80", "0.1\t0.4\tC4", "nan\t0.4\t60"])
def test_damaged_notes_are_told(archive, original, prepared, line):
    path = f"ENSTDkCl/MUS/{stem('ENSTDkCl', 'ty_mai')}"
    archive.text(f"{path}.txt", "OnsetTime\tOffsetTime\tMidiPitch", line)

    _, refused = prepared(Maps)

    assert refused[f"{path}.wav"].startswith("damaged notes: ")
