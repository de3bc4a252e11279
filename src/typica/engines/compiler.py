"""Turning a trained model into an engine."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch

from typica.core.bits import BitsEngine, BitsModel
from typica.core.cascade import Cascade
from typica.core.cascade_engine import CascadeEngine
from typica.core.drawable import is_drawable
from typica.core.engine import Engine, StepEngine
from typica.core.engine_state import model_digest
from typica.core.errors import ConfigError, MissingFeatureError, RunError, did_you_mean
from typica.core.framed import FramedEngine, FramedModel
from typica.core.model import AutoregressiveModel, Model
from typica.core.sliced import SlicedModel
from typica.engines.build import NoCompilerError
from typica.engines.job import Kernel
from typica.engines.packing import Weights
from typica.layers.attending_network import AttendingModel
from typica.layers.gated_network import GatedModel, GatedNetwork
from typica.layers.recurrent_network import RecurrentModel

Backend = Literal["auto", "c++", "numba", "graph", "torch"]

STEPS = (None, "auto", "torch")  # backends that the module's own steps will do for


class EngineWarning(UserWarning):
    """An engine is slower than it could be."""


def compile(  # noqa: A001 - what it is called as `engines.compile`
    model: Model,
    *,
    weights: Weights = "float32",
    backend: Backend = "auto",
    threads: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Engine:
    """Return an engine with the numbers of a model, as fast as this machine allows.

    It holds the weights as they are now; train the model further, and compile it again.

    Args:
        model: An autoregressive model. One around a gated stack is compiled for where it lies, one
            of recurrent tiers or of attention over a table for a CPU; others take their own steps.
        weights: How matrices are kept: "float32" gives the module's numbers; "bfloat16" and
            "int8" are about 1.5 and 2 times as fast and somewhat off: `engines.cost` tells by
            how much.
        backend: "c++" or "numba" for a CPU, "graph" for a GPU, "torch" for the module's own
            steps; "auto" takes the fastest there is, and says so where another would be faster.
        threads: Processors that streams are spread over; torch's own number if left out.
        say: Hears of what is slower than it could be; a warning if left out.

    Raises:
        ConfigError: The model is not autoregressive, or no engine is as asked for.
        RunError: A weight is not a number.
        NoCompilerError: C++ was asked for, and there is no compiler that works.
        MissingFeatureError: numba was asked for, and is not installed.
    """
    _check(model, weights, backend)
    if isinstance(model, Cascade | FramedModel):
        if weights != "float32":
            raise no_engine(f"the cascade {type(model).__name__}")
        levels = (model if isinstance(model, Cascade) else model.tokens).levels
        engines = [compile(one, backend=backend, threads=threads, say=say) for one in levels]
        return (
            CascadeEngine(model, engines)
            if isinstance(model, Cascade)
            else FramedEngine(model, engines)
        )
    if isinstance(model, SlicedModel):
        if weights != "float32":
            raise no_engine(f"the model of slices {type(model).__name__}")
        return model.engine(compile(model.inner, backend=backend, threads=threads, say=say))
    if isinstance(model, BitsModel):
        how: dict[str, Any] = {"backend": backend, "threads": threads, "say": say}
        return BitsEngine(model, compile(model.inner, weights=weights, **how))
    assert isinstance(model, AutoregressiveModel)
    return _compile(model, weights, backend, threads, say or _warn)


def _compile(
    model: AutoregressiveModel,
    weights: Weights,
    backend: Backend,
    threads: int | None,
    say: Callable[[str], None],
) -> Engine:
    """Return an engine of one model; see `compile`."""
    if isinstance(model, RecurrentModel | AttendingModel) and backend != "torch":
        return _native(model, weights, backend, threads, say)
    if backend == "torch" or not isinstance(model, GatedModel):
        if weights != "float32" or backend not in STEPS:
            raise no_engine(type(model).__name__)
        return StepEngine(model)
    kind = next(model.parameters()).device.type
    if kind not in ("cpu", "cuda"):
        if weights != "float32" or backend != "auto":
            raise no_engine(f"a model on {kind}")
        return StepEngine(model)
    on_cpu = kind == "cpu"
    with torch.no_grad():
        network = model.network()
    if backend == "graph" or (backend == "auto" and not on_cpu):
        if weights != "float32":
            raise no_engine("a CUDA graph")
        kernel: Kernel | None = _graph(network)
    elif on_cpu:
        kernel = _kernel(network, weights, backend, say)
    else:
        raise ConfigError(
            f"backend={backend} computes on the CPU, and the model does not lie there"
        )
    if kernel is None:
        return StepEngine(model)
    from typica.engines.gated.engine import GatedEngine

    threads = (threads or torch.get_num_threads()) if kernel.measures else 1
    return GatedEngine(model, network, kernel, model_digest(model), threads)


def engine_for(model: Model, **settings: Any) -> Engine | None:
    """Return `compile` of an autoregressive model, and None for another: it has no steps.

    Raises:
        ConfigError: Something was asked for that only engines have, and there is none.
    """
    if is_drawable(model):
        return compile(model, **settings)
    if settings.get("weights", "float32") != "float32" or settings.get("backend") not in STEPS:
        raise no_engine(type(model).__name__)
    return None


def _native(
    model: AutoregressiveModel,
    weights: Weights,
    backend: Backend,
    threads: int | None,
    say: Callable[[str], None],
) -> Engine:
    """Return an engine that there is in C++ and for a CPU alone, or the module's own steps."""
    on_cpu = next(model.parameters()).device.type == "cpu"
    if backend not in ("auto", "c++") or (not on_cpu and (backend, weights) != ("auto", "float32")):
        raise no_engine(type(model).__name__)
    if not on_cpu:
        return StepEngine(model)
    threads, digest = threads or torch.get_num_threads(), model_digest(model)
    make = _recurrent if isinstance(model, RecurrentModel) else _attending
    try:
        return make(model, weights, digest, threads)
    except NoCompilerError as error:
        if backend == "c++" or weights != "float32":
            raise
        say(f"{error}; until then the module takes its own steps, many times slower")
        return StepEngine(model)


