import json

import pytest

from typica.core.errors import ConfigError, DataError, MissingFeatureError
from typica.lab import study as lab
from typica.lab.page import write_page
from typica.lab.performance import perform, studies


def test_every_study_has_a_title_of_one_sentence_and_none_is_imported_for_it():
    import subprocess
    import sys

    titles = studies()
    assert len(titles) > 20
    for name, title in titles.items():
        assert title.endswith("."), name
        assert len(title) < 120, name
    code = (
        "import sys; from typica.lab.performance import studies; studies();"
        "assert not {'torch', 'scipy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_study_writes_its_picture_its_figures_and_the_page(tmp_path):
    (done,) = perform(["sphere-area"], tmp_path, seed=3)

    record = json.loads((tmp_path / "sphere_area.json").read_text())
    assert record["seed"] == 3
    assert record["title"] == done.title
    assert [one["name"] for one in record["numbers"]] == [n.name for n in done.study.numbers]
    assert (tmp_path / "sphere_area.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "index.md").read_text()
    assert f"## {done.title.rstrip('.')}" in page
    assert "![" in page
    assert "`typica lab sphere_area`, seed 3" in page


def test_a_name_that_is_none_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(ConfigError, match="no study 'sphere_are': did you mean 'sphere_area'"):
        list(perform(["coin", "sphere_are"], tmp_path))
    with pytest.raises(ConfigError, match="name a study"):
        list(perform([], tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_page_of_nothing_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no studies"):
        write_page(tmp_path)


def test_drawing_and_sounds_are_no_studies():
    assert not {"drawing", "sounds", "study", "page", "performance"} & set(lab.names())


def test_a_study_that_lacks_a_package_is_told_of_after_the_others(tmp_path, monkeypatch):
    do = lab.perform

    def perform_one(name, *told, **settings):
        if name == "coin":
            raise MissingFeatureError("a coin", "mint", "money")
        return do(name, *told, **settings)

    monkeypatch.setattr(lab, "perform", perform_one)
    done = []
    with pytest.raises(MissingFeatureError, match="a coin needs mint"):
        done.extend(one.name for one in perform(["coin", "sphere-area"], tmp_path))
    assert done == ["sphere_area"]
    assert "sphere_area" in (tmp_path / "index.md").read_text()
    with pytest.raises(MissingFeatureError):
        list(perform(["coin"], tmp_path / "none"))
    assert not (tmp_path / "none").exists()
