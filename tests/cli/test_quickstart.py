"""typica quickstart, the whole road, with a training of seconds."""

import json
import wave


def test_from_nothing_to_music_and_a_report(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    status, printed, said = call("quickstart", "--minutes", 0.1, "--seconds", 0.5)

    assert status == 0
    sound, page = printed.split()
    assert page == "quickstart/report.html"
    with wave.open(str(tmp_path / sound)) as file:
        assert file.getnframes() == 16000 + 8000  # the prompt of a second, and what was drawn
        began = file.readframes(16000)
    with wave.open(str(tmp_path / "quickstart" / "prompt.wav")) as file:
        assert file.readframes(16000) == began  # as loud as in its recording
    made = {path.name for path in (tmp_path / "quickstart").iterdir()}
    assert made >= {"report.html", "report.json", "learning-curve.png", "spectrogram-1.png"}
    report = json.loads((tmp_path / "quickstart" / "report.json").read_text())
    bits = {row["name"]: row["bits"] for row in report["baselines"]}
    assert report["base_measure"] == "8-bit mu-law levels"
    assert bits["uniform"] == 8
    assert bits["first-order Markov"] < bits["unigram"] < 8
    assert report["bits_per_sample"]["bits"] < 8
    assert "all in" in said
