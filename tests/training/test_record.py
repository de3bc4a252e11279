import errno
import io
import json
import os
from types import SimpleNamespace

import pytest

from typica.core.files import DiskError
from typica.training.record import Record


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, _):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lines(folder):
    return [json.loads(line) for line in (folder / "log/metrics.jsonl").read_text().splitlines()]


def test_lines_after_the_step_that_is_gone_on_from_are_dropped(tmp_path):
    record = Record(tmp_path)
    for step in (10, 20, 30):
        record.figures(step, {"bits": float(step)})
    record.close()
    with (tmp_path / "log/metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "bi')  # the process was killed while it wrote

    Record(tmp_path, step=20).close()

    assert [line["step"] for line in lines(tmp_path)] == [10, 20]


def test_a_figure_that_is_no_number_is_still_json(tmp_path):
    record = Record(tmp_path)

    record.figures(1, {"bits": float("nan")})
    record.close()

    assert lines(tmp_path) == [{"step": 1, "bits": None}]


def test_a_full_disk_is_told_in_one_sentence(tmp_path):
    record = Record(tmp_path)
    record._file.close()
    record._file = Full()

    with pytest.raises(DiskError, match=r"cannot write .*metrics.jsonl: no space left on device"):
        record.figures(1, {"bits": 1.0})
    record.close()


def test_what_tensorboard_cannot_write_is_told_at_the_beginning_and_at_the_end(
    tmp_path, monkeypatch
):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    words = r"cannot write .*metrics.jsonl: no space left on device; the checkpoints are whole"
    monkeypatch.setattr("typica.training.record._board", refuse)
    with pytest.raises(DiskError, match=words):
        Record(tmp_path)
    monkeypatch.setattr("typica.training.record._board", lambda *_: SimpleNamespace(close=refuse))
    record = Record(tmp_path)
    with pytest.raises(DiskError, match=words):
        record.close()


def test_tensorboard_can_read_figures_and_sound(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    import torch

    record = Record(tmp_path)
    record.figures(3, {"bits": 4.5})
    record.sound(3, torch.zeros(1, 800), 8000)
    record.close()

    events = accumulators.EventAccumulator(str(tmp_path / "log"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("bits")] == [(3, 4.5)]
    assert events.Audio("sample")[0].sample_rate == 8000
