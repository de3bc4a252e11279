"""Settings as their configurations tell of them."""

from dataclasses import dataclass, field

import pytest

from typica.core import registry
from typica.core.config import Config
from typica.core.described import Setting, settings_of
from typica.training.settings import DataConfig, PhaseConfig, SamplingConfig, TrainingConfig


@dataclass(frozen=True)
class _Base(Config):
    """Whatever: a text.

    Attributes:
        width: Of all,
            and of more.
        frames: None for
            a part.
    """

    width: int = 3
    frames: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class _Derived(_Base):
    """More.

    Attributes:
        other: See: there.

    Source: nobody.
    """

    other: dict[str, int] = field(default_factory=dict)
    untold: bool = False


def test_settings_are_told_with_their_defaults_and_those_of_the_base():
    assert settings_of(_Derived, "model") == [
        Setting("model.width", 3, "Of all, and of more."),
        Setting("model.frames", [1, 2], "None for a part."),
        Setting("model.other", {}, "See: there."),
        Setting("model.untold", False, ""),
    ]


@pytest.mark.parametrize("name", registry.names())
def test_every_setting_of_a_system_says_what_it_is(name):
    told = settings_of(registry.find(name).config_type, "model")
    assert [one.name for one in told if not one.meaning] == []


@pytest.mark.parametrize("kind", [DataConfig, TrainingConfig, SamplingConfig, PhaseConfig])
def test_every_setting_of_a_training_says_what_it_is(kind):
    assert all(one.meaning for one in settings_of(kind, "x"))
