import json
import shutil

import numpy as np
import pytest
import soundfile

from typica.core.config import read_yaml, write_yaml

QUICK = ("--seconds", "2", "--count", "2", "--sample-seconds", "0.25")


@pytest.fixture(scope="module")
def report(run, tmp_path_factory):
    """The folder of a report, and what the command printed."""
    from typica.actions.evaluate import evaluate

    out = tmp_path_factory.mktemp("out") / "report"
    return evaluate(run, seconds=2, count=2, sample_seconds=0.25, out=out)


def test_a_report_holds_a_page_figures_and_sounds(report):
    assert {path.name for path in report.page.parent.iterdir()} == {
        "report.html",
        "report.json",
        "sample-1.wav",
        "sample-2.wav",
        "spectrogram-1.png",
        "spectrogram-2.png",
        "learning-curve.png",
    }


def test_the_report_tells_what_was_done_and_how_to_go_on(report, run, tunes):
    told = json.loads((report.page.parent / "report.json").read_text())

    assert told["verdict"]["word"] == "undertrained"
    assert told["bits_per_sample"]["bits"] == pytest.approx(8, abs=1e-3)
    assert told["split"] == "test"
    assert told["notes"] == []
    assert told["facts"]["licence of the data"] == "CC0-1.0"
    assert told["facts"]["training"] == "50 steps in 0.1 min"
    assert told["commands"]["Train for longer"] == (
        f"typica train wavenet --data {tunes[1].path} --name {run} --resume --steps 100"
    )


def test_the_same_seed_gives_the_same_samples(report, run, tmp_path):
    from typica.actions.evaluate import evaluate

    again = evaluate(run, seconds=2, count=2, sample_seconds=0.25, out=tmp_path / "again")

    first, second = (one.page.parent / "sample-2.wav" for one in (report, again))
    assert first.read_bytes() == second.read_bytes()


def test_samples_already_drawn_are_shown_and_not_drawn_again(run, tmp_path):
    import torch

    from typica.actions.evaluate import evaluate

    given = 0.5 * torch.sin(torch.arange(8000) / 9)[None, None]
    report = evaluate(run, seconds=1, samples=given, out=tmp_path / "report")

    assert torch.equal(report.findings.samples[0].audio, given[0])
    assert not list((tmp_path / "report").glob("*.wav"))


def test_the_command_prints_the_page_and_tells_the_verdict(call, make_run):
    folder = make_run("shown")

    status, out, err = call("evaluate", folder, *QUICK)

    assert status == 0
    assert out == f"{folder.resolve() / 'report' / 'report.html'}\n"
    assert "undertrained: The model has not yet learnt what simpler ones know." in err


