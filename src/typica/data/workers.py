"""Writing shards in several processes, which stop at once when they must."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from typica.core.errors import DataError
from typica.data import shards
from typica.data.source import Source
from typica.data.units import Settings, Unit


class Done(NamedTuple):
    """A unit of work that is done: its recordings, and the seconds of audio they became."""

    items: int
    seconds: float


def write_each(
    units: list[Unit], source: Source, settings: Settings, folder: Path, workers: int | None
) -> Iterator[Done]:
    """Write the shard of each unit, in this process or in several; yield as they are done.

    Joblib decides where the work runs: processes of this machine, unless the caller has chosen
    another backend by `joblib.parallel_config`.

    Raises:
        DataError: A process was killed.
        DiskError: A shard cannot be written.
    """
    from joblib import Parallel, cpu_count, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    workers = workers or cpu_count()
    if workers == 1 or not units:
        for unit in units:
            yield _write(source, unit, settings, folder)
        return
    with _holding_interrupts():
        results = Parallel(workers, batch_size=1, return_as="generator_unordered")(
            delayed(_write_silently)(source, unit, settings, folder) for unit in units
        )
    try:
        with closing(results):  # whatever happens, the workers are stopped
            yield from results
    except TerminatedWorkerError as error:
        raise DataError(
            "a process that read recordings was killed, by lack of memory or by a damaged file: "
            "run again with --workers 1"
        ) from error


def _write(source: Source, unit: Unit, settings: Settings, folder: Path) -> Done:
    return Done(len(unit.items), shards.write_shard(source, unit, settings, folder))


def _write_silently(source: Source, unit: Unit, settings: Settings, folder: Path) -> Done:
    with _without_stderr():
        return _write(source, unit, settings, folder)


@contextmanager
def _holding_interrupts() -> Iterator[None]:
    """Let Ctrl-C wait while the workers are started.

    They inherit that it waits, and so never hear of it: this process stops them.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # started below, it would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Silence the decoders, of which some print notes on each damaged file."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
