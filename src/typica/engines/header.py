"""The constants of a network, as its kernel in C++ is told them; and addresses of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from typica.engines.packing import Weights


def header(kind: Weights, shapes: Mapping[str, Any]) -> str:
    """Write the constants that stand before a kernel's text.

    Args:
        kind: How its matrices are stored.
        shapes: Constants by name, and those of structs by name and name.
    """
    kinds = {"float32": "Float32", "bfloat16": "BFloat16", "int8": "Int8"}
    # Without a name: constants of structs would be one for all libraries that a process loads.
    lines = [f"#define WEIGHTS {kinds[kind]}", "#include <cstdint>", "namespace {"]
    for name, value in shapes.items():
        if isinstance(value, Mapping):
            inner = [f"  static {_constant(key, part)}" for key, part in value.items()]
            lines += [f"struct {name} {{", *inner, "};"]
        else:
            lines.append(_constant(name, value))
    return "\n".join([*lines, "}", ""])


def _constant(name: str, value: Any) -> str:
    """Write one constant."""
    if isinstance(value, bool):
        return f"constexpr bool {name} = {str(value).lower()};"
    if isinstance(value, float):
        return f"constexpr float {name} = {value!r}f;"
    if isinstance(value, int):
        return f"constexpr int64_t {name} = {value};"
    if value and isinstance(value[0], list):
        rows = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in value)
        return f"constexpr int64_t {name}[][{len(value[0])}] = {{{rows}}};"
    return f"constexpr int64_t {name}[] = {{{', '.join(map(str, value))}}};"


def pointer(array: NDArray[Any] | None) -> int | None:
    """Return the address of an array's numbers, None for none."""
    return None if array is None else array.ctypes.data
