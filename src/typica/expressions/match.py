"""Pretrained layers as expressions: `match` sets the leaves so that the value stays what it was.

An expression is inverted from its root to its leaves, one call after the other, by rules that know
the inverse of one function each; what comes out is evaluated and compared before anything changes.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core.errors import ExpressionError
from typica.expressions.door import check_cycle, check_module, check_value, first_value
from typica.expressions.expression import Call, Expression, Learnt, Part
from typica.expressions.formula import SUFFIX, Formula
from typica.expressions.functions import function_name
from typica.expressions.install import set_param
from typica.expressions.inverses import Arguments, exact, forms, inverse_for, inverse_of
from typica.expressions.paths import owner_of
from typica.expressions.program import Program

__all__ = ["Arguments", "inverse_of", "match"]


def match(
    module: nn.Module, name: str, expression: Expression, *, nearest: bool = False, **tags: bool
) -> None:
    """Give a module's parameter an expression, whose leaves are set so that the value stays.

    Set are the trainable leaves that no module learns already; `learn(module.weight)`, which takes
    the parameter itself, may be set too. Values that hold to 1e-5 of the greatest entry
    (in float32; 1e-10 in float64) are the same.

    Args:
        module: The module.
        name: Its parameter or buffer, or the path of one inside.
        expression: The expression, of functions whose inverse is known: torch's common ones, and
            all ready-made ones. `inverse_of` makes others known.
        nearest: Whether to accept the nearest value that is found where the expression cannot have
            the present one: of a product of low rank, the nearest in the sum of squares.
        tags: As in `set_param`.

    Raises:
        ExpressionError: The expression cannot have the value, or `set_param` refuses it.
        ShapeError: It has another shape. In all cases the module and the leaves are as they were.
    """
    module, name = owner_of(module, name)
    check_module(module, name)
    label = f"{type(module).__name__}.{name}"
    target = _target(module, name, label)
    if not isinstance(expression, Expression):
        raise ExpressionError(
            f"{label}: match takes an expression, got a {type(expression).__name__}"
        )
    formula = Formula(expression, label)
    check_cycle(formula, module, name)
    check_value(first_value(formula), target, label)
    search = _Search(formula.program, label, _holders(formula, module, name))
    with search.parts_kept(), torch.no_grad():
        search.run(expression, target, nearest)
        with _changed(search.found):
            set_param(module, name, expression, **tags)


def _target(module: nn.Module, name: str, label: str) -> Tensor:
    present = getattr(module, name)
    if present is None:
        raise ExpressionError(f"{label} is None and has no value to match: use set_param")
    if not (present.is_floating_point() or present.is_complex()):
        raise ExpressionError(
            f"{label} is {present.dtype}: whole numbers cannot be matched, use set_param"
        )
    if present.is_meta or not _is_finite(present):
        raise ExpressionError(f"{label} has no finite value to match: use set_param")
    return present.detach().clone()


class _Search:
    """Looks for values of an expression's leaves that give it a value.

    Attributes:
        found: The new values of parameters.
    """

    def __init__(self, program: Program, label: str, holders: dict[nn.Parameter, str]) -> None:
        learnt = [leaf for leaf in program.leaves if isinstance(leaf, Learnt)]
        self.parts = [leaf.module for leaf in program.leaves if isinstance(leaf, Part)]
        self.label, self.margin = label, 0.0
        self.root: Expression | None = None
        self.found: dict[nn.Parameter, Tensor] = {}
        self.free = {
            leaf.parameter
            for leaf in learnt
            if leaf.parameter.requires_grad and leaf.parameter not in holders
        }
        self.reasons = [
            f"{leaf!r} is learnt by {holders[leaf.parameter]} too and is not changed"
            for leaf in learnt
            if leaf.parameter in holders
        ]
        if not self.free and not self.reasons:
            self.reasons = ["it has no leaf that match may set"]

    def run(self, expression: Expression, target: Tensor, nearest: bool) -> None:
        """Find the values, and verify them.

        Raises:
            ExpressionError: The expression cannot have the value.
        """
        tolerance = _TOLERANCES.get(target.dtype, 4 * torch.finfo(target.dtype).eps)
        words = f"{self.label}: {expression!r} cannot have the layer's value"
        self.root, self.margin = expression, tolerance / 10
        try:
            self._solve(expression, target)
            distance = _largest(self._now(expression) - target)
        except (ExpressionError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ExpressionError(f"{words}: {'; '.join([*self.reasons, reason])}") from error
        finite = math.isfinite(distance) and all(map(_is_finite, self.found.values()))
        if finite and distance <= tolerance * _largest(target):
            return
        takes = finite and bool(self.free)
        if takes and nearest:
            return
        near = f"the nearest found is {distance:.2g} away at an entry"
        reasons = [*self.reasons, near] if finite else self.reasons or ["it would not be finite"]
        mend = ", nearest=True takes it" if takes else ""
        raise ExpressionError(f"{words}: {'; '.join(reasons)}{mend}")

    def _solve(self, node: Expression, target: Any) -> None:
        """Set the free leaves below a node so that its value comes near a target."""
        if not self._is_free(node):
            return
        if isinstance(node, Learnt):
            parameter = node.parameter
            if getattr(target, "shape", None) != parameter.shape:
                raise ExpressionError(f"no inverse is known that sets {node!r}")
            self.found[parameter] = target.detach().to(parameter).clone()
            return
        assert isinstance(node, Call)
        children = [*node.args, *node.kwargs.values()]
        if (factor := _square_of(node)) is not None:
            self._solve_square(children[factor], target, transposed=factor == 1)
            return
        while any(free := [self._is_free(child) for child in children]):
            args = Arguments([self._now(child) for child in children], list(node.kwargs))
            place = free.index(True)
            answer = self._inverse(node, target, args, free)[place]
            self._solve(children[place], _like(answer, args[place]))

    def _solve_square(self, factor: Expression, target: Tensor, transposed: bool) -> None:
        """Set the factor of a product with its own transpose, which stands before it or after."""
        now = self._now(factor)
        root, least = _root(target, now.shape[-2 if transposed else -1])
        if least < -self.margin * _largest(target):
            self.reasons.append(f"the smallest eigenvalue is {least:.3g}")
        self._solve(factor, _like(root.mH if transposed else root, now))

    def _inverse(self, node: Call, target: Any, args: Arguments, free: list[bool]) -> Sequence[Any]:
        inverse = inverse_for(node.function)
        if inverse is None:
            if isinstance(target, list | tuple):  # of what only puts its arguments together
                return target
            raise ExpressionError(
                f"no inverse of {function_name(node.function)} is known: register one by inverse_of"
            )
        rule, above, below = inverse
        if math.isfinite(above) or math.isfinite(below):
            target = self._inside(target, above, below, node)
        return rule(target, args, free)

    def _inside(self, target: Tensor, above: float, below: float, node: Call) -> Tensor:
        """Move what lies outside of an open interval just inside, and remember that it did."""
        for bound, sign, word in ((above, 1, "smallest"), (below, -1, "largest")):
            margin = self.margin * (_largest(target) or 1.0)
            outside = sign * (target - bound)
            if target.numel() and outside.min() < -margin:
                worst = (bound + sign * outside.min()).item()
                whose = "is" if node is self.root else f"of {node!r} would be"
                beyond = "above" if sign > 0 else "below"
                self.reasons.append(
                    f"the {word} entry {whose} {worst:.3g}, and {function_name(node.function)}"
                    f" gives only values {beyond} {bound:g}"
                )
            target = torch.where(outside <= 0, bound + sign * margin, target)
        return target

    def _is_free(self, node: Any) -> bool:
        if not isinstance(node, Expression):
            return False
        learnt = [leaf for leaf in Program(node).leaves if isinstance(leaf, Learnt)]
        return any(
            leaf.parameter in self.free and leaf.parameter not in self.found for leaf in learnt
        )

    def _now(self, node: Any) -> Any:
        """Return a node's value, with the leaves that were found as they will be."""
        if not isinstance(node, Expression):
            return node
        program = Program(node)
        return program.run([self._leaf(leaf) for leaf in program.leaves])

    def _leaf(self, leaf: Expression) -> Any:
        if isinstance(leaf, Learnt):
            return self.found.get(leaf.parameter, leaf.parameter.detach())
        return leaf.value()

    @contextmanager
    def parts_kept(self) -> Iterator[None]:
        """Put modules that are called back as they were, if anything fails."""
        # The inverses of some, such as geotorch's, set their own constants.
        before = [
            (t, t.detach().clone()) for m in self.parts for t in (*m.parameters(), *m.buffers())
        ]
        with torch.no_grad(), _restored(before):
            yield


