"""typica sample, as a musician types it."""

import json
from types import SimpleNamespace

import pytest
import soundfile

RATE = 8000


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_clips_are_files_of_the_length_and_rate_asked_for(call, run, out):
    status, printed, said = call("sample", run, "--seconds", 0.05, "--count", 2, "-o", out)

    assert status == 0
    names = [line.rsplit("/", 1)[-1] for line in printed.split()]
    assert names == ["tiny-seed0-1.wav", "tiny-seed0-2.wav"]
    for name in names:
        info = soundfile.info(out / name)
        assert (info.frames, info.samplerate, info.channels) == (400, RATE, 1)
    assert "times real time" in said


def test_a_seed_gives_one_clip_and_another_seed_another(call, run, out):
    for seed, folder in ((1, "a"), (1, "b"), (2, "c")):
        call("sample", run, "--seconds", 0.05, "--seed", seed, "-o", out / folder)

    first, again, other = (next((out / folder).glob("*.wav")).read_bytes() for folder in "abc")
    assert first == again
    assert first != other


def test_what_was_drawn_is_told_beside_it(call, run, out):
    call("sample", run, "--seconds", 0.05, "--temperature", 0.5, "--seed", 3, "-o", out)

    told = json.loads((out / "tiny-seed3.json").read_text())

    assert told["temperature"] == 0.5
    assert told["files"] == ["tiny-seed3.wav"]
    # An even choice among 256 levels stays one at any temperature.
    assert told["log_prob"][0] == pytest.approx(-400 * 5.545177, rel=1e-5)
    assert told["log_draw"] == told["log_prob"]


def test_a_prompt_begins_the_clip(call, run, tunes, out):
    _, _, said = call("sample", run, "--seconds", 0.05, "--prompt", tunes[0] / "1.wav", "-o", out)

    assert soundfile.info(next(out.glob("*.wav"))).frames == 3 * RATE + 400
    assert "the prompt ends at 3.00 s" in said


def test_a_label_is_drawn_by_name(call, make_run, out):
    folder = make_run("labelled", labels=2)
    status, _, said = call("sample", folder, "--seconds", 0.05, "-o", out)

    assert status == 2
    assert "labelled is told what to play: give --label" in said


@pytest.fixture
def told(make_run, monkeypatch):
    """A run that is told frames, with a corpus that holds those of half a second."""
    import torch

    from typica.core.condition import Track

    recording = SimpleNamespace(id="bwv1", length=4000)

    def condition(recordings, starts, length, names):
        return {"roll": Track(torch.zeros(len(recordings), 4, -(-length // 64)), RATE / 64)}

    corpus = SimpleNamespace(labels=[], recordings=lambda: [recording], condition=condition)
    monkeypatch.setattr("typica.actions.conditions.corpus_of", lambda run: corpus)
    return make_run("told", local="roll", local_channels=4, hop=64)


def test_a_recording_is_followed_to_its_end_and_no_further(call, told, out):
    arguments = ("sample", told, "--like", "bwv1", "-o", out, "--seconds")

    assert call(*arguments, 0.5)[0] == 0
    status, _, said = call(*arguments, 0.51)

    assert status == 2
    assert "bwv1 lasts 0.5 s: give --seconds 0.5 at most for --like bwv1" in said


@pytest.mark.parametrize(
    ("samples", "mend"),
    [
        (3000, "give --seconds 0.12 at most for --like bwv1"),
        (4000, "no more than the prompt: choose a shorter prompt"),
    ],
)
def test_a_prompt_takes_its_part_of_the_recording_followed(
    call, told, out, tmp_path, samples, mend
):
    prompt = tmp_path / "prompt.wav"
    soundfile.write(prompt, [0.5, -0.5] * (samples // 2), RATE)

    status, _, said = call(
        "sample", told, "--like", "bwv1", "--prompt", prompt, "--seconds", 0.2, "-o", out
    )

    assert status == 2
    assert mend in said


@pytest.mark.parametrize(("normalised", "peak"), [(True, 0.99), (False, 0.25)])
def test_an_excerpt_of_a_recording_may_keep_its_level(run, out, tmp_path, normalised, peak):
    from typica.actions.sample import sample

    prompt = tmp_path / "prompt.wav"
    soundfile.write(prompt, [0.25, -0.25] * 400, RATE)

    drawn = sample(run, seconds=0.01, prompt=prompt, normalise_prompt=normalised, out=out)

    assert float(drawn.audio[..., :800].max()) == pytest.approx(peak, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seconds", 0], "seconds and count must be above 0, got 0 and 1"),
        (["--seconds", "nan"], "seconds and count must be above 0, got nan and 1"),
        (["--seconds", "inf"], "seconds and count must be above 0, got inf and 1"),
        (["--temperature", "nan"], "temperature must be at least 0, got nan"),
        (["--count", 0], "seconds and count must be above 0, got 10 and 0"),
        (["--temperature", -1], "temperature must be at least 0, got -1"),
        (["--prompt", "nothing.wav"], "cannot use nothing.wav: cannot be opened"),
        (["--label", "piano"], "tiny is not told any such thing: leave --label out"),
        (["--device", "abacus"], "there is no device 'abacus' on this machine: it has"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(call, run, out, arguments, sentence):
    status, printed, said = call("sample", run, "-o", out, *arguments)

    assert status == 2
    assert printed == ""
    assert said.startswith("typica: ")
    assert sentence in said
    assert said.count("\n") == 1
    assert not out.exists()


def test_a_misspelt_run_names_its_neighbour(call, tmp_path, monkeypatch, run):
    monkeypatch.setenv("TYPICA_RUNS", str(run.parent))
    status, _, said = call("sample", "tinny")
    assert status == 2
    assert "there is no run 'tinny'" in said
    assert "did you mean 'tiny'?" in said


def test_a_full_disk_is_one_sentence(call, run, out, monkeypatch):
    import errno

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    status, _, said = call("sample", run, "--seconds", 0.05, "-o", out)

    assert status == 2
    assert "no space left on device" in said.splitlines()[-1]
