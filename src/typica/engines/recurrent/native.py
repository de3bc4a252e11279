"""The kernel of recurrent tiers in C++."""

from __future__ import annotations

from typica.engines.native import NativeKernel
from typica.engines.packing import Layout, Weights
from typica.engines.recurrent.layout import lay_out
from typica.layers.recurrent_network import RecurrentNetwork


class RecurrentKernel(NativeKernel):
    """See `NativeKernel`."""

    text = "recurrent/kernel.cpp"
    arrays = ("label", "recent", "hidden", "cell", "words")

    def lay_out(self, network: RecurrentNetwork, pad: int, kind: Weights) -> Layout:
        """See `NativeKernel.lay_out`."""
        return lay_out(network, pad, kind)
