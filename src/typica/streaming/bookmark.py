"""Where a stream stopped, in a folder: with all that it takes to go on as if it had not.

`stream.json` says what it is; `state` is of the engine; `arrays.npz` holds what was drawn and not
heard, and where the randomness stands. Of a stream that was watched there are also the watch, and
the states to which a rescue may go back, each with the watch as it was there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from typica.core.engine import Engine, EngineState
from typica.core.errors import ConfigError, RunError
from typica.core.files import check_writable, replacing, write_json
from typica.streaming.rescue import Kept, Rescue, Tally
from typica.typicality.monitor.monitor import Monitor
from typica.typicality.monitor.watch import Watch

KIND = "typica stream, 1"
ABOUT, ARRAYS, STATE, WATCH = "stream.json", "arrays.npz", "state.safetensors", "watch.npz"


@dataclass(frozen=True)
class Bookmark:
    """A place in a stream.

    Attributes:
        rate: Hertz.
        state: Of the engine, behind all that was drawn.
        unheard: Amplitudes (samples,) that were drawn last and not heard: they come next.
        draws: State of the generator.
        device: Kind of device of the generator: another's draws are others.
        watch: What the monitor remembers, or None.
        rescue: Where it may go back to, or None.
    """

    rate: int
    state: EngineState
    unheard: NDArray[np.float32]
    draws: Tensor
    device: str
    watch: Watch | None = None
    rescue: Rescue | None = None

    def generator(self, device: torch.device) -> torch.Generator:
        """Return a generator that goes on drawing where the stream stopped.

        Raises:
            RunError: The stream was drawn on another kind of device.
        """
        if device.type != self.device:
            raise RunError(
                f"the stream was drawn on {self.device}, whose random numbers {device.type} does "
                f"not have: give --device {self.device}, or --seed to go on with others"
            )
        generator = torch.Generator(device)
        generator.set_state(self.draws)
        return generator

    def save(self, folder: Path) -> None:
        """Write it as a folder, whole or not at all; another bookmark there is replaced.

        Raises:
            ConfigError: There is something else in its place.
            DiskError: It cannot be written.
        """
        check_place(folder)
        with replacing(folder) as place:
            place.mkdir()
            about: dict[str, Any] = {"kind": KIND, "rate": self.rate, "device": self.device}
            self.state.save(place / STATE)
            arrays = {"unheard": self.unheard, "draws": self.draws.numpy()}
            _write_arrays(place / ARRAYS, arrays)
            if self.watch is not None and self.rescue is not None:
                _write_arrays(place / WATCH, self.watch.snapshot())
                _write_rescue(place, self.rescue)
                about["hears"] = _hears(self.watch.monitor)
                about["tally"] = asdict(self.rescue.tally)
                about["kept"] = [one is self.rescue.beginning for one in self.rescue.kept]
            write_json(place / ABOUT, about)


def check_place(folder: Path) -> None:
    """Refuse a place for a bookmark that is taken by something else, or cannot be written to.

    Raises:
        ConfigError: There is something else.
        DiskError: It cannot be written.
    """
    if folder.exists() and not (folder / ABOUT).is_file():
        raise ConfigError(f"{folder} is there and is no state of a stream: choose another name")
    check_writable(folder.with_name(f"{folder.name}.part"))


def check_bookmark(folder: Path) -> dict[str, Any]:
    """Return what a bookmark says of itself.

    Raises:
        RunError: It is none, or of another version.
    """
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder} is no state of a stream: --save-state writes one") from error
    if not isinstance(about, dict) or about.get("kind") != KIND:
        raise RunError(f"{folder} is no state of a stream of this version of typica")
    return about


def read_bookmark(folder: Path, engine: Engine, monitor: Monitor | None, rate: int) -> Bookmark:
    """Read what `Bookmark.save` wrote.

    A monitor that was calibrated anew since then, or that did not watch, begins to watch here.

    Args:
        folder: Where it lies.
        engine: Of the same model.
        monitor: What shall watch, or None.
        rate: Hertz of the run.

    Raises:
        RunError: It is no bookmark, damaged, or of another model.
    """
    about = check_bookmark(folder)
    try:
        state = _one_stream(engine.load(folder / STATE), folder)
        arrays = _arrays(folder / ARRAYS)
        watch = rescue = None
        if monitor is not None and about.get("hears") == _hears(monitor):
            watch = Watch.restored(monitor, _arrays(folder / WATCH))
            rescue = _read_rescue(folder, about, engine, monitor, rate)
        draws = torch.from_numpy(arrays["draws"])
        unheard = arrays["unheard"].astype(np.float32)
        return Bookmark(about["rate"], state, unheard, draws, about["device"], watch, rescue)
    except (OSError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise RunError(f"{folder} is damaged: it cannot be gone on from") from error


def _one_stream(state: EngineState, folder: Path) -> EngineState:
    if state.count != 1:
        raise RunError(f"{folder} holds {state.count} streams, not one")
    return state


def _write_rescue(place: Path, rescue: Rescue) -> None:
    for number, kept in enumerate([rescue.beginning, *rescue.kept]):
        if number and kept is rescue.beginning:
            continue
        kept.state.save(place / f"kept-{number:02d}.safetensors")
        _write_arrays(place / f"kept-{number:02d}.npz", kept.watch.snapshot())


def _read_rescue(
    folder: Path, about: Mapping[str, Any], engine: Engine, monitor: Monitor, rate: int
) -> Rescue:
    def read(number: int) -> Kept:
        watch = Watch.restored(monitor, _arrays(folder / f"kept-{number:02d}.npz"))
        return Kept(watch.at, engine.load(folder / f"kept-{number:02d}.safetensors"), watch)

    beginning = read(0)
    kept = [
        beginning if is_beginning else read(number)
        for number, is_beginning in enumerate(about["kept"], 1)
    ]
    return Rescue(rate, beginning, kept, Tally(**about["tally"]))


def _write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    np.savez(path, **cast(Any, arrays))


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    # Opened here: numpy leaves a damaged one open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _hears(monitor: Monitor) -> str:
    """Return a hash of what a watch's memory depends on: sizes, and the recordings' spectra."""
    told = [monitor.rate, monitor.grid.windows_s, monitor.reference.to_json()]
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()
