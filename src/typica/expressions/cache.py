"""Evaluating once a step, and evaluating with care: `cached` and `checked`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
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
        with _reading(model, cache.read):
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
def _reading(model: nn.Module, read: Reader) -> Iterator[None]:
    """Let all formulas of a model be read by a function."""
    formulas = [module for module in model.modules() if isinstance(module, Formula)]
    for formula in formulas:
        formula.readers.append(read)
    try:
        yield
    finally:
        # Each takes its own away: blocks of several threads end in any order.
        for formula in formulas:
            formula.readers.remove(read)


def _below(formula: Formula, read: Reader) -> Tensor:
    """Read a formula as if a reader were not there."""
    place = formula.readers.index(read) if read in formula.readers else 0
    return formula.readers[place - 1](formula) if place else formula.evaluate()


class _Seen:
    """A value that was read, and whether it has been changed since."""

    def __init__(self, formula: Formula, value: Tensor, leaves: list[Any]) -> None:
        self.formula, self.value = formula, value
        # What is a leaf itself, or shows one from another side, changes as its leaf does.
        root = value if value._base is None else value._base
        borrowed = any(root is leaf or root is getattr(leaf, "_base", None) for leaf in leaves)
        self.version = None if borrowed or value.is_inference() else _version(value)

    def refuse_changed(self) -> None:
        """Raise if the value was changed in place.

        Raises:
            ExpressionError: It was, and the change would be lost.
        """
        if self.version in (None, _version(self.value)):
            return
        self.version = None  # it is said once
        raise ExpressionError(
            f"{self.formula.label}: you changed a temporary: it is computed by {self.formula!r} at"
            " each read, so a change in place is lost; change its leaves (get_params), or"
            " remove() first"
        )


class _Entry(_Seen):
    """A value that is kept, and what it was computed from."""

    def __init__(
        self, formula: Formula, value: Tensor, leaves: list[Any], state: list[Any]
    ) -> None:
        super().__init__(formula, value, leaves)
        self.state, self.spent = state, False
        if value.requires_grad and not value.is_leaf:
            # Its graph is freed by then. Weak, or value and entry would keep each other alive.
            entry = weakref.ref(self)
            value.register_hook(lambda _: _spend(entry()))


def _spend(entry: _Entry | None) -> None:
    if entry is not None:
        entry.spent = True


class _Cache:
    def __init__(self) -> None:
        self.entries: dict[int, _Entry] = {}

    def clear(self) -> None:
        self.entries.clear()

    def read(self, formula: Formula) -> Tensor:
        # By the expression, which a formula shares with the copies that refer to it.
        entry = self.entries.pop(id(formula.expression), None)
        if entry is not None:
            entry.refuse_changed()
        leaves = formula.leaf_values()
        state = _state(leaves)
        if entry is None or entry.spent or not _same(entry.state, state):
            with _aside():
                value = _below(formula, self.read)
            entry = _Entry(formula, value, leaves, state)
        self.entries[id(formula.expression)] = entry
        return entry.value


class _Watch:
    def __init__(self) -> None:
        self.seen: dict[int, _Seen] = {}

    def read(self, formula: Formula) -> Tensor:
        before = self.seen.get(id(formula))
        if before is not None:
            before.refuse_changed()
        value = _below(formula, self.read)
        check_value(value, before.value if before else None, formula.label)
        if not torch.isfinite(value).all():
            raise ExpressionError(f"{formula.label}: {formula!r} is not finite")
        seen = _Seen(formula, value, formula.leaf_values())
        # Detached it keeps the memory and the version, but not the graph.
        seen.value = value.detach()
        self.seen[id(formula)] = seen
        return value

    def look(self) -> None:
        for seen in self.seen.values():
            seen.refuse_changed()


def is_checked(formula: Formula) -> bool:
    """Whether every value of a formula is looked at now."""
    return any(isinstance(getattr(read, "__self__", None), _Watch) for read in formula.readers)


@contextmanager
def _aside() -> Iterator[None]:
    """Keep what an evaluation saves from activation checkpoints, which count what is saved.

    The pass that they repeat reads the kept value and would save less than the first.
    """
    try:
        hooks = saved_tensors_hooks(_itself, _itself)
        hooks.__enter__()
    except RuntimeError:  # torch.func allows none: there are no checkpoints in there either
        yield
        return
    try:
        yield
    finally:
        hooks.__exit__()


def _itself(tensor: Tensor) -> Tensor:
    return tensor


def _state(leaves: list[Any]) -> list[Any]:
    """What a value depends on: which leaves, at which version, and the modes of torch."""
    state: list[Any] = [torch.is_grad_enabled(), torch.is_inference_mode_enabled()]
    for leaf in leaves:
        tensors = [leaf]
        if isinstance(leaf, nn.Module):
            tensors = [*leaf.parameters(), *leaf.buffers()]
            state += [part.training for part in leaf.modules()]
        for tensor in tensors:
            kind = tensor.device.type
            state += [tensor, _version(tensor), _place(tensor), tensor.requires_grad]
            if torch.is_autocast_enabled(kind):
                state.append(torch.get_autocast_dtype(kind))
    return state


def _same(one: list[Any], other: list[Any]) -> bool:
    if len(one) != len(other):
        return False
    pairs = zip(one, other, strict=True)
    return all(a is b if isinstance(a, Tensor) else a == b for a, b in pairs)


def _place(tensor: Tensor) -> tuple[Any, ...]:
    """Where a tensor's numbers lie: assigning to `.data` changes that, but not its version."""
    try:
        return tensor.dtype, tensor.device, tensor.data_ptr()
    except RuntimeError:  # wrapped by torch.func, and another tensor at each call
        return tensor.dtype, tensor.device


def _version(tensor: Tensor) -> Any:
    # Tensors of inference mode do not count their changes: equal to nothing, they are read anew.
    return object() if tensor.is_inference() else tensor._version
