"""Evaluating once a step, and evaluating with care: `cached` and `checked`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from typica.core.errors import ExpressionError
from typica.expressions.door import check_value
from typica.expressions.formula import Formula


@contextmanager
def cached(model: nn.Module) -> Iterator[None]:
    """Evaluate each expression of a model once a step, within a `with` block.

    A value is computed when it is first read and kept until a leaf changes, an optimiser steps,
    the gradient has passed through it, or the block ends; gradients and autocast being switched
    on or off also make it be computed anew. Compiled code does not need it: there, equal reads
    are one already.

    Raises:
        ExpressionError: A value was changed in place.
    """
    cache = _Cache()
    hook = register_optimizer_step_post_hook(lambda *_: cache.clear())
    try:
        with _reading(model, lambda formula, _: cache.read(formula)):
            yield
    finally:
        hook.remove()
        cache.clear()


@contextmanager
def checked(model: nn.Module) -> Iterator[None]:
    """Check every value of a model's expressions when it is read, within a block.

    For finding mistakes: it takes time, and keeps the last value of each expression.

    Raises:
        ExpressionError: A value changes its type or shape, is not finite, or was changed in place
            since it was read: such a change is lost.
    """
    watch = _Watch()
    with _reading(model, watch.read):
        yield
        watch.look()


Reader = Callable[[Formula], Tensor]


@contextmanager
def _reading(model: nn.Module, read: Callable[[Formula, Reader | None], Tensor]) -> Iterator[None]:
    """Let all formulas of a model be read by a function, given the one in force before."""
    formulas = [module for module in model.modules() if isinstance(module, Formula)]
    before = [formula.reader for formula in formulas]
    for formula, reader in zip(formulas, before, strict=True):
        formula.reader = lambda formula, reader=reader: read(formula, reader)
    try:
        yield
    finally:
        for formula, reader in zip(formulas, before, strict=True):
            formula.reader = reader


class _Entry:
    """One value, and what it was computed from."""

    def __init__(self, value: Tensor, made_from: list[Any]) -> None:
        self.value, self.made_from, self.spent = value, made_from, False
        self.version = _version(value)
        if value.requires_grad and not value.is_leaf:
            # Its graph is freed by then.
            value.register_hook(self._spend)

    def _spend(self, gradient: Tensor) -> None:
        self.spent = True


class _Cache:
    def __init__(self) -> None:
        self.entries: dict[int, _Entry] = {}

    def clear(self) -> None:
        self.entries.clear()

    def read(self, formula: Formula) -> Tensor:
        entry = self.entries.get(id(formula))
        if entry is not None:
            refuse_changed(formula, entry.value, entry.version)
        leaves = formula.leaf_values()
        made_from = _state(leaves)
        if entry is None or entry.spent or not _same(entry.made_from, made_from):
            entry = _Entry(formula.program.run(leaves), made_from)
            self.entries[id(formula)] = entry
        return entry.value


class _Watch:
    def __init__(self) -> None:
        self.seen: dict[int, tuple[Formula, Tensor, int]] = {}

    def read(self, formula: Formula, reader: Reader | None) -> Tensor:
        self.look(formula)
        value = reader(formula) if reader else formula.evaluate()
        before = self.seen.get(id(formula))
        check_value(value, before[1] if before else None, formula.label)
        if not torch.isfinite(value).all():
            raise ExpressionError(f"{formula.label}: {formula!r} is not finite")
        # Detached it keeps the memory and the version, but not the graph.
        self.seen[id(formula)] = formula, value.detach(), _version(value)
        return value

    def look(self, formula: Formula | None = None) -> None:
        """Raise if a value was changed since it was read."""
        for known, value, version in list(self.seen.values()):
            if formula is None or known is formula:
                refuse_changed(known, value, version)


def refuse_changed(formula: Formula, value: Tensor, version: int) -> None:
    """Raise if an evaluated value was changed in place.

    Raises:
        ExpressionError: It was, and the change would be lost.
    """
    if _version(value) != version:
        raise ExpressionError(
            f"{formula.label}: you changed a temporary: it is computed by {formula!r} at each"
            " read, so a change in place is lost; change its leaves (get_params), or remove() first"
        )


def _state(leaves: list[Any]) -> list[Any]:
    """What a value depends on: which leaves, at which version, and the modes of torch."""
    state: list[Any] = [torch.is_grad_enabled(), torch.is_inference_mode_enabled()]
    for leaf in leaves:
        tensors = [*leaf.parameters(), *leaf.buffers()] if isinstance(leaf, nn.Module) else [leaf]
        for tensor in tensors:
            state += [tensor, _version(tensor), tensor.dtype, tensor.device]
            kind = tensor.device.type
            if torch.is_autocast_enabled(kind):
                state.append(torch.get_autocast_dtype(kind))
    return state


def _same(one: list[Any], other: list[Any]) -> bool:
    if len(one) != len(other):
        return False
    pairs = zip(one, other, strict=True)
    return all(a is b if isinstance(a, Tensor) else a == b for a, b in pairs)


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version
