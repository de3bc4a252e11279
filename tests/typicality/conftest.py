import json
from pathlib import Path

import pytest


def as_numbers(value):
    """Return tables with the decimal strings of their numbers as floats."""
    if isinstance(value, dict):
        return {key: as_numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_numbers(one) for one in value]
    if isinstance(value, str) and value not in ("total", "dim"):
        return float(value)
    return value


@pytest.fixture(scope="session")
def oracles():
    """Tables that oracles.py computed to 25 digits, by their names, with floats in them."""
    return as_numbers(json.loads(Path(__file__).with_name("oracles.json").read_text("utf-8")))
