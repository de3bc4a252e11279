"""The whole road, timed: `typica quickstart` against its targets, or the preset `small`.

    python benchmarks/quickstart.py            # under 5 minutes, Markov less 0.6 bit
    python benchmarks/quickstart.py --small    # half an hour of training, Markov less 1.2 bits

In a folder of its own, with a corpus made anew. Bits a sample are of held-out recordings, under
8-bit mu-law levels; level, flatness and periodicity of the music drawn stand beside those of
held-out recordings.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

QUICK_S, QUICK_BITS, SMALL_BITS = 300, 0.6, 1.2
SHOWN = ("level_db", "silence", "clipped", "flatness", "periodicity", "spectral_distance_db")


def main() -> int:
    """Print the figures; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="train the preset small instead")
    parser.add_argument("--keep", type=Path, help="folder for what is made")
    options = parser.parse_args()
    place = (options.keep or Path(tempfile.mkdtemp(prefix="typica-road-"))).absolute()
    place.mkdir(parents=True, exist_ok=True)
    os.environ |= {"TYPICA_DATA": str(place / "data"), "TYPICA_RUNS": str(place / "runs")}
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.chdir(place)
    began = time.monotonic()
    findings = small() if options.small else quick()
    took = time.monotonic() - began
    told = findings.to_dict()
    bits = {row["name"]: row["bits"] for row in told["baselines"]}
    bits["model"] = told["bits_per_sample"]["bits"]
    for name, value in sorted(bits.items(), key=lambda pair: pair[1]):
        print(f"{value:6.3f} bits a sample  {name}")
    for name in SHOWN:
        pair = (told["health"][whose][name] for whose in ("samples", "recordings"))
        figures = ("-" if value is None else f"{value:.4f}" for value in pair)
        print(f"{name:<22} {' '.join(f'{figure:>10}' for figure in figures)}  (drawn, held out)")
    gain, wanted = bits["first-order Markov"] - bits["model"], QUICK_BITS
    missed = []
    if options.small:
        wanted = SMALL_BITS
    elif took > QUICK_S:
        missed.append("time")
    if gain < wanted:
        missed.append("bits")
    print(f"{took / 60:.1f} minutes in all; {gain:.2f} bits under Markov, target {wanted}")
    print(f"verdict: {told['verdict']['word']}; everything is in {place}")
    print(f"missed: {', '.join(missed)}" if missed else "all targets met")
    return int(bool(missed))


def quick():  # noqa: ANN201
    """Run `typica quickstart`."""
    from typica.actions.quickstart import quickstart
    from typica.cli._bars import Bars

    return quickstart(Path("quickstart"), progress=Bars()).findings


def small():  # noqa: ANN201
    """Train the preset `small` as it stands, and evaluate it."""
    from typica.actions.evaluate import evaluate
    from typica.actions.prepare_data import prepare_data
    from typica.actions.train import train
    from typica.cli._bars import Bars

    bars = Bars()
    corpus = prepare_data("chorales", progress=bars)
    run = train("wavenet", corpus.path, "small", name="small", progress=bars)
    return evaluate(run, progress=bars).findings


if __name__ == "__main__":
    sys.exit(main())