_TOLERANCES = {
    **{torch.float32: 1e-5, torch.complex64: 1e-5},
    **{torch.float64: 1e-10, torch.complex128: 1e-10},
}


@contextmanager
def _changed(values: dict[nn.Parameter, Tensor]) -> Iterator[None]:
    """Give parameters new values, and the old ones back if what follows fails."""
    before = [(parameter, parameter.detach().clone()) for parameter in values]
    with _restored(before):
        for parameter, value in values.items():
            parameter.copy_(value)
        yield


@contextmanager
def _restored(before: Sequence[tuple[Tensor, Tensor]]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for tensor, value in before:
            tensor.copy_(value)
        raise


def _holders(formula: Formula, module: nn.Module, name: str) -> dict[nn.Parameter, str]:
    """Return which parameters of a formula modules hold already, but for the one replaced."""
    holders = _held_by(set(formula.parameters()), module, name)
    if holders:
        # What was thrown away may linger in circles of references.
        gc.collect()
        holders = _held_by(set(formula.parameters()), module, name)
    return holders


def _held_by(leaves: set[nn.Parameter], module: nn.Module, name: str) -> dict[nn.Parameter, str]:
    holders = {}
    for owner in gc.get_objects():
        if not issubclass(type(owner), nn.Module) or isinstance(owner, Formula):
            continue
        for key, held in _held(owner):
            if held in leaves and (owner is not module or key != name):
                holders[held] = f"{type(owner).__name__}.{key}"
    return holders


def _held(owner: Any) -> Iterator[tuple[str, nn.Parameter]]:
    registered = vars(owner)
    for key, parameter in (registered.get("_parameters") or {}).items():
        if isinstance(parameter, nn.Parameter):
            yield key, parameter
    for key, child in (registered.get("_modules") or {}).items():
        if isinstance(child, Formula):
            yield from ((key.removesuffix(SUFFIX), leaf) for leaf in child.parameters())


def _like(answer: Any, now: Any) -> Any:
    """Return an answer in the type and on the device of what is there now."""
    if isinstance(answer, Tensor) and isinstance(now, Tensor):
        return answer.to(now)
    if isinstance(answer, list | tuple):
        return [_like(*pair) for pair in zip(answer, now, strict=True)]
    return answer


def _largest(tensor: Tensor) -> float:
    return tensor.abs().max().item() if tensor.numel() else 0.0


def _is_finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


_PRODUCTS, _TURNS = forms("matmul", "mm", "bmm"), forms("t", "transpose", "permute", "adjoint")


def _is_transposed(node: Any) -> bool:
    if not isinstance(node, Call):
        return False
    turned = node.function is getattr and node.args[1] in ("T", "mT", "H", "mH")
    return turned or node.function in _TURNS


def _square_of(node: Call) -> int | None:
    """Return the place of the factor that a call multiplies by its own transpose, if it does."""
    if node.function not in _PRODUCTS or len(node.args) != 2:
        return None
    for place, (factor, other) in enumerate((node.args, node.args[::-1])):
        if _is_transposed(other) and _is_same(other.args[0], factor):
            turned, plain = other.value(), factor.value()
            return place if plain.ndim > 1 and torch.equal(turned, plain.mH) else None
    return None


def _is_same(one: Any, other: Any) -> bool:
    both = isinstance(one, Learnt) and isinstance(other, Learnt)
    return one is other or (both and one.parameter is other.parameter)


def _root(square: Tensor, width: int) -> tuple[Tensor, float]:
    """Return the nearest root (..., n, width), times whose transpose is a square, by eigenvalues.

    Also returned is the smallest eigenvalue.
    """
    double = exact(square)
    values, vectors = torch.linalg.eigh((double + double.mH) / 2)
    root = vectors * values.clamp(min=0).sqrt()[..., None, :]
    missing = width - root.shape[-1]
    least = values.min().item() if values.numel() else 0.0
    if missing == 0:
        return root @ vectors.mH, least
    return (F.pad(root, (missing, 0)) if missing > 0 else root[..., -width:]), least
