"""Files and folders that are whole or not there."""

import errno
import os

import pytest

from typica.core.files import DiskError, check_writable, digest, replacing, write_json


def half_write(path, error):
    with replacing(path) as place:
        place.write_text("half")
        raise error


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "state.json"
    write_json(path, {"step": 1})

    with pytest.raises(ZeroDivisionError):
        half_write(path, ZeroDivisionError())

    assert '"step": 1' in path.read_text()
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_folder_takes_the_place_of_an_older_one(tmp_path):
    for number in (1, 2):
        with replacing(tmp_path / "step") as place:
            place.mkdir()
            (place / f"file-{number}").write_text("whole")

    assert os.listdir(tmp_path / "step") == ["file-2"]
    assert os.listdir(tmp_path) == ["step"]


def test_a_full_disk_is_one_sentence(tmp_path):
    path = tmp_path / "weights"
    path.write_text("old")

    with pytest.raises(DiskError, match="cannot write .*weights: no space left on device"):
        half_write(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    assert path.read_text() == "old"


def test_what_is_written_can_be_shared_like_any_other_file(tmp_path):
    with replacing(tmp_path / "step") as place:
        place.mkdir()
        (place / "weights").touch(mode=0o600)
    (tmp_path / "other").touch()
    assert (tmp_path / "step" / "weights").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_digests_tell_files_apart(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    assert digest(tmp_path / "a") != digest(tmp_path / "b")


def test_an_old_folder_survives_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    with replacing(tmp_path / "step") as place:
        place.mkdir()
        (place / "old").write_text("whole")

    def replace_once():
        with replacing(tmp_path / "step") as place:
            place.mkdir()
            monkeypatch.setattr(os, "replace", refuse_once("/step"))

    with pytest.raises(DiskError, match="nothing that was there is lost"):
        replace_once()

    assert os.listdir(tmp_path / "step") == ["old"]


def refuse_once(end):
    """Fail the first renaming to such a place, and let those after it pass."""
    real, failed = os.replace, []

    def replace(source, target):
        if not failed and str(target).endswith(end):
            failed.append(target)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    return replace


def test_a_place_that_cannot_be_written_is_refused_before_work_is_done_for_it(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "report.json").mkdir()
    with pytest.raises(DiskError, match="report.json: it is a folder"):
        check_writable(tmp_path / "report.json")
    with pytest.raises(DiskError, match="cannot write .*a.json: "):
        check_writable(tmp_path / "file" / "a.json")

    check_writable(tmp_path / "new" / "a.json")

    assert list((tmp_path / "new").iterdir()) == []
