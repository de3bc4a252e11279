"""The kernel of gated networks in C++."""

from __future__ import annotations

from typica.engines.gated.layout import lay_out
from typica.engines.native import NativeKernel
from typica.engines.packing import Layout, Weights
from typica.layers.gated_network import GatedNetwork


class GatedKernel(NativeKernel):
    """See `NativeKernel`; it searches."""

    searches = True
    text = "gated/kernel.cpp"
    arrays = (
        *("label", "local", "recent", "rings", "context_rings", "now"),
        *("ancestors", "context_ancestors", "scores", "parents"),
    )
    whole_numbers = ("ancestry", "context_ancestry", "width")

    def lay_out(self, network: GatedNetwork, pad: int, kind: Weights) -> Layout:
        """See `NativeKernel.lay_out`."""
        return lay_out(network, pad, kind)
