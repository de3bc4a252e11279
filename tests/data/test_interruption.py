import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import sys, time
import numpy as np
from typica.core.progress import Progress
from typica.data.prepare import prepare
from typica.data.source import Item, Sound, Source
from typica.data.units import UNIT_BYTES

class Slow(Source):
    name, licence, made = "slow", "CC0-1.0", "written for a test"

    def items(self):
        return [Item(f"{number:02d}", UNIT_BYTES, "1") for number in range(40)]

    def open(self, item):
        with open(sys.argv[1] + "/opened", "a") as file:
            print(item.id, file=file)
        return Sound(16000, self.blocks(int(item.id)))

    def blocks(self, seed):
        generator = np.random.default_rng(seed)
        for _ in range(4):
            time.sleep(float(sys.argv[3]))
            yield generator.uniform(-1, 1, (4000, 1)).astype("f4")

class Words(Progress):
    def say(self, sentence):
        print(sentence)

if __name__ == "__main__":
    prepare(Slow(), sys.argv[1] + "/corpus", workers=int(sys.argv[2]), progress=Words())
"""


def start(folder, workers, pause):
    script = folder / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, script, folder, str(workers), str(pause)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches a whole group of processes
    )


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def shards(folder):
    return sorted((folder / "corpus" / "shards").glob("*.jsonl"))


def opened(folder):
    return (folder / "opened").read_text().split()


@pytest.mark.parametrize("workers", [1, 2])
def test_after_ctrl_c_it_goes_on_from_what_is_finished(tmp_path, workers):
    process = start(tmp_path, workers, 0.01)
    wait_for(lambda: len(shards(tmp_path)) >= 5)
    os.killpg(process.pid, signal.SIGINT)
    words, errors = process.communicate(timeout=60)

    finished = shards(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in finished}
    assert "interrupted: what is prepared is kept, and the same command goes on" in words
    # That of the script, which may have been in the middle of another, and none of a worker.
    assert errors.count("KeyboardInterrupt\n") <= 1
    assert 5 <= len(finished) < 40
    assert list((tmp_path / "corpus" / "shards").glob(".*")) == []
    assert not (tmp_path / "corpus" / "corpus.yaml").exists()

    (tmp_path / "opened").unlink()
    again = start(tmp_path, workers, 0)
    words, errors = again.communicate(timeout=60)
    assert again.returncode == 0, errors
    assert len(opened(tmp_path)) == 40 - len(finished)
    assert {path: path.stat().st_mtime_ns for path in finished} == before

    whole = tmp_path / "whole"
    whole.mkdir()
    start(whole, 1, 0).communicate(timeout=60)
    assert contents(tmp_path) == contents(whole)


def contents(folder: Path):
    """Return what a corpus holds, but for its marks of time."""
    corpus = folder / "corpus"
    return {
        str(path.relative_to(corpus)): path.read_bytes()
        for path in corpus.rglob("*")
        if path.is_file()
    }


def test_a_killed_preparation_leaves_nothing_that_disturbs_the_next(tmp_path):
    process = start(tmp_path, 1, 0.01)
    wait_for(lambda: len(shards(tmp_path)) >= 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)

    again = start(tmp_path, 1, 0)
    _, errors = again.communicate(timeout=60)

    assert again.returncode == 0, errors
    assert list((tmp_path / "corpus" / "shards").glob(".*")) == []
    assert len(shards(tmp_path)) == 40
