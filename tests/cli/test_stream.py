"""typica stream, as a musician types it."""

import json
import os
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
