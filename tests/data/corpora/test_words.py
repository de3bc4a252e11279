import stat
import sys

import pytest

from typica.core.errors import DataError
from typica.data.corpora.asterisk_words import AsteriskWords, word_of
from typica.data.corpora.espeak_words import WORDS, EspeakWords
from typica.data.corpora.ktuberling_words import KTuberlingWords
from typica.data.prepare import prepare

SPEAKER = """#!{python}
import sys, wave, zlib
if "--version" in sys.argv:
    print("eSpeak NG text-to-speech: 1.51  Data at: /x")
    sys.exit()
word = sys.argv[-1]
voice, out = (sys.argv[sys.argv.index(key) + 1] for key in ("-v", "-w"))
if voice == "en-us+m1":
    sys.exit("Error: no such voice")
with wave.open(out, "wb") as file:
    file.setparams((1, 2, 22050, 0, "NONE", ""))
    step = zlib.crc32(" ".join(sys.argv[1:5] + [word]).encode()) % 251 + 5
    file.writeframes(b"".join((n * step % 20000).to_bytes(2, "little") for n in range(11025)))
"""


def test_words_of_asterisk_are_named_by_their_files(archive, prepared, recordings):
    for name in ("digits/7", "digits/day-1", "digits/h-2", "letters/q", "phonetic/a_p", "hello"):
        archive.wav(f"{name}.wav", rate=8000)
    archive.bytes("digits/8.wav", b"")

    corpus, refused = prepared(AsteriskWords)

    assert refused == {"digits/8.wav": "empty file"}
    assert corpus.labels == ["letter", "number", "spelling"]
    assert {name: one.facts["text"] for name, one in recordings(corpus).items()} == {
        "digits/7.wav": "7",
        "digits/day-1.wav": "monday",
        "digits/h-2.wav": "2nd",
        "letters/q.wav": "q",
        "phonetic/a_p.wav": "a",
    }


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("mon-0", "january"),
        ("h-11", "11th"),
        ("h-23", "23rd"),
        ("day-9", "day-9"),
        ("pound", "pound"),
    ],
)
def test_names_of_files_are_understood(name, word):
    assert word_of(name) == word


def test_words_of_ktuberling_are_named_by_the_themes(archive, prepared, recordings):
    for name in ("en/ball", "ca/pilota"):
        archive.wav(f"{name}.wav")
    sound = '<sound name="ball" file="{}"/>'
    lines = [sound.format("ca/pilota.wav"), sound.format("ca/x.wav"), sound.format("../x.wav")]
    archive.text("ca.soundtheme", "<language code='ca'>", *lines, "</language>")
    archive.text("en.soundtheme", "<language>", sound.format("en/ball.wav"), "</language>")
    archive.text("fr.soundtheme", "<language>")

    corpus, refused = prepared(KTuberlingWords)

    assert refused == {
        "ca/x.wav": "missing file",
        "ca.soundtheme: ../x.wav": "damaged line of a sound theme",
        "fr.soundtheme": "damaged sound theme",
    }
    assert corpus.labels == ["ball"]
    assert corpus.classes == {"language": ["ca", "en"]}
    assert recordings(corpus)["ca/pilota.wav"].facts == {"language": "ca"}


@pytest.fixture
def speaker(tmp_path, monkeypatch):
    """A program that takes the place of espeak-ng; one voice of it fails."""
    path = tmp_path / "bin" / "espeak-ng"
    path.parent.mkdir()
    path.write_text(SPEAKER.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(path.parent))


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr("typica.data.corpora.espeak_words.WORDS", ("one", "two"))
    monkeypatch.setattr("typica.data.corpora.espeak_words.VARIANTS", ("m1", "f1"))
    monkeypatch.setattr("typica.data.corpora.espeak_words.ACCENTS", ("en-us", "en-gb", "en-029"))
    monkeypatch.setattr("typica.data.corpora.espeak_words.SPEEDS", (130,))


def test_a_voice_of_espeak_stays_in_one_split_and_one_that_fails_is_told(speaker, few, tmp_path):
    corpus = prepare(EspeakWords(), tmp_path / "x", workers=1)

    assert corpus.labels == ["one", "two"]
    assert len(corpus.recordings()) == 10
    splits = {}
    for one in corpus.recordings():
        splits.setdefault(one.facts["speaker"], set()).add(one.split)
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {"train", "valid", "test"}
    refused = (corpus.path / "refused.jsonl").read_text()
    assert refused.count("espeak-ng failed: Error: no such voice") == 2


def test_without_espeak_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert not EspeakWords().is_ready
    with pytest.raises(DataError, match="needs the program espeak-ng: apt-get install espeak-ng$"):
        EspeakWords().items()
    assert len(WORDS) == 10
