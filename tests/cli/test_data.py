import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from typica.cli import main


@pytest.fixture
def album(tmp_path):
    """Six tones in two folders, and a picture."""
    for number in range(6):
        path = tmp_path / "my album" / ("loud", "soft")[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(32_000) / 16_000
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * (300 + 50 * number) * time), 16_000)
    (tmp_path / "my album" / "cover.jpg").write_bytes(b"no sound")
    return tmp_path / "my album"


@pytest.fixture
def typica(capsys):
    """Run a command; return its status, what it printed, and what it said besides."""

    def typica(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return typica


def test_a_folder_is_prepared_listed_and_inspected(album, typica, tmp_path):
    home = tmp_path / "data-home" / "songs"
    status, out, err = typica(
        *("data", "prepare", album, "-o", "songs", "--labels", "folders"),
        *("--licence", "CC0-1.0", "--rate", 8000, "--workers", 1),
    )
    assert status == 0
    assert out == f"{home}\n"
    assert "songs: 0.00333 h at 8000 Hz (4 train, 1 valid, 1 test)" in err
    assert "left out 1: cover.jpg (no label: it lies in no folder inside" in err

    status, out, _ = typica("data", "list")
    assert status == 0
    assert "  songs             0.00 h, 6 recordings at 8000 Hz, CC0-1.0\n" in out

    status, out, _ = typica("data", "inspect", "songs")
    assert status == 0
    for line in (
        f"songs: {home}",
        "  licence      CC0-1.0",
        "  audio        8000 Hz, mono, 16 bits, normalise peak",
        "  train        4 recordings, 0.002 h",
        "  length       2 to 2, median 2 s",
        "  level        -3.1 to -3.1, median -3.1 dB of full scale, root mean square",
        "  gain given   10.3 to 10.4, median 10.4 dB",
        "  label        loud: 3 recordings",
    ):
        assert line in out.splitlines()


def test_a_program_reads_the_same(album, typica):
    typica("data", "prepare", album, "-o", "songs", "--workers", 1)

    listing = json.loads(typica("data", "list", "--json")[1])
    inspection = json.loads(typica("data", "inspect", "songs", "--json")[1])

    assert listing["prepared"][0]["recordings"] == 6
    assert {"name", "licence", "made"} <= listing["built_in"][0].keys()
    assert inspection["splits"]["train"] == {"recordings": 4, "hours": pytest.approx(8 / 3600)}
    assert inspection["length_s"] == {"least": 2.0, "median": 2.0, "most": 2.0}
    assert inspection["level_db"]["median"] == pytest.approx(-3.1, abs=0.05)
    assert inspection["refused"] == [{"reason": "not a sound file", "files": ["cover.jpg"]}]
    assert inspection["disk_bytes"] > 6 * 64_000


def test_a_damaged_corpus_is_listed_as_such(album, typica, tmp_path):
    typica("data", "prepare", album, "-o", "songs", "--workers", 1)
    (tmp_path / "data-home" / "songs" / "corpus.yaml").write_text("{")

    status, out, _ = typica("data", "list")

    assert status == 0
    assert "songs is damaged: " in out


@pytest.fixture
def readers(tmp_path):
    """Sentences of three speakers, as VCTK lays them out."""
    for number, speaker in enumerate(("p225", "p226", "p227")):
        path = tmp_path / "VCTK-Corpus" / "wav48" / speaker / f"{speaker}_001.wav"
        path.parent.mkdir(parents=True)
        time = np.arange(16_000) / 16_000
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * (300 + 50 * number) * time), 16_000)
    return tmp_path / "VCTK-Corpus"


def test_a_published_corpus_is_read_from_its_folder(readers, typica):
    status, _, err = typica("data", "prepare", "vctk", "--from", readers, "--workers", 1)
    assert status == 0
    assert "vctk: 0.000833 h at 16000 Hz (1 train, 1 valid, 1 test)" in err

    _, out, _ = typica("data", "inspect", "vctk")
    assert "  class        speaker: 3 values" in out.splitlines()
    assert "CC BY 4.0 (VCTK" in out


def test_what_must_be_fetched_first_is_told_in_one_line(typica):
    status, out, err = typica("data", "prepare", "maestro")

    assert (status, out) == (2, "")
    assert err.startswith("typica: maestro needs the unpacked archive from https://magenta")
    assert err.count("\n") == 1
    listed = typica("data", "list")[1]
    assert "needs: the unpacked archive from https://magenta" in listed
    assert listed.index("  chorales ") < listed.index("that you have fetched:")
    assert listed.index("that you have fetched:") < listed.index("  maestro ")


def test_without_corpora_the_list_says_how_to_begin(typica):
    assert "none yet: typica data prepare FOLDER" in typica("data", "list")[1]


def test_what_is_misspelt_is_told_in_one_line(album, typica):
    typica("data", "prepare", album, "-o", "songs", "--workers", 1)

    status, out, err = typica("data", "inspect", "song")

    assert status == 2
    assert out == ""
    assert err.startswith("typica: there is no corpus 'song' here or in ")
    assert err.endswith(": did you mean 'songs'?\n")


def test_help_and_lists_need_no_torch():
    code = (
        "import sys; from typica.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'scipy', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    for arguments in (["data", "--help"], ["data", "prepare", "--help"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