def test_a_program_gets_json_and_a_person_the_page(call, run, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    status, out, _ = call("evaluate", run, *QUICK, "--json", "--open", "-o", tmp_path / "report")

    assert status == 0
    assert json.loads(out)["run"] == "tiny"
    assert opened == [(tmp_path / "report" / "report.html").as_uri()]


def changed(run, tmp_path, **corpus):
    """Copy a run, and change what it says of its corpus."""
    from typica.core.run import write_model

    folder = shutil.copytree(run, tmp_path / "changed")
    import typica

    model = typica.load(run, device="cpu").model
    config = read_yaml(folder / "config.yaml")
    write_model(folder, model, config | {"corpus": config["corpus"] | corpus})
    return folder


def test_a_few_samples_of_training_are_shown_and_silent_ones_left_out(run, tmp_path):
    from typica.actions.evaluate import evaluate

    folder = shutil.copytree(run, tmp_path / "early")
    (folder / "samples").mkdir()
    tone = np.sin(np.arange(4000) / 9)
    for step in range(100, 600, 100):
        audio = 0 * tone if step == 500 else 0.5 * tone
        soundfile.write(folder / "samples" / f"step-{step:08d}.wav", audio, 8000)

    report = evaluate(folder, seconds=1, count=1, sample_seconds=0.25)

    assert [clip.name for clip in report.findings.early] == ["Step 100", "Step 300"]
    assert "Earlier in training" in report.page.read_text()


def test_data_that_have_changed_since_are_worth_a_warning(run, tmp_path):
    from typica.actions.evaluate import evaluate

    other = changed(run, tmp_path, fingerprint="of other data")
    report = evaluate(other, seconds=1, count=1, sample_seconds=0.25)

    assert "which differs: some of it may have been trained on" in report.findings.notes[0]


def test_a_corpus_at_another_rate_is_refused_with_the_mend(call, run, tunes, tmp_path):
    from typica.data.folder import FolderSource
    from typica.data.prepare import prepare

    prepare(FolderSource(tunes[0]), tmp_path / "fast", rate=16000, workers=1)

    status, _, err = call("evaluate", run, "--data", tmp_path / "fast")

    assert status == 2
    assert "tiny models audio at 8000 Hz and fast is at 16000 Hz: prepare it again with " in err
    assert "--rate 8000" in err


def test_a_corpus_that_is_gone_is_asked_for_by_name(call, run, tmp_path):
    lost = changed(run, tmp_path, path=str(tmp_path / "gone"), name="gone")

    status, _, err = call("evaluate", lost)

    assert status == 2
    assert "there is no corpus 'gone'" in err


def test_an_empty_split_is_refused_and_its_like_named(call, run):
    status, _, err = call("evaluate", run, "--split", "tset")

    assert status == 2
    assert "there is no split 'tset': did you mean 'test'?" in err


def test_scoring_the_training_recordings_is_possible_and_is_told(run, tmp_path):
    from typica.actions.evaluate import evaluate

    report = evaluate(
        run, split="train", seconds=1, count=1, sample_seconds=0.25, out=tmp_path / "report"
    )

    assert report.findings.notes == [
        "The recordings scored are those it was trained on, not held out."
    ]


def test_a_checkpoint_is_evaluated_as_a_run_is(run, tmp_path):
    from typica.actions.evaluate import evaluate

    whole = tmp_path / "whole"
    shutil.copytree(run, whole / "checkpoints" / "step-00000050")
    write_yaml(whole / "config.yaml", read_yaml(run / "config.yaml"))

    report = evaluate(
        whole / "checkpoints" / "step-00000050", seconds=1, count=1, sample_seconds=0.25
    )

    assert report.page.parent == whole / "checkpoints" / "step-00000050" / "report"


def test_a_run_without_final_weights_is_reported_where_no_pruning_reaches(run, tmp_path):
    from typica.actions.evaluate import evaluate

    whole = tmp_path / "whole"
    shutil.copytree(run, whole / "checkpoints" / "step-00000050")
    shutil.move(whole / "checkpoints" / "step-00000050" / "log", whole / "log")
    shutil.copy(whole / "checkpoints" / "step-00000050" / "config.yaml", whole)
    (whole / "samples").mkdir()
    tone = 0.5 * np.sin(np.arange(4000) / 9)
    soundfile.write(whole / "samples" / "step-00000050.wav", tone, 8000)

    report = evaluate(whole, seconds=1, count=1, sample_seconds=0.25)

    assert report.page.parent == whole / "report"
    assert report.findings.curves.steps == 50
    assert [clip.name for clip in report.findings.early] == ["Step 50"]


def test_commands_name_what_has_a_name_and_quote_the_paths_of_all_else(
    run, tunes, tmp_path, monkeypatch
):
    from typica.actions.evaluate import evaluate

    def commands(folder):
        out = tmp_path / "report"
        found = evaluate(folder, seconds=1, count=1, sample_seconds=0.25, out=out).findings
        return found.commands

    odd = shutil.copytree(run, tmp_path / "a run")
    assert commands(odd)["Make this report again"] == f"typica evaluate '{odd}'"
    assert f"--name '{odd}' --resume" in commands(odd)["Train for longer"]

    monkeypatch.setenv("TYPICA_DATA", str(tunes[1].path.parent))
    monkeypatch.setenv("TYPICA_RUNS", str(run.parent))
    assert commands(run)["Make this report again"] == "typica evaluate tiny"
    assert "--data tunes --name tiny --resume" in commands(run)["Train for longer"]


def test_samples_follow_recordings_that_last_as_long(make_run):
    from types import SimpleNamespace

    import torch

    import typica
    from typica.actions.evaluate import _draw
    from typica.core.condition import Track
    from typica.core.progress import SILENT

    followed = []

    def condition(recordings, starts, length, names):
        followed.append(([one.id for one in recordings], length))
        return {"roll": Track(torch.zeros(len(recordings), 4, -(-length // 64)), 125.0)}

    lengths = {"short": 100, "long": 500, "longest": 600}
    recordings = [SimpleNamespace(id=name, length=lengths[name]) for name in lengths]
    corpus = SimpleNamespace(recordings=lambda split: recordings, condition=condition)
    told = typica.load(make_run("told", local="roll", local_channels=4, hop=64), device="cpu")

    shapes = [_draw(told, corpus, "test", 3, seconds, 0, SILENT).shape for seconds in (0.05, 1)]

    assert followed == [(["long", "longest", "long"], 400), (["longest"] * 3, 600)]
    assert shapes == [(3, 1, 400), (3, 1, 600)]
