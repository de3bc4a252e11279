"""What is misspelt on the command line is told in one line, with its nearest neighbour."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["wavnet"], "there is no system 'wavnet': did you mean 'wavenet'?"),
        (["wavenet", "--preset", "tinny"], "wavenet has no preset 'tinny': did you mean 'tiny'?"),
        (
            ["wavenet", "--preset", "tiny", "--set", "model.chanels=8"],
            "there is no setting 'model.chanels': did you mean 'channels'?",
        ),
        (
            ["wavenet", "--preset", "tiny", "--set", "model.channels=many"],
            "model.channels must be a whole number; got 'many'",
        ),
        (
            ["wavenet", "--preset", "tiny", "--set", "training.seed=-1"],
            "training.seed must be from 0 to below 2^63, got -1",
        ),
    ],
)
@pytest.mark.parametrize("command", ["train", "plan"])
def test_a_setting_that_cannot_be_is_one_line(call, tunes, command, arguments, sentence):
    status, printed, said = call(command, *arguments, "--data", tunes[1].path)

    assert status == 2
    assert printed == ""
    assert said.splitlines()[-1] == f"typica: {sentence}"


def test_a_misspelt_corpus_names_its_neighbour(call, tmp_path, monkeypatch, tunes):
    monkeypatch.setenv("TYPICA_DATA", str(tunes[1].path.parent))
    status, _, said = call("train", "wavenet", "--data", "tuens")

    assert status == 2
    assert "tuens" in said
    assert "did you mean 'tunes'?" in said
