import os

import pytest

from typica.core.config import write_yaml
from typica.core.errors import RunError
from typica.training import folder


def begun(home, name, system="wavenet", corpus="chorales", age=0.0):
    path = home / name
    path.mkdir(parents=True)
    write_yaml(path / "config.yaml", {"system": system, "corpus": {"name": corpus}})
    os.utime(path / "config.yaml", (1e9 - age, 1e9 - age))
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_a_run_is_never_overwritten(home):
    begun(home, "first")

    with pytest.raises(RunError, match=r"runs/first exists: --resume to go on or --name another"):
        folder.to_begin("first")


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused(home, name):
    with pytest.raises(RunError, match="take a plain name"):
        folder.to_begin(name)


def test_the_newest_run_of_the_system_and_corpus_is_gone_on_with(home):
    begun(home, "old", age=20)
    newest = begun(home, "newest", age=10)
    begun(home, "of-another-corpus", corpus="birds")
    begun(home, "of-another-system", system="samplernn")

    assert folder.to_resume(None, "wavenet", "chorales") == newest


def test_a_run_that_is_not_there_cannot_be_gone_on_with(home):
    begun(home, "first")

    with pytest.raises(RunError, match=r"no run 'fist' in .*: did you mean 'first'\?"):
        folder.to_resume("fist", "wavenet", "chorales")
    with pytest.raises(RunError, match="no run of wavenet on birds in"):
        folder.to_resume(None, "wavenet", "birds")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"system": "flow"}, "system wavenet and cannot go on with flow"),
        ({"rate": 8000}, "rate 16000 and cannot go on with 8000"),
        ({"model": {"layers": 4, "channels": 9}}, "model.channels 8 and cannot go on with 9"),
        ({"corpus": {"fingerprint": "b"}}, "corpus.fingerprint a and cannot go on with b"),
    ],
)
def test_a_run_cannot_change_its_model_or_data_half_way(tmp_path, changed, sentence):
    before = {
        "system": "wavenet",
        "rate": 16000,
        "model": {"layers": 4, "channels": 8},
        "corpus": {"fingerprint": "a"},
    }

    folder.check_same(tmp_path, before, before | {"training": {"steps": 9}})
    with pytest.raises(RunError, match=sentence):
        folder.check_same(tmp_path, before, before | changed)


def test_two_processes_cannot_train_the_same_run(tmp_path):
    with (
        folder.alone(tmp_path / "run"),
        pytest.raises(RunError, match="is being trained by another process"),
        folder.alone(tmp_path / "run"),
    ):
        pass
