"""Numbers of things, met at the door."""

from __future__ import annotations

from numbers import Integral

from typica.core.errors import ConfigError


def check_whole(**counts: object) -> None:
    """Refuse what is no number of things, by the name that it was given under.

    Raises:
        ConfigError: One of them is no whole number of at least 1.
    """
    for name, count in counts.items():
        if not isinstance(count, Integral) or count < 1:
            raise ConfigError(f"{name} must be a whole number of at least 1, got {count}")
