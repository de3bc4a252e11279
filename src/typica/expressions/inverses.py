"""Inverses of functions, by which `match` goes from an expression's value to its leaves."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from typica.core.errors import ExpressionError
from typica.expressions.functions import TorchFunction


class Arguments(list[Any]):
    """The present values of a call's arguments: those by position, then those by name.

    Attributes:
        names: The names of the last of them.
    """

    def __init__(self, values: Sequence[Any], names: Sequence[str]) -> None:
        super().__init__(values)
        self.names = list(names)

    def get(self, name: str, place: int, default: Any) -> Any:
        """Return the argument of a name, which by position would stand at a place."""
        positional = len(self) - len(self.names)
        if name in self.names:
            return self[positional + self.names.index(name)]
        return self[place] if place < positional else default


Rule = Callable[[Any, Any, list[bool]], Sequence[Any]]


class Inverse(NamedTuple):
    """A rule, and between which bounds the function's values lie."""

    rule: Rule
    above: float
    below: float


_INVERSES: dict[Callable[..., Any], Inverse] = {}


def inverse_of(
    *functions: Callable[..., Any], above: float = -math.inf, below: float = math.inf
) -> Callable[[Rule], Rule]:
    """Register a rule that inverts functions, for `match`.

    The rule is called as `rule(target, args, free)`: the value that is wanted; the present values
    of the call's arguments, by position and then by name; and which of them hold leaves that can
    still be set. It answers with a new value for each free one, of its shape, and None for the
    rest. The first is put in place, and the rule asked again while more are free. It need not
    check its answer, which is verified, but may raise ExpressionError with a reason, as
    "the rows are not orthogonal". Where several values are as good, prefer the present one.

    Args:
        functions: The functions, as `Call.function` has them.
        above: All their values are above; what is wanted is moved inside, and told if it was not.
        below: All their values are below.
    """

    def register(rule: Rule) -> Rule:
        _INVERSES.update((function, Inverse(rule, above, below)) for function in functions)
        return rule

    return register


def inverse_for(function: Callable[..., Any]) -> Inverse | None:
    """Return what is registered for a call's function, if anything is."""
    return _INVERSES.get(function.function if isinstance(function, TorchFunction) else function)


def forms(*names: str) -> list[Callable[..., Any]]:
    """Return all that an expression may call under some names."""
    places = (operator, torch, Tensor, F)
    return [getattr(place, name) for name in names for place in places if hasattr(place, name)]


def exact(tensor: Tensor) -> Tensor:
    """Return a tensor in double precision, which not every device has."""
    place = "meta" if tensor.is_meta else "cpu"
    return tensor.to(place, torch.complex128 if tensor.is_complex() else torch.float64)


def _reduced(value: Tensor, like: Any) -> Tensor:
    """Return the mean over what a smaller tensor is repeated along."""
    if value.shape == like.shape:
        return value
    return value.sum_to_size(like.shape) * (like.numel() / value.numel())


def _one(inverse: Callable[[Tensor], Tensor]) -> Rule:
    """Return the rule of a function whose first argument alone matters."""
    return lambda target, args, free: [inverse(target), *[None] * (len(args) - 1)]


inverse_of(*forms("exp"), above=0.0)(_one(torch.log))
inverse_of(*forms("tanh"), above=-1.0, below=1.0)(_one(torch.atanh))
inverse_of(*forms("sigmoid"), above=0.0, below=1.0)(_one(torch.logit))
inverse_of(*forms("softmax"), above=0.0)(_one(torch.log))
inverse_of(*forms("relu", "abs", "absolute"), above=0.0)(_one(torch.clone))
inverse_of(*forms("square"), above=0.0)(_one(torch.sqrt))
inverse_of(*forms("sqrt"), above=0.0)(_one(torch.square))
inverse_of(*forms("log"))(_one(torch.exp))
inverse_of(*forms("neg", "negative"))(_one(torch.neg))
inverse_of(*forms("tril", "triu", "clone", "contiguous"))(_one(torch.clone))
inverse_of(*forms("t"))(_one(torch.t))


