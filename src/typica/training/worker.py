"""One of several processes: `python -m typica.training.worker JSON`, started by torchrun."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module

from typica.core.errors import TypicaError
from typica.core.progress import SILENT
from typica.training.relay import Relay, send


def main(task: str) -> int:
    """Call the function that the task names, and send what becomes of it."""
    send(kind="worker", pid=os.getpid())
    wanted = json.loads(task)
    module, _, name = wanted["call"].partition(":")
    first = os.environ["RANK"] == "0"
    try:
        value = getattr(import_module(module), name)(
            **wanted["arguments"], progress=Relay() if first else SILENT
        )
    except TypicaError as error:
        send(kind="error", sentence=str(error))
        return 1
    except KeyboardInterrupt:
        send(kind="interrupted")
        return 0
    if os.environ["LOCAL_RANK"] == "0":  # the command on each machine waits for a result
        send(kind="result", value=value)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