def _recurrent(model: AutoregressiveModel, weights: Weights, digest: str, threads: int) -> Engine:
    from typica.engines.recurrent.engine import RecurrentEngine
    from typica.engines.recurrent.native import RecurrentKernel

    assert isinstance(model, RecurrentModel)
    with torch.no_grad():
        network = model.recurrent_network()
    return RecurrentEngine(model, network, RecurrentKernel(network, weights), digest, threads)


def _attending(model: AutoregressiveModel, weights: Weights, digest: str, threads: int) -> Engine:
    from typica.engines.attending.engine import AttendingEngine
    from typica.engines.attending.native import AttendingKernel

    assert isinstance(model, AttendingModel)
    with torch.no_grad():
        network = model.attending_network()
    return AttendingEngine(model, network, AttendingKernel(network, weights), digest, threads)


def _kernel(
    network: GatedNetwork, weights: Weights, backend: Backend, say: Callable[[str], None]
) -> Kernel | None:
    """Return the fastest kernel there is, or None."""
    reason = ""
    if backend in ("auto", "c++"):
        from typica.engines.gated.native import GatedKernel

        try:
            return GatedKernel(network, weights)
        except NoCompilerError as error:
            if backend == "c++":
                raise
            reason = str(error)
    try:
        from typica.engines.gated.compiled_numba import NumbaKernel

        kernel = NumbaKernel(network, weights)
    except MissingFeatureError:
        if backend == "numba":
            raise
        say(f"{reason}; until then the module takes its own steps, twenty times slower")
        return None
    if reason:
        say(f"{reason}; until then numba computes, more slowly and with float32 alone")
    return kernel


def _check(model: Model, weights: str, backend: str) -> None:
    if not is_drawable(model):
        name = type(model).__name__
        raise ConfigError(f"{name} is not autoregressive: it needs no engine")
    for what, value, known in (
        ("weights", weights, get_args(Weights)),
        ("backend", backend, get_args(Backend)),
    ):
        if value not in known:
            raise ConfigError(f"there are no {what} {value!r}: {did_you_mean(value, known)}")
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise RunError(f"weight {name} holds what is not a number: load another checkpoint")


def no_engine(what: str) -> ConfigError:
    """Return the error of an engine that there is not."""
    return ConfigError(
        f"there is no such engine of {what}: ask for weights=float32 and backend=auto"
    )


def _graph(network: GatedNetwork) -> Kernel:
    from typica.engines.gated.graph import GraphKernel

    return GraphKernel(network)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, EngineWarning, stacklevel=3)
