"""Miniature archives in the layouts of published corpora."""

import json
import wave

import numpy as np
import pytest

from typica.data.prepare import prepare
from typica.score.midi import encode_midi
from typica.score.notes import Note, Notes


class Archive:
    """A folder to which files are written; each sound is another tone, so none repeats."""

    def __init__(self, root):
        self.root, self.count = root, 0

    def wav(self, name, seconds=0.6, rate=16000, channels=1):
        self.count += 1
        time = np.arange(round(seconds * rate)) / rate
        tone = 0.3 * np.sin(2 * np.pi * (200 + 37 * self.count) * time)
        data = np.repeat((tone * 32767).astype("<i2")[:, None], channels, axis=1)
        with wave.open(str(self._place(name)), "wb") as file:
            file.setparams((channels, 2, rate, 0, "NONE", ""))
            file.writeframes(data.tobytes())

    def text(self, name, *lines, encoding="utf-8"):
        self._place(name).write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))

    def json(self, name, value):
        self.text(name, json.dumps(value))

    def midi(self, name, *notes, controls=None):
        data = encode_midi(Notes.of(Note(*note) for note in notes), controls=controls)
        self._place(name).write_bytes(data)

    def bytes(self, name, data):
        self._place(name).write_bytes(data)

    def _place(self, name):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@pytest.fixture
def archive(tmp_path):
    """An empty archive."""
    (tmp_path / "archive").mkdir()
    return Archive(tmp_path / "archive")


@pytest.fixture
def prepared(archive, tmp_path):
    """Prepare the archive by its source; return the corpus and what was refused, by id."""

    def prepared(kind, **settings):
        corpus = prepare(kind(archive.root), tmp_path / "corpus", workers=1, **settings)
        lines = (corpus.path / "refused.jsonl").read_text().splitlines()
        refused = {line["file"]: line["reason"] for line in map(json.loads, lines)}
        return corpus, refused

    return prepared


@pytest.fixture
def recordings():
    """Return the recordings of a corpus by id."""
    return lambda corpus: {one.id: one for one in corpus.recordings()}
