"""Masked: weights of which some are zero for good, so that nothing sees what it must not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from typica.core.errors import ExpressionError, ShapeError
from typica.expressions.expression import Call, Expression
from typica.expressions.leaves import as_expression, const
from typica.expressions.match import inverse_of


def masked(x: Expression | Tensor | Sequence[int], mask: Any) -> Expression:
    """Make a weight that is zero, with no gradient, where a mask is.

    Args:
        x: The weight: an expression, a shape or a tensor to be learnt.
        mask: True or 1 where the weight counts, False or 0 where not: a tensor or an array of its
            shape, or of one that spreads to it. It is saved with the module.

    Raises:
        ShapeError: The mask does not spread to the shape of the weight.
        ExpressionError: It holds other numbers than 0 and 1.
    """
    weight = as_expression(x)
    keep = torch.as_tensor(mask).detach()
    # The mask of a model that is only outlined, on the meta device, comes with its weights.
    if not keep.is_meta and not bool(((keep == 0) | (keep == 1)).all()):
        raise ExpressionError("masked: a mask holds 0 and 1, or False and True, alone")
    shape = tuple(weight.shape)
    pairs = zip(reversed(keep.shape), reversed(shape), strict=False)
    if keep.ndim > len(shape) or any(size not in (1, needed) for size, needed in pairs):
        raise ShapeError(f"masked: a mask of {tuple(keep.shape)} does not spread to {shape}")
    return Call(kept, weight, const(keep.to(device=weight.device, dtype=torch.bool)))


def kept(x: Tensor, mask: Tensor) -> Tensor:
    """Return a tensor with zeros where a mask is false."""
    # Unlike a product, this holds where a leaf is infinite or not a number.
    return x.masked_fill(~mask, 0)


@inverse_of(kept)
def _kept_inverse(target: Tensor, args: list[Any], free: list[bool]) -> list[Tensor | None]:
    x, mask = args
    return [torch.where(mask, target, x), None]


def causal_mask(
    shape: Sequence[int], kind: Literal["A", "B"] = "B", *, channel_groups: int = 1
) -> Tensor:
    """Return the mask of a convolution that does not see what comes later.

    What comes before is: in time, the taps left of the centre; in an image, the rows above and, in
    the same row, what is on the left. At the centre, the groups of channels come one after the
    other: group g of the outputs sees the groups before g of the inputs, and with kind "B" group g
    itself. So the first layer is of kind "A", on the input, and all others are of kind "B"; with
    one group, "A" leaves the centre out and "B" lets it in. The convolution is padded by half its
    kernel on either side. Of a kernel of one, "B" without groups masks nothing.

    Args:
        shape: Of the weight, (outputs, inputs, time) or (outputs, inputs, height, width); the
            kernel is odd.
        kind: "A" or "B".
        channel_groups: Number of groups; outputs and inputs are cut into as many equal blocks, 3
            for red, green and blue. Where a layer's outputs are split in halves, as by a gate,
            each half needs its own mask: `torch.cat([mask, mask])`.

    Returns:
        Booleans of that shape, true where the weight counts.

    Raises:
        ShapeError: There is no such convolution, its kernel has no centre, or its channels cannot
            be cut into the groups.
        ExpressionError: The kind is neither "A" nor "B".

    Source: van den Oord et al., 2016, https://arxiv.org/abs/1601.06759, section 3.4. One 2-D mask
    after the other leaves a blind spot on the upper right: 2016, https://arxiv.org/abs/1606.05328.
    """
    if kind not in ("A", "B"):
        raise ExpressionError(f'causal_mask: kind must be "A" or "B", got {kind!r}')
    if len(shape) not in (3, 4) or any(size % 2 == 0 for size in shape[2:]):
        raise ShapeError(f"causal_mask: needs one or two odd kernel sizes, got {tuple(shape)}")
    outputs, inputs, *kernel = shape
    if channel_groups < 1 or outputs % channel_groups or inputs % channel_groups:
        raise ShapeError(
            f"causal_mask: {outputs} outputs and {inputs} inputs are not {channel_groups} equal"
            " groups each"
        )
    taps = math.prod(kernel)
    mask = torch.zeros(outputs, inputs, taps, dtype=torch.bool)
    # In raster order the centre is the middle, all before it has passed.
    mask[..., : taps // 2] = True
    later = torch.arange(outputs) * channel_groups // outputs
    earlier = torch.arange(inputs) * channel_groups // inputs
    mask[..., taps // 2] = _after(later, earlier, strictly=kind == "A")
    return mask.reshape(tuple(shape))


def made_masks(
    inputs: int,
    hidden: Sequence[int],
    *,
    outputs_per_input: int = 1,
    order: Literal["random"] | Sequence[int] | None = None,
    generator: Generator | None = None,
) -> list[Tensor]:
    """Return the masks of a stack of linear layers whose outputs see earlier inputs only.

    Each unit has a degree, the number of inputs it may see, first to last. Hidden degrees are
    spread evenly; layers of one width have the same, so that they can be bridged by sums.

    Args:
        inputs: Number of inputs.
        hidden: Widths of the hidden layers; none gives the one mask from inputs to outputs.
        outputs_per_input: Outputs for each input, side by side: `(inputs, outputs_per_input)`.
        order: The place of each input, 0 first; as they stand where none is given. "random" draws
            it, and the hidden degrees too.
        generator: Source of randomness.

    Returns:
        For each layer booleans (outputs, inputs) of its `weight`, true where the weight counts.

    Raises:
        ExpressionError: The order is not one of all inputs.

    Source: Germain et al., 2015, https://arxiv.org/abs/1502.03509, sections 3 and 4.2. Departs
    from it: each degree occurs in every layer that is wide enough, so that no allowed path is
    missing by chance.
    """
    random = isinstance(order, str) and order == "random"
    if random:
        order = torch.randperm(inputs, generator=generator).tolist()
    places: list[Any] = list(range(inputs) if order is None else order)
    if sorted(places) != list(range(inputs)):
        raise ExpressionError(
            f'made_masks: order must hold 0 to {inputs - 1}, each once, or be "random",'
            f" got {order!r}"
        )
    degrees = [torch.tensor(places) + 1]
    for width in hidden:
        least = int(degrees[-1].min()) if random else 1
        degrees.append(_degrees(width, least, max(1, inputs - 1), random, generator))
    pairs = zip(degrees[1:], degrees, strict=False)
    masks = [_after(later, earlier, strictly=False) for later, earlier in pairs]
    last = degrees[0].repeat_interleave(outputs_per_input)
    return [*masks, _after(last, degrees[-1], strictly=True)]


def _degrees(
    width: int, least: int, most: int, random: bool, generator: Generator | None
) -> Tensor:
    if not random:
        return 1 + torch.arange(width) * most // width
    drawn = torch.randint(least, most + 1, (width,), generator=generator)
    every = torch.arange(least, most + 1)
    if len(every) <= width:
        drawn[: len(every)] = every
    return drawn


def _after(later: Tensor, earlier: Tensor, strictly: bool) -> Tensor:
    """Return which pairs (outputs, inputs) are in order."""
    return later[:, None] > earlier if strictly else later[:, None] >= earlier
