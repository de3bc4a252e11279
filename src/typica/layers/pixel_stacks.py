"""The two gated stacks of masked convolutions, which between them see all that comes before.

Source: van den Oord et al., 2016, https://arxiv.org/abs/1606.05328, figure 2 and equation 4; what
is told of each place is added before the gates, as by the same authors to WaveNet's,
https://arxiv.org/abs/1609.03499, section 2.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from typica.layers.masked_convolution import causal
from typica.layers.raster import Piece, Raster, RasterNetwork


@dataclass(frozen=True)
class StacksSize:
    """Size of two stacks.

    Attributes:
        layers: Number of gated layers.
        features: Width of a stack.
        kernel: Rows and columns of the convolutions, counted as if they were not masked.
        dropout: Share of each layer's features that training leaves out.
        labels: Classes that they may be told; 0 for none.
        local: Channels of what they are told of each pixel beforehand; 0 for nothing.
        heard: Channels of what the horizontal one is told of each pixel on the way.
    """

    layers: int
    features: int
    kernel: int
    dropout: float = 0.0
    labels: int = 0
    local: int = 0
    heard: int = 0


class StacksMemory(NamedTuple):
    """What the two stacks remember; tuples hold one tensor a layer.

    Attributes:
        rows: Rows that the vertical stack has come down.
        above: Last inputs of its convolutions, (batch, features, rows, width).
        links: What it says of the rows it has just entered, (batch, 2 features, rows, width).
        left: Last inputs of the horizontal convolutions, (batch, features, rows, columns).
        told: What is added before each gate, first the vertical ones, (batch, 2 features, height,
            width), or (batch, 2 features, 1, 1) of a class alone; None if they are told nothing.
    """

    rows: int
    above: tuple[Tensor, ...]
    links: tuple[Tensor, ...]
    left: tuple[Tensor, ...]
    told: tuple[Tensor, ...] | None


class PixelStacks(RasterNetwork):
    """A vertical stack, which sees the rows above, and a horizontal one, which sees the row.

    The vertical features reach the horizontal stack before their gate; nothing goes back.

    Args:
        raster: What is read.
        size: Of the stacks.
    """

    def __init__(self, raster: Raster, size: StacksSize) -> None:
        super().__init__(raster)
        first, features, groups = raster.first_kernel, size.features, raster.groups
        self.size, self.layers = size, range(size.layers)
        self.above = nn.Conv2d(raster.planes, features, (raster.reach, first))
        self.row = causal(raster.planes, features, 1, first, groups=groups, kind="A")
        self.vertical = nn.ModuleList(VerticalLayer(size) for _ in self.layers)
        self.horizontal = nn.ModuleList(HorizontalLayer(size, groups) for _ in self.layers)
        gates = size.layers * 2 * features
        self.told = nn.Embedding(size.labels, 2 * gates) if size.labels else None
        self.local = nn.Conv2d(size.local, 2 * gates, 1) if size.local else None
        self.heard = nn.Conv2d(size.heard, gates, 1, bias=False) if size.heard else None

    def start(
        self, count: int, label: Tensor | None = None, local: Tensor | None = None
    ) -> StacksMemory:
        """Return the memory before the first row.

        Args:
            count: Images.
            label: Their classes, (count,), if there are any.
            local: What is told of their pixels, (count, local, height, width), if anything is.
        """
        shape = (count, self.size.features, self.size.kernel // 2, self.raster.shape[2])
        above = tuple(self.above.weight.new_zeros(shape) for _ in self.layers)
        told = self.told(label)[..., None, None] if self.told is not None else None
        if self.local is not None:
            places = self.local(local)
            told = places if told is None else places + told
        gates = None if told is None else told.chunk(2 * len(self.layers), 1)
        return StacksMemory(0, above, (), (), gates)

    def enter(self, planes: Tensor, piece: Piece, memory: StacksMemory) -> StacksMemory:
        """Come down to the rows of a piece, where the vertical stack has not done so yet."""
        if memory.rows == piece.bottom:
            return memory
        x, links, above = self.above(planes[:, :, :-1]), [], []
        rows = piece._replace(left=0, right=self.raster.shape[2])
        for index, layer in enumerate(self.vertical):
            told = cut(memory.told[index], rows) if memory.told else None
            x, link, history = layer(x, memory.above[index], told)
            links.append(link)
            above.append(history)
        return memory._replace(rows=piece.bottom, above=tuple(above), links=tuple(links))

    def read(
        self, planes: Tensor, piece: Piece, memory: StacksMemory, heard: Tensor | None = None
    ) -> tuple[Tensor, StacksMemory]:
        """Go along the rows of a piece.

        Args:
            planes: See `Raster.draw`.
            piece: The rows and columns.
            memory: Before it.
            heard: What the horizontal stack is told of these pixels alone, (batch, heard, rows,
                columns): it may know what is left of each.

        Returns:
            Features (batch, features, rows, columns), and the memory after it.
        """
        reach = self.raster.reach
        x = self.row(planes[:, :, reach:, piece.left : piece.right + reach])
        border = x.new_zeros(*x.shape[:3], self.size.kernel // 2)
        gates = self.heard(heard).chunk(len(self.layers), 1) if self.heard is not None else None
        left = []
        for index, layer in enumerate(self.horizontal):
            history = memory.left[index] if piece.left else border
            drive = memory.links[index][..., piece.left : piece.right]
            if memory.told:
                drive = drive + cut(memory.told[len(self.layers) + index], piece)
            if gates is not None:
                drive = drive + gates[index]
            x, history = layer(x, history, drive)
            left.append(history)
        return x, memory._replace(left=tuple(left))


class VerticalLayer(nn.Module):
    """A gated convolution over rows above and, of features that know no more, the row itself."""

    def __init__(self, size: StacksSize) -> None:
        super().__init__()
        features, kernel = size.features, size.kernel
        self.filter = nn.Conv2d(
            *(features, 2 * features, (kernel // 2 + 1, kernel)), padding=(0, kernel // 2)
        )
        self.link = nn.Conv2d(2 * features, 2 * features, 1)

    def forward(
        self, x: Tensor, history: Tensor, told: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Filter rows: the features, what the horizontal stack hears of them, the history."""
        window = torch.cat([history, x], 2)
        gates = self.filter(window)
        gates = gates if told is None else gates + told
        return gate(gates), self.link(gates), window[:, :, x.shape[2] :]


