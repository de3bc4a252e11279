from typica.data.corpora.ljspeech import LJSpeech


def test_quotation_marks_that_are_never_closed_lose_no_line(archive, prepared, recordings):
    lines = [
        'LJ001-0001|"Printing, in 1455, said he|"Printing, in fourteen fifty-five, said he',
        "LJ001-0002|in being comparatively modern.|in being comparatively modern.",
        'LJ001-0003|He said: "no"; it\'s é|He said: "no"; it\'s é',
    ]
    archive.text("metadata.csv", *lines)
    for number in (1, 2, 3):
        archive.wav(f"wavs/LJ001-000{number}.wav", rate=22050)

    corpus, refused = prepared(LJSpeech)

    assert refused == {}
    assert len(corpus.recordings()) == 3
    assert recordings(corpus)["wavs/LJ001-0001.wav"].facts == {
        "text": '"Printing, in 1455, said he',
        "normalised_text": '"Printing, in fourteen fifty-five, said he',
    }
    assert {one.split for one in corpus.recordings()} == {"train", "valid", "test"}


def test_what_is_damaged_is_told(archive, prepared):
    archive.text("metadata.csv", "LJ1|a|a", "LJ2|two fields", "", "LJ3|c|c", "LJ4|d|d", "LJ1|x|x")
    archive.wav("wavs/LJ1.wav")
    archive.bytes("wavs/LJ4.wav", b"")

    corpus, refused = prepared(LJSpeech)

    (one,) = corpus.recordings()
    assert one.facts["text"] == "a"  # the first line that names it
    assert refused == {
        "metadata.csv, line 2": "damaged line: there must be three fields",
        "wavs/LJ3.wav": "missing file",
        "wavs/LJ4.wav": "empty file",
    }
