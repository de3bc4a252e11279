import pytest

from typica.core.errors import DataError
from typica.data.corpora.sc09 import SC09
from typica.data.corpora.speech_commands import SpeechCommands, split_of

SPEAKERS = ("0a7c2a8d", "1b4c9b89", "3c257192", "5f5806b8")


@pytest.fixture
def words(archive):
    for word in ("zero", "cat"):
        for number, speaker in enumerate(SPEAKERS):
            archive.wav(f"{word}/{speaker}_nohash_{number}.wav", seconds=0.2 + 0.2 * number)
    archive.wav("_background_noise_/pink_noise.wav", seconds=3)
    archive.text(
        "validation_list.txt", *(f"{w}/{SPEAKERS[1]}_nohash_1.wav" for w in ("zero", "cat"))
    )
    archive.text("testing_list.txt", *(f"{w}/{SPEAKERS[2]}_nohash_2.wav" for w in ("zero", "cat")))
    archive.text("LICENSE", "x")


def test_lists_say_what_is_held_out_and_noise_is_none_of_the_words(words, prepared):
    corpus, refused = prepared(SpeechCommands)

    assert refused == {}
    assert corpus.labels == ["cat", "zero"]
    assert len(corpus.recordings()) == 8
    held = {
        split: {one.facts["speaker"] for one in corpus.recordings(split)}
        for split in ("train", "valid", "test")
    }
    assert held == {
        "train": {SPEAKERS[0], SPEAKERS[3]},
        "valid": {SPEAKERS[1]},
        "test": {SPEAKERS[2]},
    }


def test_short_clips_are_kept_as_they_are(words, prepared):
    corpus, _ = prepared(SpeechCommands)

    assert min(one.length for one in corpus.recordings()) == 3200


def test_without_lists_a_speaker_never_crosses_splits(archive, words, prepared):
    for name in ("validation_list.txt", "testing_list.txt"):
        (archive.root / name).unlink()

    corpus, _ = prepared(SpeechCommands)

    for one in corpus.recordings():
        if split_of(one.facts["speaker"]) != "train":
            assert one.split == split_of(one.facts["speaker"])
    splits = {speaker: set() for speaker in SPEAKERS}
    for one in corpus.recordings():
        splits[one.facts["speaker"]].add(one.split)
    assert all(len(found) == 1 for found in splits.values())


def test_the_published_rule_holds_out_a_tenth_of_speakers_twice():
    splits = [split_of(f"{number:08x}") for number in range(20_000)]

    for name, share in (("train", 0.8), ("valid", 0.1), ("test", 0.1)):
        assert splits.count(name) / len(splits) == pytest.approx(share, abs=0.01)


def test_a_file_without_a_speaker_is_told(archive, words, prepared):
    archive.wav("cat/someone.wav")
    archive.bytes("cat/00000000_nohash_0.wav", b"RIFF....")

    _, refused = prepared(SpeechCommands)

    assert refused == {
        "cat/someone.wav": "no speaker in its name",
        "cat/00000000_nohash_0.wav": "broken sound file",
    }


def test_what_the_lists_name_and_is_not_there_is_told(archive, words, prepared):
    archive.text("testing_list.txt", "zero/gone_nohash_0.wav", "zero/3c257192_nohash_2.wav", "")
    (archive.root / f"cat/{SPEAKERS[1]}_nohash_1.wav").unlink()

    _, refused = prepared(SpeechCommands)
    assert refused == {
        "cat/1b4c9b89_nohash_1.wav": "missing file",
        "zero/gone_nohash_0.wav": "missing file",
    }


@pytest.mark.parametrize("name", ["validation_list.txt", "testing_list.txt"])
def test_one_list_without_the_other_is_no_archive(archive, words, name):
    (archive.root / name).unlink()

    with pytest.raises(DataError, match=f"{name} is missing: unpack the archive again"):
        SpeechCommands(archive.root).items()


def test_sc09_takes_the_digits_of_speech_commands(words, prepared):
    corpus, _ = prepared(SC09)

    assert corpus.labels == ["zero"]
    assert len(corpus.recordings()) == 4


def test_sc09_reads_its_own_archive(archive, prepared):
    for split, speaker in zip(("train", "valid", "test"), SPEAKERS, strict=False):
        for word in ("Zero", "Nine"):
            archive.wav(f"{split}/{word}_{speaker}_nohash_0.wav")
    archive.wav("train/Cat_00000000_nohash_0.wav")

    corpus, refused = prepared(SC09)

    assert refused == {"train/Cat_00000000_nohash_0.wav": "no digit and speaker in its name"}
    assert corpus.labels == ["nine", "zero"]
    for split in ("train", "valid", "test"):
        assert len(corpus.recordings(split)) == 2
        assert all(one.id.startswith(split) for one in corpus.recordings(split))
