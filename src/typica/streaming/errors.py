"""What can go wrong between a performance and its listeners."""

from __future__ import annotations

from typica.core.errors import TypicaError


class StreamError(TypicaError):
    """A stream cannot be heard, or cannot go on."""
