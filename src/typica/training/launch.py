"""Running one call in several processes at once, by torchrun.

The calling process starts torchrun, tells the progress that the first process sends, and
passes Ctrl-C on. What the processes send are lines of JSON on their standard output, each
after a mark: other output goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from types import FrameType
from typing import IO, Any

from typica.core.errors import ConfigError, RunError, TypicaError
from typica.core.progress import Progress
from typica.training.relay import MARK, Listener


@dataclass(frozen=True)
class Machines:
    """Who trains together.

    Attributes:
        processes: Processes on each machine.
        machines: How many machines.
        rank: Number of this one, from 0.
        rendezvous: Where the first machine is found, as "host:port".
    """

    processes: int = 1
    machines: int = 1
    rank: int = 0
    rendezvous: str | None = None

    def __post_init__(self) -> None:
        if min(self.processes, self.machines) < 1:
            raise ConfigError("--processes and --machines must be at least 1")
        if not 0 <= self.rank < self.machines:
            raise ConfigError(
                f"--machine-rank must be from 0 to {self.machines - 1}, got {self.rank}"
            )
        host, _, port = (self.rendezvous or "").rpartition(":")
        if self.machines > 1 and not (host and port.isdigit()):
            raise ConfigError("--machines needs --rendezvous HOST:PORT, the first machine's")

    @property
    def world(self) -> int:
        """Processes on all machines."""
        return self.processes * self.machines

    def torchrun(self) -> list[str]:
        """Return the arguments of torchrun."""
        shape = [f"--nnodes={self.machines}", f"--nproc-per-node={self.processes}"]
        if self.machines == 1:
            return [*shape, "--standalone"]
        host, _, port = str(self.rendezvous).rpartition(":")
        return [
            *shape,
            f"--node-rank={self.rank}",
            f"--master-addr={host}",
            f"--master-port={port}",
        ]


def launch(call: str, arguments: dict[str, Any], machines: Machines, progress: Progress) -> Any:
    """Call a function in several processes and return what the first one returns.

    Args:
        call: The function, as "module:name"; it also gets `expected`, the number of processes,
            and `progress`.
        arguments: What else it is given; plain values.
        machines: How many processes, and where.
        progress: Hears what the first process tells.

    Raises:
        TypicaError: What a process raised, or that one died.
        KeyboardInterrupt: Ctrl-C was pressed and the processes have stopped.
    """
    task = json.dumps({"call": call, "arguments": arguments | {"expected": machines.world}})
    module = ["-m", "typica.training.worker", task]
    command = [sys.executable, "-m", "torch.distributed.run", *machines.torchrun(), *module]
    with TemporaryFile("w+") as words:
        # In a session of its own, torchrun does not hear the terminal's Ctrl-C: its way of
        # passing it on kills processes that take long to end.
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            env=_environment(machines.processes),
            start_new_session=True,
        )
        assert process.stdout
        try:
            with process.stdout as lines:
                return _follow(process, lines, words, progress)
        finally:
            _end(process)


def _follow(
    process: subprocess.Popen[str], lines: IO[str], words: IO[str], progress: Progress
) -> Any:
    listener = Listener(progress)
    with listener, _passing_on(process, listener):
        for line in lines:
            if line.startswith(MARK):
                listener.hear(json.loads(line.removeprefix(MARK)))
            else:
                sys.stderr.write(line)
    code = process.wait()
    if listener.interrupted:
        raise KeyboardInterrupt
    if listener.error:
        raise TypicaError(listener.error)
    if code != 0:
        words.seek(0)
        raise RunError(f"a training process died: {_last_error(words.read())}; go on with --resume")
    return listener.result


@contextmanager
def _passing_on(process: subprocess.Popen[str], listener: Listener) -> Iterator[None]:
    """Pass Ctrl-C and SIGTERM on to the processes; a second time, end them at once."""
    asked = 0

    def hear(number: int, _: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 1 or not listener.workers:
            _end(process)
            raise KeyboardInterrupt
        for worker in listener.workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGINT)

    before = {}
    with suppress(ValueError):  # outside the main thread signals cannot be heard
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment(processes: int) -> dict[str, str]:
    """Share the cores among the processes; torchrun would give each a single one."""
    cores = max(1, len(os.sched_getaffinity(0)) // processes) if _has_affinity() else 1
    return {"OMP_NUM_THREADS": str(cores), "PYTHONUNBUFFERED": "1"} | dict(os.environ)


def _has_affinity() -> bool:
    return hasattr(os, "sched_getaffinity")  # not on macOS


def _last_error(words: str) -> str:
    """Pick the line of a Python error out of what was written to standard error."""
    lines = [line.strip() for line in words.splitlines()]
    errors = [line for line in lines if "Error: " in line and "ChildFailed" not in line]
    return errors[0] if errors else (lines[-1] if lines else "without a word")