class HorizontalLayer(nn.Module):
    """A gated convolution along a row, with a residual."""

    def __init__(self, size: StacksSize, groups: int) -> None:
        super().__init__()
        features = size.features
        self.filter = causal(features, 2 * features, 1, size.kernel, groups=groups, halves=2)
        self.residual = causal(features, features, 1, 1, groups=groups)
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, x: Tensor, history: Tensor, drive: Tensor) -> tuple[Tensor, Tensor]:
        """Filter rows or parts of one, with `drive` added before the gate; and the history."""
        window = torch.cat([history, x], 3)
        gates = self.filter(window) + drive
        return x + self.residual(self.dropout(gate(gates))), window[..., x.shape[3] :]


class LevelHead(nn.Module):
    """From features to the outputs for each pixel.

    Args:
        features: That it reads.
        outputs: Numbers for each pixel.
        groups: Shares of both, one a channel.
    """

    def __init__(self, features: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.hidden = causal(features, features, 1, 1, groups=groups)
        self.last = causal(features, outputs, 1, 1, groups=groups)
        with torch.no_grad():  # An untrained network knows nothing: all levels are equally likely.
            for leaf in self.last.parameters():
                leaf.zero_()

    def forward(self, features: Tensor) -> Tensor:
        """From features (batch, features, rows, columns) to (batch, pixels, outputs)."""
        outputs = self.last(self.hidden(features.relu()).relu())
        return outputs.flatten(2).transpose(1, 2)


def gate(x: Tensor) -> Tensor:
    """Return the tanh of one half of the features times the sigmoid of the other."""
    signal, gates = x.chunk(2, 1)
    return signal.tanh() * gates.sigmoid()


def cut(places: Tensor, piece: Piece) -> Tensor:
    """Return what is told of a piece: of a class alone, the same everywhere."""
    if places.shape[2:] == (1, 1):
        return places
    return places[..., piece.top : piece.bottom, piece.left : piece.right]
