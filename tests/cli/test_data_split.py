"""`typica data prepare FOLDER --split`: what is held out, said and kept."""

import numpy as np
import pytest
import soundfile

from typica.data.folder import FolderSource

RATE = 1000


@pytest.fixture
def album(tmp_path):
    """One recording of a hundred seconds of noise."""
    (tmp_path / "album").mkdir()
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, 100 * RATE)
    soundfile.write(tmp_path / "album" / "a.wav", audio, RATE)
    return tmp_path / "album"


def test_chunks_come_with_a_warning(album, call):
    status, _, err = call(
        "data", "prepare", album, "--split", "chunks", "--rate", RATE, "--workers", 1
    )

    assert status == 0
    assert (
        "warning: chunks overlap, and 100.0% of the sound held out for validation is trained" in err
    )
    assert "--split spans holds out whole spans" in err


def test_spans_are_held_out_by_the_command_and_nothing_is_done_twice(album, call, monkeypatch):
    arguments = (
        "data",
        "prepare",
        album,
        "-o",
        "one",
        "--workers",
        1,
        "--rate",
        RATE,
        "--split",
        "spans",
    )
    status, first, err = call(*arguments)
    assert (status, "warning" in err) == (0, False)
    monkeypatch.setattr(FolderSource, "open", lambda *_: pytest.fail("it was read again"))

    status, second, _ = call(*arguments)

    assert (status, second) == (0, first)
    status, _, err = call(*arguments[:-2])
    assert status == 2
    assert "split spans, at 1000 Hz, normalise peak; this is" in err
