import pytest

from typica.core.errors import ConfigError
from typica.score.instruments import program_of


def test_programs_are_counted_from_the_piano():
    assert program_of("piano") == 0
    assert program_of("choir") == 52


def test_an_unknown_instrument_is_refused_with_its_neighbour():
    with pytest.raises(ConfigError, match="no instrument 'oragn': did you mean 'organ'"):
        program_of("oragn")
