"""The kernel of transformers over a table in C++."""

from __future__ import annotations

from typica.engines.attending.layout import lay_out
from typica.engines.native import NativeKernel
from typica.engines.packing import Layout, Weights
from typica.layers.attending_network import AttendingNetwork


class AttendingKernel(NativeKernel):
    """See `NativeKernel`."""

    text = "attending/kernel.cpp"
    arrays = ("label", "local", "now", "next")
    whole_numbers = ("held", "followed")

    def lay_out(self, network: AttendingNetwork, pad: int, kind: Weights) -> Layout:
        """See `NativeKernel.lay_out`."""
        return lay_out(network, pad, kind)
