"""Systems and presets: what stands in the folder exists."""

import pytest

from typica.core import registry
from typica.core.errors import ConfigError


def test_every_system_has_a_family():
    assert registry.families()["wavenet"] == "autoregressive"


def test_a_misspelt_system_names_its_neighbour():
    with pytest.raises(ConfigError, match="no system 'wavnet': did you mean 'wavenet'"):
        registry.find("wavnet")
    with pytest.raises(ConfigError, match="no system 'wavnet': did you mean 'wavenet'"):
        registry.preset("wavnet", "small")


def test_a_misspelt_preset_names_its_neighbour():
    with pytest.raises(ConfigError, match="wavenet has no preset 'smal': did you mean 'small'"):
        registry.preset("wavenet", "smal")
