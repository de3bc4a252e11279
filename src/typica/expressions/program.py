"""Programs: an expression put in order, so that evaluating it is one plain loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from torch import Tensor

from typica.expressions.expression import Call, Constant, Expression, Leaf, Learnt, Part, Reference


class Step(NamedTuple):
    """One call: a function, the slots of its arguments, and the names of the last of them."""

    function: Callable[..., Any]
    slots: tuple[int, ...]
    names: tuple[str, ...]


class Program:
    """The calls of an expression in order, each reading slots that were filled before it.

    The leaves fill the first slots (depth first, left to right, each once), then come plain
    arguments, then the results of the steps; the last one is the value.

    Args:
        expression: What is to be evaluated. A part that occurs twice is evaluated once.
    """

    def __init__(self, expression: Expression) -> None:
        nodes = list(_in_order(expression))
        calls = [node for node in nodes if isinstance(node, Call)]
        leaves: dict[Any, Leaf] = {}
        for node in nodes:
            if isinstance(node, Leaf):
                leaves.setdefault(_identity(node), node)
        self.leaves = tuple(leaves.values())
        arguments = [argument for call in calls for argument in _arguments(call)]
        self.literals = [value for value in arguments if not isinstance(value, Expression)]
        self.steps = self._steps(calls)

    def run(self, leaves: list[Any]) -> Any:
        """Return the value, given those of the leaves."""
        slots = leaves + self.literals
        for function, places, names in self.steps:
            values = [slots[place] for place in places]
            if names:
                first = len(values) - len(names)
                named = dict(zip(names, values[first:], strict=True))
                slots.append(function(*values[:first], **named))
            else:
                slots.append(function(*values))
        return slots[-1]

    def value(self) -> Tensor:
        """Return the value, the leaves being read where they were made."""
        return self.run([_now(leaf) for leaf in self.leaves])

    def _steps(self, calls: list[Call]) -> list[Step]:
        first = len(self.leaves)
        result = first + len(self.literals)
        place = {_identity(leaf): slot for slot, leaf in enumerate(self.leaves)}
        place |= {_identity(call): result + number for number, call in enumerate(calls)}
        literal = iter(range(first, result))
        steps = []
        for call in calls:
            slots = tuple(
                place[_identity(value)] if isinstance(value, Expression) else next(literal)
                for value in _arguments(call)
            )
            steps.append(Step(call.function, slots, tuple(call.kwargs)))
        return steps


def _in_order(root: Expression) -> Iterator[Expression]:
    """Yield what an expression is computed from, then itself, each once."""
    seen, way = {id(root)}, [(root, iter(_inputs(root)))]
    while way:
        node, inputs = way[-1]
        following = next((one for one in inputs if id(one) not in seen), None)
        if following is None:
            way.pop()
            yield node
        else:
            seen.add(id(following))
            way.append((following, iter(_inputs(following))))


def _inputs(node: Expression) -> list[Expression]:
    arguments = _arguments(node) if isinstance(node, Call) else []
    return [value for value in arguments if isinstance(value, Expression)]


def _arguments(call: Call) -> list[Any]:
    return [*call.args, *call.kwargs.values()]


def _identity(node: Expression) -> Any:
    """What makes two nodes one: the parameter that is learnt, the place that is referred to."""
    if isinstance(node, Learnt):
        return id(node.parameter)
    if isinstance(node, Part):
        return id(node.module)
    if isinstance(node, Reference):
        return id(node.module), node.attribute
    return id(node)


def _now(leaf: Leaf) -> Any:
    if isinstance(leaf, Learnt):
        return leaf.parameter
    if isinstance(leaf, Constant):
        return leaf.tensor
    if isinstance(leaf, Reference):
        return getattr(leaf.module, leaf.attribute)
    assert isinstance(leaf, Part)
    return leaf.module
