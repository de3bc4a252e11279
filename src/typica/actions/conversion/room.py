"""Whether what a conversion makes fits into memory: told before it is tried."""

from __future__ import annotations

import torch

from typica.core.errors import DataError
from typica.training.memory import free_bytes


def check_fits(need: float, what: str, mend: str) -> None:
    """Refuse what would not fit into the memory that is free.

    Args:
        need: Bytes, with the arrays that are made on the way.
        what: As which it is to be, in words.
        mend: What to do instead.

    Raises:
        DataError: It would not; the message is the reason alone.
    """
    free = free_bytes(torch.device("cpu"))
    if free is not None and need > free:
        raise DataError(
            f"as {what} it needs {need / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} are "
            f"free: {mend}"
        )
