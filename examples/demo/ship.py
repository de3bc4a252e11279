"""Put a trained run into the package: `typica stream demo` plays it.

    python examples/demo/ship.py runs/demo [CHECKPOINT]

Writes src/typica/shipped/NAME: the configuration without the place of the corpus, the weights, the
card, and the monitor's calibration. `typica evaluate NAME --checkpoints` tells which to choose.
"""

from __future__ import annotations

import sys
from pathlib import Path

import typica
from typica.actions.load import load
from typica.core.files import digest, replacing
from typica.core.run import SHIPPED, WEIGHTS, write_model
from typica.streaming.monitoring import FILE, monitor_for
from typica.typicality.monitor.monitor import Monitor

LARGEST = 5_000_000  # bytes


def main() -> None:
    """Write the folder, and refuse one that is too large."""
    run = Path(sys.argv[1])
    opened = load(sys.argv[2] if len(sys.argv) > 2 else run, "cpu")
    monitor = monitor_for(opened, opened.engine())
    config = {**opened.config, "corpus": {**opened.config["corpus"], "path": ""}}
    with replacing(SHIPPED / run.name) as folder:
        folder.mkdir()
        write_model(folder, opened.model, config)
        card = (run / "card.md").read_text().replace(str(run), run.name)
        (folder / "card.md").write_text(card)
        _of_these_weights(monitor, folder).save(folder / FILE)
        size = sum(file.stat().st_size for file in folder.iterdir())
        if size > LARGEST:
            raise SystemExit(f"{size} bytes are more than the package may grow by: {LARGEST}")
    print(SHIPPED / run.name, size, "bytes, by typica", typica.__version__)


def _of_these_weights(monitor: Monitor, folder: Path) -> Monitor:
    # A file that is written again has another digest, though the numbers in it are the same.
    return monitor.noting(weights=digest(folder / WEIGHTS))


if __name__ == "__main__":
    main()
