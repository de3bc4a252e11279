import os
from pathlib import Path

import pytest

from typica.core.errors import DataError
from typica.data import folder as folder_module
from typica.data.corpus import LOCK
from typica.data.folder import FolderSource


def ids(folder, **settings):
    return [item.id for item in FolderSource(folder, **settings).items()]


def stamp(folder, **settings):
    return FolderSource(folder, **settings).items()[0].stamp


def test_files_are_found_at_any_depth_and_listed_in_order(tmp_path, write):
    for name in ("b.wav", "a/z.wav", "a/b/c d.wav", "é/☃.wav"):
        write(tmp_path / name)

    assert ids(tmp_path) == ["a/b/c d.wav", "a/z.wav", "b.wav", "é/☃.wav"]


def test_hidden_files_and_folders_are_left_out(tmp_path, write):
    for name in ("a.wav", "._a.wav", ".trash/b.wav"):
        write(tmp_path / name)

    assert ids(tmp_path) == ["a.wav"]


def test_a_prepared_corpus_inside_is_left_out(tmp_path, write):
    write(tmp_path / "a.wav")
    write(tmp_path / "corpus" / "shards" / "b.wav")
    (tmp_path / "corpus" / LOCK).touch()

    assert ids(tmp_path) == ["a.wav"]


def test_links_are_followed_and_a_circle_ends(tmp_path, write):
    write(tmp_path / "elsewhere" / "b.wav")
    write(tmp_path / "album" / "in" / "a.wav")
    (tmp_path / "album" / "in" / "up").symlink_to("..")
    (tmp_path / "album" / "out").symlink_to(tmp_path / "elsewhere")

    assert ids(tmp_path / "album") == ["in/a.wav", "out/b.wav"]


def test_a_link_to_nothing_is_listed_and_refused(tmp_path):
    (tmp_path / "a.wav").symlink_to("nowhere")
    source = FolderSource(tmp_path)

    with pytest.raises(DataError, match="cannot be opened: no such file"):
        source.open(source.items()[0])


def test_a_stamp_is_kept_by_a_file_that_is_left_alone(tmp_path, write):
    write(tmp_path / "a.wav")

    assert stamp(tmp_path) == stamp(tmp_path)


def test_a_stamp_changes_with_the_file(tmp_path, write):
    write(tmp_path / "a.wav")
    before = stamp(tmp_path)
    os.utime(tmp_path / "a.wav", (1, 1))

    assert stamp(tmp_path) != before


def test_a_stamp_changes_with_the_class(tmp_path, write):
    write(tmp_path / "drums" / "a.wav")

    assert stamp(tmp_path) != stamp(tmp_path, labels="folders")


def test_a_stamp_changes_once_a_decoder_is_installed(tmp_path, monkeypatch):
    (tmp_path / "a.m4a").write_bytes(b"whatever")
    monkeypatch.setattr(folder_module, "_have_av", lambda: False)
    before = stamp(tmp_path)
    monkeypatch.setattr(folder_module, "_have_av", lambda: True)

    assert stamp(tmp_path) != before


def test_the_first_folder_names_the_class(tmp_path, write):
    write(tmp_path / "drums" / "deep" / "a.wav")
    source = FolderSource(tmp_path, labels="folders")

    assert source.open(source.items()[0]).label == "drums"


def test_a_file_in_no_folder_has_no_class_and_is_refused(tmp_path, write):
    write(tmp_path / "a.wav")
    source = FolderSource(tmp_path, labels="folders")

    with pytest.raises(DataError, match="^no label: it lies in no folder inside"):
        source.open(source.items()[0])


def test_a_name_that_is_no_valid_text_is_listed(tmp_path, write):
    write(tmp_path / "a.wav").rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav")))

    assert ids(tmp_path) == ["\udcff.wav"]
