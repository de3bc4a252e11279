"""Settings: what is taken, and what is refused in which words."""

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from typica.core.config import Config, override, read_yaml, write_yaml
from typica.core.errors import ConfigError


@dataclass(frozen=True)
class Sizes(Config):
    layers: int = 3
    rate: float = 1.0
    widths: tuple[int, ...] = (1,)
    kind: Literal["small", "large"] = "small"
    name: str | None = None
    bias: bool = True


def test_overrides_keep_what_they_do_not_name():
    values = {"model": {"layers": 2, "kind": "large"}}

    changed = override(values, ["model.layers=12", "model.widths=[4, 5]", "model.name=roll"])

    assert Sizes.from_dict(changed["model"]) == Sizes(12, 1.0, (4, 5), "large", "roll")
    assert values == {"model": {"layers": 2, "kind": "large"}}


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("layers=many", "model.layers must be a whole number; got 'many'"),
        ("layers=2.5", "model.layers must be a whole number; got 2.5"),
        ("layers=true", "model.layers must be a whole number; got True"),
        ("layers={a: 1}", "model.layers must be a whole number; got {'a': 1}"),
        ("rate=fast", "model.rate must be a number; got 'fast'"),
        ("widths=3", r"model.widths must be a list, as in \[1, 2\]; got 3"),
        ("widths=[a]", "model.widths must be a whole number; got 'a'"),
        ("kind=huge", "model.kind must be one of small, large; got 'huge'"),
        ("bias=3", "model.bias must be true or false; got 3"),
        ("name=3", "model.name must be a text; got 3"),
        ("layer=3", "no setting 'model.layer': did you mean 'layers'?"),
        ("zzz=3", "no setting 'model.zzz': choose from bias, kind, layers"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(setting, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Sizes.from_dict(override({}, [f"model.{setting}"])["model"], "model")


@pytest.mark.parametrize("text", ["layers", "=3", ""])
def test_set_takes_name_and_value(text):
    with pytest.raises(ConfigError, match="--set takes NAME=VALUE, as in model.layers=12"):
        override({}, [text])


def test_an_item_of_a_list_is_named_by_its_number():
    values = {
        "model": {"levels": [{"layers": 2, "kind": "large"}, {"layers": 3}], "widths": [1, 2]}
    }

    changed = override(values, ["model.levels[0].layers=12", "model.widths[1]=5"])

    assert changed["model"]["levels"] == [{"layers": 12, "kind": "large"}, {"layers": 3}]
    assert changed["model"]["widths"] == [1, 5]
    assert values["model"]["levels"][0]["layers"] == 2


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("model.levels[5].layers=12", "a list has no item of that number"),
        ("model.levels.first=12", "invalid literal"),
        ("explore=[model.levels[0].layers]", "a value is no YAML; a text that holds brackets"),
        ("explore=[1", "a value is no YAML"),
    ],
)
def test_what_cannot_be_set_is_told_in_one_line(setting, words):
    with pytest.raises(ConfigError, match=words) as caught:
        override({"model": {"levels": [{"layers": 2}]}}, [setting])
    assert "\n" not in str(caught.value)


def test_a_table_cannot_become_a_number():
    values = override({"model": {"layers": 2}}, ["model=3"])
    with pytest.raises(ConfigError, match="model must be a table of settings; got 3"):
        Sizes.from_dict(values["model"], "model")


@given(
    st.builds(
        Sizes,
        layers=st.integers(-(10**9), 10**9),
        rate=st.floats(allow_nan=False, allow_infinity=False),
        widths=st.lists(st.integers(0, 99), max_size=4).map(tuple),
        name=st.none() | st.text("abc é${}\\:#-'", min_size=1).map(lambda text: f"x{text}x"),
        bias=st.booleans(),
    )
)
def test_settings_survive_their_file(tmp_path_factory, sizes):
    path = tmp_path_factory.mktemp("settings") / "config.yaml"
    write_yaml(path, {"model": sizes.to_dict()})
    assert Sizes.from_dict(read_yaml(path)["model"]) == sizes


@pytest.mark.parametrize("text", ["a: [1", "- 1", "\x00"])
def test_a_file_that_is_no_settings_is_named(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        read_yaml(path)
