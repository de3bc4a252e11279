import os
import signal

import numpy as np

from typica.data.prepare import prepare
from typica.data.source import Item, Sound, Source

KNOWN = signal.pthread_sigmask(signal.SIG_BLOCK, [])


class Telling(Source):
    """Recordings whose class tells of the process that read them."""

    name, licence, made = "telling", "CC0-1.0", "written for a test"

    def items(self):
        return [Item(name, 10**9, "1") for name in "abcd"]

    def open(self, item):
        held = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        noise = np.random.default_rng(ord(item.id)).uniform(-1, 1, (9000, 1))
        os.write(2, b"a note of a decoder\n")
        return Sound(16000, [noise.astype(np.float32)], f"{held} {os.getpid() != parent(item)}")


def parent(item):
    return int(os.environ["TEST_PARENT"])


def test_workers_are_other_processes_that_never_hear_of_ctrl_c(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TEST_PARENT", str(os.getpid()))

    corpus = prepare(Telling(), tmp_path / "x", workers=2)

    assert corpus.labels == ["True True"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert "a note" not in capfd.readouterr().err


def test_one_worker_is_this_process(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_PARENT", str(os.getpid()))

    assert prepare(Telling(), tmp_path / "x", workers=1).labels == ["False False"]