@inverse_of(*forms("softplus"), above=0.0)
def _softplus(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    beta = args.get("beta", 1, 1.0)
    # log(exp(y) - 1), which would overflow.
    inverse = target + torch.log(-torch.expm1(-beta * target)) / beta
    return [inverse, *[None] * (len(args) - 1)]


def _sum(sign: float) -> Rule:
    def rule(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
        one, other = args[:2]
        scale = sign * args.get("alpha", 2, 1.0)
        rest: list[Any] = [None] * (len(args) - 1)
        if free[0] and free[1] and other.numel() < target.numel():
            return [_reduced(target - scale * _reduced(target / (2 * scale), other), one), *rest]
        if free[0] and free[1]:
            # Half, so that w + w.T is found.
            return [_reduced(target / 2, one), *rest]
        if free[0]:
            return [_reduced(target - scale * other, one), *rest]
        return [None, _reduced((target - one) / scale, other), *rest[1:]]

    return rule


inverse_of(*forms("add"))(_sum(1.0))
inverse_of(*forms("sub", "subtract"))(_sum(-1.0))


@inverse_of(*forms("mul", "multiply"))
def _product(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    one, other = args
    if free[0] and free[1] and other.numel() < target.numel():
        return [_quotient(target, _reduced(target.abs(), other).sqrt(), one), None]
    if free[0] and free[1]:
        return [_reduced(target.abs(), one).sqrt(), None]
    if free[0]:
        return [_quotient(target, other, one), None]
    return [None, _quotient(target, one, other)]


def _quotient(target: Tensor, factor: Any, now: Tensor) -> Tensor:
    """Return what times a factor is nearest to a target; what is there now, where that is zero."""
    factor = torch.as_tensor(factor, device=target.device).to(target.dtype).expand(target.shape)
    if now.shape == target.shape:
        return torch.where(factor == 0, now, target / factor)
    weight = factor.square().sum_to_size(now.shape)
    return torch.where(weight == 0, now, (target * factor).sum_to_size(now.shape) / weight)


@inverse_of(*forms("truediv", "div", "divide", "true_divide"))
def _ratio(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    one, other = args[:2]
    rest = [None] * (len(args) - 2)
    if free[0]:
        return [_reduced(target if free[1] else target * other, one), None, *rest]
    return [None, _reduced(torch.where(target == 0, other, one / target), other), *rest]


@inverse_of(*forms("pow"))
def _power(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    base, exponent = args
    if free[1]:
        return [None, _reduced(target.log() / torch.as_tensor(base).log(), exponent)]
    odd = not isinstance(exponent, Tensor) and exponent % 2 == 1
    root = (target.abs() if odd else target.clamp(min=0)) ** (1 / exponent)
    return [_reduced(root * target.sign() if odd else root, base), None]


@inverse_of(*forms("reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "ravel"))
def _reshape(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    return [target.reshape(args[0].shape), *[None] * (len(args) - 1)]


@inverse_of(getattr)
def _attribute(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    if args[1] not in ("T", "mT", "H", "mH"):
        raise ExpressionError(f"no inverse of .{args[1]} is known")
    # .T of other than matrices is deprecated.
    turned = target.permute(*reversed(range(target.ndim)))
    return [turned if args[1] == "T" else getattr(target, args[1]), None]


@inverse_of(*forms("transpose", "swapaxes", "swapdims"))
def _transpose(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    return [target.transpose(*args[1:]), *[None] * (len(args) - 1)]


@inverse_of(*forms("permute"))
def _permute(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    order = args[1:] if isinstance(args[1], int) else args[1]
    places = [place % target.ndim for place in order]
    return [
        target.permute([places.index(i) for i in range(target.ndim)]),
        *[None] * (len(args) - 1),
    ]


@inverse_of(operator.getitem)
def _item(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    whole = args[0].clone()
    whole[args[1]] = target
    return [whole, None]


@inverse_of(*forms("expand", "expand_as", "broadcast_to"))
def _expand(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    return [_reduced(target, args[0]), *[None] * (len(args) - 1)]


@inverse_of(*forms("where"))
def _where(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    condition, one, other = args
    if free[1]:
        one = torch.where(condition, target, one)
    if free[2]:
        other = torch.where(condition, other, target)
    return [None, one, other]


@inverse_of(*forms("stack"))
def _stack(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    return [target.unbind(args.get("dim", 1, 0)), *[None] * (len(args) - 1)]


@inverse_of(*forms("cat", "concat", "concatenate"))
def _cat(target: Tensor, args: Arguments, free: list[bool]) -> list[Any]:
    dim = args.get("dim", 1, 0)
    return [target.split([t.shape[dim] for t in args[0]], dim), *[None] * (len(args) - 1)]


@inverse_of(*forms("matmul", "mm", "bmm"))
def matmul_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Any]:
    """Invert a matrix product: by singular values, half to each factor, or by least squares.

    The right factor is changed no more than it takes. So directions that the target lacks are zero
    in the left one alone, and can be learnt: a product that is zero begins as in LoRA.
    """
    if min(args[0].ndim, args[1].ndim) < 2:
        raise ExpressionError("no inverse of a product with a vector is known: use a matrix")
    target, left, right = (exact(tensor) for tensor in (target, *args))
    if free[0] and free[1]:
        return [_left_factor(target, right.shape[-2]), None]
    if free[0]:
        return [left + (target - left @ right) @ torch.linalg.pinv(right), None]
    return [None, right + torch.linalg.pinv(left) @ (target - left @ right)]


def _left_factor(target: Tensor, rank: int) -> Tensor:
    """Return the left factor, the lengths balanced, of the nearest product of a rank."""
    left, lengths, _ = torch.linalg.svd(target, full_matrices=False)
    noise = lengths[..., :1] * max(target.shape[-2:]) * torch.finfo(target.dtype).eps
    halves = lengths.masked_fill(lengths <= noise, 0).sqrt()
    factor = (left * halves[..., None, :])[..., :rank]
    return F.pad(factor, (0, rank - factor.shape[-1]))
