import pytest
import soundfile

from typica.data.corpora.vctk import VCTK

INFO = (
    "ID  AGE  GENDER  ACCENTS  REGION COMMENTS",
    "p225  23  F    English    Southern  England",
    "p226  22  M    English    Surrey",
    "p315  18  M    American    New  England  (no text)",
)
SPEAKERS = ("p225", "p226", "p315")


@pytest.fixture
def new(archive):
    """Version 0.92: flac files of two microphones."""
    archive.text("speaker-info.txt", *INFO)
    for speaker in SPEAKERS:
        for number in (1, 2):
            for microphone in ("mic1", "mic2"):
                name = f"wav48_silence_trimmed/{speaker}/{speaker}_00{number}_{microphone}"
                archive.wav(f"{name}.wav", rate=48000)
                place = archive.root / f"{name}.wav"
                soundfile.write(place.with_suffix(".flac"), *soundfile.read(place))
                place.unlink()
            if speaker != "p315":
                archive.text(f"txt/{speaker}/{speaker}_00{number}.txt", f"Sentence {number}. ")


def test_one_microphone_is_read_and_no_speaker_crosses_splits(new, prepared):
    corpus, refused = prepared(VCTK)

    assert refused == {}
    assert len(corpus.recordings()) == 6
    assert all("_mic1" in one.id for one in corpus.recordings())
    assert corpus.labels == list(SPEAKERS)
    speakers = [
        {one.facts["speaker"] for one in corpus.recordings(split)}
        for split in ("train", "valid", "test")
    ]
    assert sorted(map(len, speakers)) == [1, 1, 1]
    assert set.union(*speakers) == set(SPEAKERS)


def test_texts_and_speakers_become_facts_where_there_are_any(new, prepared, recordings):
    corpus, _ = prepared(VCTK)

    found = recordings(corpus)
    assert found["wav48_silence_trimmed/p225/p225_002_mic1.flac"].facts == {
        "speaker": "p225",
        "age": "23",
        "gender": "F",
        "accent": "English",
        "region": "Southern England",
        "text": "Sentence 2.",
    }
    lost = found["wav48_silence_trimmed/p315/p315_001_mic1.flac"].facts
    assert "text" not in lost
    assert lost["region"] == "New England"


def test_a_lost_text_of_a_speaker_who_has_others_is_told(new, archive, prepared):
    (archive.root / "txt/p226/p226_002.txt").unlink()

    corpus, refused = prepared(VCTK)

    assert len(corpus.recordings()) == 5
    name = "wav48_silence_trimmed/p226/p226_002_mic1.flac"
    assert refused == {name: "missing file: txt/p226/p226_002.txt"}


def test_the_first_version_is_read_too(archive, prepared, recordings):
    archive.text("speaker-info.txt", INFO[0], "225  23  F    English    Southern  England")
    archive.wav("wav48/p225/p225_001.wav", rate=48000)
    archive.bytes("wav48/p225/p225_002.wav", b"RIFF")
    for number in (1, 2):
        archive.text(f"txt/p225/p225_00{number}.txt", "Please call Stella.")

    corpus, refused = prepared(VCTK)

    facts = recordings(corpus)["wav48/p225/p225_001.wav"].facts
    assert (facts["gender"], facts["text"]) == ("F", "Please call Stella.")
    assert refused == {"wav48/p225/p225_002.wav": "broken sound file"}
