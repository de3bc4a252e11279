"""A run whose label may be left out: trained on folders, drawn of one of them, or of any."""

import numpy as np
import pytest
import soundfile

RATE = 8000


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Six tones in two folders, whose names are their labels: the path of their corpus."""
    from typica.data.folder import FolderSource
    from typica.data.prepare import prepare

    folder, time = tmp_path_factory.mktemp("kinds"), np.arange(RATE // 2) / RATE
    for name, hertz in (("low", 200), ("high", 1500)):
        (folder / name).mkdir()
        for number in range(3):
            tone = np.sin(2 * np.pi * hertz * (1 + number / 10) * time) / 2
            soundfile.write(folder / name / f"{number}.wav", tone, RATE)
    source = FolderSource(folder, "CC0-1.0", "folders")
    place = tmp_path_factory.mktemp("corpora") / "kinds"
    return str(prepare(source, place, rate=RATE, workers=1).path)


def words(corpus, labels):
    made = ("train", "jukebox", "--data", corpus, "--preset", "tiny", "--name", "kinds")
    return (
        *made,
        "--device",
        "cpu",
        "--set",
        f"model.labels={labels}",
        "--set",
        "training.steps=8",
    )


@pytest.fixture(scope="module")
def trained(kinds, tmp_path_factory):
    """A run that is told the label, trained by the command."""
    from typica.cli import main

    home = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TYPICA_RUNS", str(home))
        with pytest.raises(SystemExit) as end:
            main([*words(kinds, 2), "--set", "codes1.learning_rate=1e-2"])
    assert not end.value.code
    return home / "kinds"


def test_clips_are_of_the_label_that_is_named_or_of_none(call, trained, tmp_path):
    sounds = {}
    for name in ("low", "high", ""):
        label, out = ("--label", name) if name else (), tmp_path / (name or "none")
        status, _, said = call("sample", trained, "--seconds", 0.1, *label, "-o", out)
        assert status == 0, said
        sounds[name] = (out / "kinds-seed0.wav").read_bytes()

    assert len(set(sounds.values())) == 3


def test_a_stream_is_of_the_label_that_is_named_and_goes_on_so(call, trained, tmp_path):
    stream = ("stream", trained, "--no-monitor", "--seconds", 0.1)
    for name, label in (("low", ("--label", "low")), ("none", ())):
        state = ("--save-state", tmp_path / f"{name}.state", "-o", tmp_path / f"{name}.wav")
        assert call(*stream, *label, *state)[0] == 0
        again = ("--state", tmp_path / f"{name}.state", "-o", tmp_path / f"{name}-again.wav")
        assert call(*stream, *again)[0] == 0

    for end in (".wav", "-again.wav"):
        low, none = ((tmp_path / f"{name}{end}").read_bytes() for name in ("low", "none"))
        assert low != none


def test_what_is_no_label_is_said_in_one_line(call, trained, kinds, tones, tmp_path):
    for command, sentence in (
        (("sample", trained, "--label", "lwo"), "no class 'lwo': did you mean 'low'?"),
        (words(kinds, 3), "kinds has 2 classes of 'label', and the model takes 3"),
        (words(tones, 2), "must be told 'label' and tones holds nothing besides"),
    ):
        status, _, said = call(*command)

        assert status == 2
        assert sentence in said.splitlines()[-1]


def test_a_report_on_recordings_without_labels_is_made_without_one(call, trained, tones, tmp_path):
    draws = ("--count", 1, "--sample-seconds", 0.2, "-o", tmp_path / "report")
    status, _, said = call("evaluate", trained, "--data", tones, "--split", "train", *draws)

    assert status == 0, said
    assert (tmp_path / "report" / "report.html").exists()
