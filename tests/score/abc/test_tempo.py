from fractions import Fraction

import pytest

from typica.core.errors import DataError
from typica.score.abc.tempo import USUAL, quarters_per_minute


@pytest.mark.parametrize(
    ("text", "quarters"),
    [
        ("1/4=120", 120),
        ("3/8 = 50", 75),
        ('"Allegro" 1/2=80', 160),
        ('3/8=60 "Slowly"', 90),
        ("1/4 3/8 1/4 3/8=40", 200),
        ("1/4=92.5", 92.5),
        ("160", 80),  # unit notes, here eighths
        ("C=160", 80),
        ("C3=40", 60),
        ('"Andante"', USUAL),
        ("", USUAL),
    ],
)
def test_a_tempo_counts_quarters(text, quarters):
    assert quarters_per_minute(text, Fraction(1, 8)) == quarters


@pytest.mark.parametrize("text", ["fast", "1/0=100", "1/4=0", "1/4=1000000000", "=100", "1/4="])
def test_what_is_no_tempo_is_refused(text):
    with pytest.raises(DataError, match="is no tempo"):
        quarters_per_minute(text)
