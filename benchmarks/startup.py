"""How long `typica --help` and `import typica` take, against their targets.

python benchmarks/startup.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

HELP_S, IMPORT_S = 0.6, 0.1


def seconds(*code: str) -> float:
    """Return the wall time of a fresh Python that runs a line."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", *code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    """Print the medians; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = range(parser.parse_args().rounds)
    bare = statistics.median(seconds("pass") for _ in rounds)
    imported = statistics.median(seconds("import typica") for _ in rounds) - bare
    run = "import sys; from typica.cli import main; sys.argv = ['typica', '--help']; main()"
    helped = statistics.median(seconds(run) for _ in rounds)
    print(f"python          {bare:.3f} s")
    print(f"import typica   {imported:.3f} s more; target {IMPORT_S} s")
    print(f"typica --help   {helped:.3f} s in all; target {HELP_S} s")
    return int(imported > IMPORT_S or helped > HELP_S)


if __name__ == "__main__":
    sys.exit(main())
