"""typica stream, as a musician types it."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import soundfile

RATE = 8000
SHORT = ("--no-monitor", "--seconds", 0.5)


def test_a_file_is_as_long_as_asked_and_all_is_said(call, run, tmp_path):
    status, printed, said = call("stream", run, *SHORT, "-o", tmp_path / "a.wav")

    assert status == 0
    assert printed == ""
    assert soundfile.info(tmp_path / "a.wav").frames == RATE / 2
    assert "tiny at 8000 Hz, computed by " in said
    assert "streamed 0.5 s; generated at " in said
    assert "times real time; no events" in said


def test_a_seed_gives_one_stream_whatever_it_is_written_to(call, run, tmp_path):
    call("stream", run, *SHORT, "--seed", 3, "-o", tmp_path / "a.wav")
    call("stream", run, *SHORT, "--seed", 3, "-o", tmp_path / "b", "--segment-seconds", 0.2)
    call("stream", run, *SHORT, "--seed", 4, "-o", tmp_path / "c.flac")

    first, other = (soundfile.read(tmp_path / name)[0] for name in ("a.wav", "c.flac"))
    parts = [soundfile.read(path)[0] for path in sorted((tmp_path / "b").iterdir())]

    assert len(parts) == 3
    np.testing.assert_array_equal(np.concatenate(parts), first)
    assert not np.array_equal(first, other)


def test_a_strategy_chooses_each_sample(call, run, tmp_path):
    def levels(name, *options):
        status, _, said = call(
            "stream", run, "-o", tmp_path / name, "--seconds", 0.5, "--no-monitor", *options
        )
        assert status == 0, said
        return set(soundfile.read(tmp_path / name, dtype="int16")[0].tolist())

    assert len(levels("all.wav")) > 200
    assert len(levels("few.wav", "--strategy", "top-k=3")) == 3
    status, _, said = call("stream", run, "-o", tmp_path / "x.wav", "--strategy", "beam=8")
    assert status == 2
    assert "beam finds whole sequences" in said


def test_the_report_tells_what_happened(call, run, tmp_path):
    report = tmp_path / "report.json"
    call("stream", run, *SHORT, "-o", tmp_path / "a.wav", "--report", report, "--seed", 3)

    told = json.loads(report.read_text())

    assert (told["seed"], told["rate"], told["events"], told["errors"]) == (3, RATE, [], [])
    assert told["metrics"]["samples"] == told["seconds"] * RATE == RATE / 2
    assert told["metrics"]["real_time_factor"] > 0
    assert told["engine"]


def test_a_watched_stream_tells_its_readings(call, run, tmp_path):
    report = tmp_path / "report.json"
    told = ("--seconds", 4, "-o", tmp_path / "a.wav", "--report", report)
    status, _, said = call("stream", run, *told)

    assert status == 0, said
    readings = json.loads(report.read_text())["minutes"][0]["readings"]
    assert readings
    assert all(least <= mean + 1e-9 <= most + 2e-9 for least, mean, most in readings.values())


def heard(path):
    return soundfile.read(path, dtype="int16")[0]


@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_a_stream_that_stops_and_goes_on_is_the_unbroken_one(call, run, tmp_path, engine):
    settings = ("--no-monitor", "--seed", 3, "--engine", engine)
    whole, first, second, third = (tmp_path / f"{name}.wav" for name in "wabc")
    state = ("--state", tmp_path / "state")
    save = ("--save-state", tmp_path / "state")

    call("stream", run, *settings, "--seconds", 0.3, "-o", whole)
    call("stream", run, *settings, "--seconds", 0.07, "-o", first, *save)
    go_on = ("--no-monitor", "--engine", engine, *state)
    call("stream", run, *go_on, "--seconds", 0.11, "-o", second, *save)
    status, _, said = call("stream", run, *go_on, "--seconds", 0.12, "-o", third)

    assert status == 0, said
    parts = [heard(path) for path in (first, second, third)]
    assert [len(part) for part in parts] == [560, 880, 960]
    np.testing.assert_array_equal(np.concatenate(parts), heard(whole))


def test_a_watched_stream_goes_on_as_well(call, run, tmp_path):
    whole, first, second = (tmp_path / f"{name}.wav" for name in "wab")

    call("stream", run, "--seconds", 3, "-o", whole)
    call("stream", run, "--seconds", 1.3, "-o", first, "--save-state", tmp_path / "state")
    call("stream", run, "--seconds", 1.7, "-o", second, "--state", tmp_path / "state")

    np.testing.assert_array_equal(np.concatenate([heard(first), heard(second)]), heard(whole))


def test_any_engine_goes_on_with_a_state(call, run, tmp_path):
    state = tmp_path / "state"
    call("stream", run, *SHORT, "-o", tmp_path / "a.wav", "--save-state", state)
    for engine in (("--engine", "torch"), ("--engine", "c++", "--weights", "bfloat16")):
        go_on = ("--no-monitor", "--seconds", 0.1, "--state", state, "-o", tmp_path / "b.wav")
        status, _, said = call("stream", run, *go_on, *engine)
        assert status == 0, said


def test_a_seed_beside_a_state_is_another_continuation(call, run, tmp_path):
    call("stream", run, *SHORT, "-o", tmp_path / "a.wav", "--save-state", tmp_path / "state")
    for name, seed in (("b", []), ("c", ["--seed", 5]), ("d", ["--seed", 5])):
        go_on = ("--state", tmp_path / "state", *seed)
        call("stream", run, *SHORT, *go_on, "-o", tmp_path / f"{name}.wav")

    same, other, again = (heard(tmp_path / f"{name}.wav") for name in "bcd")
    assert not np.array_equal(same, other)
    np.testing.assert_array_equal(other, again)


def test_rounded_weights_say_what_they_cost(call, run, tmp_path):
    status, _, said = call("stream", run, *SHORT, "-o", tmp_path / "a.wav", "--weights", "int8")

    assert status == 0, said
    assert "bits a sample" in said
    assert soundfile.info(tmp_path / "a.wav").frames == RATE / 2


def test_processors_are_told_to_torch(call, run, tmp_path):
    import torch

    asked = ("--engine", "torch", "--threads", 2, "--seconds", 0.05, "-o", tmp_path / "a.wav")
    status, _, said = call("stream", run, "--no-monitor", *asked)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert (status, threads) == (0, 2)
    assert "computed by torch" in said


def test_what_is_left_can_be_written_or_nothing_begins(call, run, tmp_path, monkeypatch):
    monkeypatch.setattr("typica.actions.stream.load", None)
    (tmp_path / "file").write_text("")
    (tmp_path / "music").mkdir()
    for option, place, sentence in (
        ("--report", tmp_path / "file" / "report.json", "cannot write"),
        ("--report", tmp_path / "music", "it is a folder"),
        ("--save-state", tmp_path / "file" / "state", "cannot write"),
        ("--save-state", tmp_path / "music", "is there and is no state of a stream"),
        ("--state", tmp_path / "music", "is no state of a stream: --save-state writes one"),
    ):
        status, _, said = call("stream", run, *SHORT, "-o", tmp_path / "a.wav", option, place)
        assert (status, said.count("\n")) == (2, 1)
        assert sentence in said


@pytest.mark.parametrize("option", [("--prompt", "riff.wav"), ("--label", "piano")])
def test_a_state_is_not_told_again_how_it_began(call, run, tmp_path, option):
    call("stream", run, *SHORT, "-o", tmp_path / "a.wav", "--save-state", tmp_path / "state")
    status, _, said = call("stream", run, "--state", tmp_path / "state", *option)
    assert status == 2
    assert f"--state goes on as that stream began: leave {option[0]} out" in said


def test_without_the_packages_of_http_nothing_begins(call, run, monkeypatch):
    monkeypatch.setattr("typica.actions.stream.load", None)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    status, _, said = call("stream", run, "--http", "127.0.0.1:0")
    assert status == 2
    assert "pip install 'typica[studio]'" in said
    assert said.count("\n") == 1


def test_the_error_of_the_stream_comes_before_that_of_its_report(call, run, tmp_path, monkeypatch):
    from typica.core.files import DiskError
    from typica.streaming.errors import StreamError
    from typica.streaming.recording import Recording

    def fail(error):
        def fail(*_):
            raise error

        return fail

    monkeypatch.setattr(Recording, "play", fail(StreamError("the stream broke")))
    monkeypatch.setattr("typica.actions.stream.write_json", fail(DiskError("no report")))
    told = ("-o", tmp_path / "a.wav", "--report", tmp_path / "report.json")
    status, _, said = call("stream", run, *SHORT, *told)

    assert status == 2
    assert "the stream broke" in said.splitlines()[-1]


@pytest.fixture
def start(run):
    """Start the command in a process of its own."""
    processes = []

    def start(*arguments, **settings):
        command = [sys.executable, "-m", "typica", "stream", run, "--no-monitor", *arguments]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
        processes.append(subprocess.Popen([str(word) for word in command], text=True, **streams))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_ctrl_c_is_a_good_end(start, tmp_path):
    process = start("-o", tmp_path / "a.wav", "--report", tmp_path / "report.json")
    for line in process.stderr:
        if "times real time" in line:
            break

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)

    assert process.returncode == 0
    assert said.startswith("streamed ")
    assert soundfile.info(tmp_path / "a.wav").duration > 1
    assert json.loads((tmp_path / "report.json").read_text())["seconds"] > 1


def test_asked_to_stop_twice_it_leaves_what_is_drawn_and_does_not_crash(start, tmp_path):
    """A thread in compiled code that Python unwinds as it ends would abort the process."""
    process = start("-o", tmp_path / "a.wav", "--engine", "torch")
    for line in process.stderr:
        if "at 8000 Hz" in line:
            break

    time.sleep(0.5)  # it draws by now, and hardly ever does anything else
    for _ in range(2):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM
    assert said == ""


def test_a_full_disk_is_a_sentence_and_what_was_written_is_whole(call, run, start, tmp_path):
    call("stream", run, *SHORT, "-o", tmp_path / "a.wav")  # what is compiled needs room as well

    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    process = start("-o", tmp_path / "b.wav", preexec_fn=little_room)
    _, said = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "b.wav ends early, at 6." in said.splitlines()[-1]
    assert "Traceback" not in said
    assert 45_000 < soundfile.info(tmp_path / "b.wav").frames < 50_000


def test_ctrl_c_leaves_a_state_that_goes_on_where_the_file_ends(call, start, run, tmp_path):
    settings = ("-o", tmp_path / "a.wav", "--seed", "1", "--save-state", tmp_path / "state")
    process = start(*settings)
    for line in process.stderr:
        if "times real time" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    go_on = ("--state", tmp_path / "state", "-o", tmp_path / "b.wav")
    call("stream", run, *SHORT, *go_on)

    first, second = heard(tmp_path / "a.wav"), heard(tmp_path / "b.wav")
    length = (len(first) + len(second)) / RATE
    whole = ("--no-monitor", "--seed", 1, "--seconds", length, "-o", tmp_path / "w.wav")
    call("stream", run, *whole)
    np.testing.assert_array_equal(np.concatenate([first, second]), heard(tmp_path / "w.wav"))


def test_it_is_heard_over_http_until_it_is_ended(start):
    pytest.importorskip("uvicorn")
    process = start("--http", "127.0.0.1:0")
    address = next(line.split()[-1] for line in process.stderr if "listen at" in line)

    with urllib.request.urlopen(f"{address}/stream.wav", timeout=20) as answer:
        heard = answer.read(44 + 2 * RATE)
        process.send_signal(signal.SIGTERM)
        while answer.read(1 << 16):
            pass
    process.communicate(timeout=20)

    assert heard[:4] == b"RIFF"
    assert process.returncode == 0


def test_a_pipe_that_is_closed_is_a_good_end(start):
    process = start("-o", "-", "--format", "raw")
    heard = os.read(process.stdout.fileno(), 4096)
    process.stdout.close()

    began = time.monotonic()
    process.wait(20)

    assert len(heard) > 0
    assert process.returncode == 0
    assert time.monotonic() - began < 10
    process.stdout = None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--seconds", 0], "seconds must be above 0, got 0"),
        (["--seconds", "nan"], "seconds must be above 0, got nan"),
        (["--temperature", -1], "temperature must be"),
        (["--http", "nowhere"], "--http takes HOST:PORT"),
        (["-o", "a.mp3"], "a.mp3 should end in .wav or .flac"),
        (["--prompt", "nothing.wav", "-o", "a.wav"], "cannot use nothing.wav: cannot be opened"),
        (["--label", "piano", "-o", "a.wav"], "tiny is not told any such thing"),
    ],
)
def test_what_cannot_be_streamed_is_told_in_one_line(call, run, monkeypatch, arguments, sentence):
    monkeypatch.setattr("typica.streaming.destination.SoundCard", object)
    status, printed, said = call("stream", run, *arguments)
    assert status == 2
    assert printed == ""
    assert sentence in said.splitlines()[-1]


def test_without_a_sound_card_it_says_what_to_do(call, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    status, _, said = call("stream", run)
    assert status == 2
    assert "pip install 'typica[play]'; or give --http 127.0.0.1:8000" in said
    assert said.count("\n") == 1
