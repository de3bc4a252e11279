"""The kernel of gated networks in numba: for machines without a C++ compiler."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from typica.core.errors import ConfigError
from typica.core.kernels import compiled
from typica.engines.gated.job import Job
from typica.engines.gated.layout import lay_out
from typica.engines.job import Floats
from typica.engines.memory import LINE, streaming
from typica.engines.packing import Weights
from typica.layers.gated_network import GatedNetwork

SOURCES = [f"numba_{part}.py" for part in ("draw", "loop", "rows", "shapes", "vectors")]


class NumbaKernel:
    """Runs streams of a network; see `Kernel`.

    Raises:
        ConfigError: Weights are asked for that are not float32.
        MissingFeatureError: numba is not installed.
    """

    measures = True
    searches = False
    turns: tuple[str, ...] = ()

    def __init__(self, network: GatedNetwork, weights: Weights) -> None:
        if weights != "float32":
            raise ConfigError(
                f"numba computes with float32 alone, not {weights}: ask for weights=float32, "
                f"or install a C++ compiler, such as by apt install g++"
            )
        self._run_streams = _compiled()
        from typica.engines.gated.numba_vectors import LANES

        layout = lay_out(network, 2 * LANES, weights)
        self.shapes = layout.shapes
        self.name = f"numba, float32, {32 * LANES} bits"
        # The code knows addresses alone: these are kept as long as it may be called.
        self._kept: list[NDArray[Any]] = []
        matrices, fixed = streaming(layout.matrices.values, layout.fixed.values)
        self.bytes = matrices.nbytes + fixed.nbytes
        self._network = self._constants(self._keep(fixed), self._keep(matrices))

    def run(self, job: Job, begin: int, end: int) -> None:
        """See `Kernel.run`; other threads of Python go on meanwhile."""
        block, group = _block(job), self.shapes["GROUP"]
        rows = min(group, end - begin)
        sizes = _room(self.shapes, rows)
        places = np.cumsum([0, *(-(-size * 4 // LINE) * LINE for size in sizes.values())])
        room = np.empty(places[-1] + LINE, np.uint8)
        begin_at = -(-_address(room) // LINE) * LINE
        buffers = _tuple("Buffers", dict(zip(sizes, begin_at + places, strict=False)))
        for first in range(begin, end, rows):
            self._run_streams(self._network, block, first, min(rows, end - first), buffers)

    def _constants(self, fixed: int, weights: int) -> Any:
        """Return the `Network` of numba_shapes.py."""
        shapes = self.shapes
        own = self._known({n: value for n, value in shapes.items() if not isinstance(value, dict)})
        own |= {"fixed": fixed, "weights": weights}
        own |= {"main": _tuple("Stack", self._known(shapes["Main"]))}
        own |= {"second": _tuple("Stack", self._known(shapes["Context"]))}
        own |= {"main_input": _tuple("Input", self._known(shapes["MainInput"]))}
        own |= {"second_input": _tuple("Input", self._known(shapes["ContextInput"]))}
        return _tuple("Network", own)

    def _known(self, shapes: dict[str, Any]) -> dict[str, Any]:
        """Return constants by the names of numba_shapes.py; lists of places as their address."""
        own = {}
        for name, value in shapes.items():
            if isinstance(value, list):
                value = self._keep(np.array(value, np.int64))
            own[name.lower()] = np.float32(value) if isinstance(value, float) else value
        return own

    def _keep(self, array: NDArray[Any]) -> int:
        self._kept.append(array)
        return _address(array)


@cache
def _compiled() -> Any:
    """Return `run_streams` of numba_loop.py, compiled at its first call or read from the cache.

    Raises:
        MissingFeatureError: numba is not installed.
    """
    return compiled(
        "typica.engines.gated.numba_loop",
        "run_streams",
        [files("typica.engines.gated").joinpath(name).read_bytes() for name in SOURCES],
        needed_for="compiling without a C++ compiler",
        error_model="numpy",
        nogil=True,
    )


def _block(job: Job) -> Any:
    """Return the `Block` of numba_shapes.py."""
    from typica.engines.gated.numba_shapes import Block

    length, count = job.symbols.shape
    own: dict[str, Any] = {"length": length, "streams": count, "time": job.time}
    own["temperature"] = np.float32(job.temperature)
    arrays = {name: getattr(job, name) for name in Block._fields if name not in own}
    own |= {name: 0 if value is None else _address(value) for name, value in arrays.items()}
    return _tuple("Block", own)


def _room(shapes: dict[str, Any], rows: int) -> dict[str, int]:
    """Return the sizes of the `Buffers` of numba_shapes.py, in floats."""
    main, second = shapes["Main"], shapes["Context"]
    widths = [stack[name] for stack in (main, second) for name in ("CHANNELS", "SKIP")]
    widest, gate = rows * max(*widths, *shapes["HEAD"]), rows * max(main["GATE"], second["GATE"])
    drive = rows * main["LAYERS"] * 2 * main["GATE"]
    sizes = dict.fromkeys(("x", "skips", "other"), widest)
    sizes |= {"gates": 2 * gate, "product": gate}
    sizes |= {"before": shapes["CHUNK"] * drive, "drive": drive, "told": drive}
    sizes |= {"gathered": shapes["CHUNK"] * rows * main["CHANNELS"]}
    sizes |= {"context_drive": rows * second["LAYERS"] * 2 * second["GATE"]}
    return sizes | dict.fromkeys(("one", "two", "parts"), shapes["OUTPUTS"])


def _tuple(name: str, values: dict[str, Any]) -> Any:
    """Return one of the tuples of numba_shapes.py."""
    from typica.engines.gated import numba_shapes

    kind = getattr(numba_shapes, name)
    return kind(**{field: values[field] for field in kind._fields})


def _address(array: Floats | NDArray[Any]) -> int:
    assert array.flags.c_contiguous
    return array.ctypes.data
