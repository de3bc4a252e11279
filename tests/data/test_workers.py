import subprocess
import sys

# A script's own classes are sent to the workers as they are; a test's could not be imported there.
SCRIPT = """
import os, signal, sys
import numpy as np
from typica.core.errors import TypicaError
from typica.data.prepare import prepare
from typica.data.source import Item, Sound, Source

def holds_interrupts():
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

class Telling(Source):
    # The class of a recording tells of the process that has read it.
    name, licence, made = "telling", "CC0-1.0", "written for a test"

    def __init__(self):
        self.parent = os.getpid()

    def items(self):
        return [Item(name, 10**9, "1") for name in "abcd"]

    def open(self, item):
        if self.name == "deadly":
            os._exit(1)
        os.write(2, b"a note of a decoder")
        noise = np.random.default_rng(ord(item.id)).uniform(-1, 1, (9000, 1)).astype("f4")
        who = "parent" if os.getpid() == self.parent else "worker"
        return Sound(16000, [noise], f"{who} {holds_interrupts()}")

if __name__ == "__main__":
    source = Telling()
    source.name = sys.argv[3] if sys.argv[3:] else source.name
    try:
        print(prepare(source, sys.argv[1] + "/x", workers=int(sys.argv[2])).labels)
    except TypicaError as error:
        print(error)
    print(holds_interrupts())
"""


def run(folder, *arguments):
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, folder / "script.py", folder, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_workers_never_hear_of_ctrl_c_and_do_not_talk(tmp_path):
    done = run(tmp_path, 2)

    assert done.stdout.splitlines() == ["['worker True']", "False"]
    assert done.stderr == ""


def test_one_worker_is_the_process_itself(tmp_path):
    done = run(tmp_path, 1)

    assert done.stdout.splitlines() == ["['parent False']", "False"]


def test_a_worker_that_is_killed_is_told_in_a_sentence(tmp_path):
    done = run(tmp_path, 2, "deadly")

    assert done.stdout.splitlines()[0] == (
        "a process that read recordings was killed, by lack of memory or by a damaged file: "
        "run again with --workers 1"
    )
