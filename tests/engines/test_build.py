"""Compiling on first use: what a kept library depends on, and what happens where it goes wrong."""

import os
import shutil
import stat
import threading
import time

import pytest
from filelock import FileLock

from typica.core.files import digest
from typica.core.kernels import kernels_home
from typica.engines import build
from typica.engines.build import NoCompilerError

SEVEN = 'extern "C" int number() { return 7; }'
EIGHT = 'extern "C" int number() { return 8; }'


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TYPICA_CACHE", str(tmp_path / "cache"))
    return kernels_home()


@pytest.fixture
def counting(tmp_path, use_compiler):
    """A compiler that writes down with what it was called; returns that."""
    place, log = tmp_path / "my compilers" / "counting-c++", tmp_path / "calls"
    place.parent.mkdir()
    place.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {shutil.which("c++")} "$@"\n')
    place.chmod(place.stat().st_mode | stat.S_IXUSR)
    use_compiler(place)
    return lambda: [line for line in log.read_text().splitlines() if "-shared" in line]


def _other_library(place):
    """A library that its sum knows and that cannot be loaded."""
    place.parent.mkdir(parents=True)
    place.write_bytes(b"of another machine")
    place.with_suffix(build.SUM).write_text(digest(place))


def libraries(home):
    return sorted(home.glob("*.so"))


def test_what_was_compiled_once_is_not_compiled_again(home, counting):
    assert build.library(SEVEN).number() == 7
    assert build.library(SEVEN).number() == 7
    assert build.library(EIGHT).number() == 8

    assert len(counting()) == len(libraries(home)) == 2


def test_other_flags_make_another_library(home, counting, monkeypatch):
    source, flags = 'extern "C" int number() { return NUMBER; }', build.FLAGS
    for number in (1, 2):
        monkeypatch.setattr(build, "FLAGS", (*flags, f"-DNUMBER={number}"))
        assert build.library(source).number() == number

    assert len(libraries(home)) == 2


@pytest.mark.parametrize("what", ["_processor", "_version"])
def test_another_processor_or_compiler_makes_another_library(home, monkeypatch, what):
    build.library(SEVEN)
    monkeypatch.setattr(build, what, lambda: "another")
    build.library(SEVEN)

    assert len(libraries(home)) == 2


def test_a_processor_is_known_by_what_it_can_do(monkeypatch, tmp_path):
    told = []
    for flags in ("sse avx2", "sse avx2 avx512f"):
        text = f"processor : 0\nmodel name : X\nflags : {flags}\n\nprocessor : 1\n"
        monkeypatch.setattr(build.Path, "read_text", lambda _, text=text: text)
        told.append(build._processor.__wrapped__())

    assert told[0] != told[1]


@pytest.mark.parametrize("form", ["{path}", "env {name}", "env QUIET=1 '{path}'"])
def test_a_compiler_may_be_a_path_with_spaces_or_come_with_arguments(
    form, counting, use_compiler, monkeypatch
):
    path = build.compiler()[0]
    folder, name = os.path.split(path)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    use_compiler(form.format(path=path, name=name))

    assert build.library(SEVEN).number() == 7
    assert build.lanes() in (4, 8, 16)
    assert len(counting()) == 1


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("no-such-compiler", r"there is no C\+\+ compiler \(no-such-compiler\): install one"),
        ("no-such-wrapper g++", r"there is no C\+\+ compiler \(no-such-wrapper g\+\+\)"),
        ("'g++", "CXX='g.* is no command: no closing quotation"),
        ("false", "the C.. compiler .*false fails: no reason given"),
    ],
)
def test_what_is_no_compiler_is_told_in_one_line(command, sentence, use_compiler):
    use_compiler(command)
    with pytest.raises(NoCompilerError, match=sentence) as caught:
        build.library(SEVEN)
    assert "\n" not in str(caught.value)


def test_who_comes_while_another_compiles_waits_and_takes_what_it_made(home, counting):
    made = home / f"{build._key(SEVEN)}.so"
    home.mkdir(parents=True)
    found = []
    thread = threading.Thread(target=lambda: found.append(build.library(SEVEN).number()))

    with FileLock(made.with_suffix(".lock")):
        thread.start()
        time.sleep(0.3)
        waited = thread.is_alive() and not made.exists()
        build._compile(EIGHT, made)
    thread.join()

    assert waited
    assert found == [8]  # what the other made, though it is not what was asked for
    assert len(counting()) == 1


def test_a_lock_whose_owner_died_holds_nobody_up(home):
    home.mkdir(parents=True)
    (home / f"{build._key(SEVEN)}.lock").touch()
    assert build.library(SEVEN).number() == 7


@pytest.mark.parametrize("bytes_", [b"", b"not a library", b"\x7fELF"])
def test_a_damaged_library_is_made_again(home, counting, bytes_):
    place = home / f"{build._key(SEVEN)}.so"
    home.mkdir(parents=True)
    place.write_bytes(bytes_)

    assert build.library(SEVEN).number() == 7
    assert len(counting()) == 1


def test_a_library_that_this_machine_cannot_load_is_made_again(home, counting):
    _other_library(home / f"{build._key(SEVEN)}.so")

    assert build.library(SEVEN).number() == 7
    assert len(counting()) == 1


def test_a_library_that_is_cut_off_is_made_again(home, counting):
    place = home / f"{build._key(SEVEN)}.so"
    build._make(SEVEN, place)
    place.write_bytes(place.read_bytes()[:4096])  # which to load would end this process

    assert build.library(SEVEN).number() == 7
    assert len(counting()) == 2


def test_what_the_compiler_cannot_compile_is_told_in_one_line_and_leaves_nothing(home):
    with pytest.raises(NoCompilerError, match="error: ") as caught:
        build.library("int wrong( { }")
    assert "\n" not in str(caught.value)
    assert [path for path in home.iterdir() if path.suffix != ".lock"] == []


def test_where_nothing_can_be_kept_the_mend_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TYPICA_CACHE", str(tmp_path / "file"))
    with pytest.raises(NoCompilerError, match="set TYPICA_CACHE to a folder of yours"):
        build.library(SEVEN)
