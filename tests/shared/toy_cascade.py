"""A cascade of two or three small WaveNets, whose codes are coarse means."""

import torch
import torch.nn.functional as F
from torch import nn

from typica.core import registry
from typica.core.cascade import Cascade, Told
from typica.core.cascade_engine import CascadeEngine
from typica.core.condition import Track
from typica.core.config import Config
from typica.engines.compiler import compile as compile_engine

HOP, BEFORE, AFTER = 4, 3, 2


class Toy(Cascade):
    """Each level is told a convolution over its codes that looks both ways."""

    def __init__(self, levels: int = 2, block: int = 5) -> None:
        super().__init__(Config())
        torch.manual_seed(levels)
        self.block = block
        told = {"local": "codes", "local_channels": 2, "hop": HOP, "upsampling": "repeat"}
        self.own = nn.ModuleList(
            registry.build("wavenet", "tiny", bits=4, layers=3, **(told if number else {}))
            for number in range(levels)
        )
        self.modulators = nn.ModuleList(
            nn.Conv1d(1, 2, BEFORE + 1 + AFTER) for _ in range(levels - 1)
        )
        for parameter in self.parameters():
            parameter.data += 0.5 * torch.randn(parameter.shape)
        self.eval().requires_grad_(False)

    levels = property(lambda self: list(self.own))
    context, margin = 16, 0

    def phases(self):
        return []

    @property
    def telling(self):
        return [Told(HOP, BEFORE, AFTER, self.block)] * (len(self.own) - 1)

    def read(self, x):
        found = [self.levels[-1].symbols(x)]
        for level in reversed(self.levels[:-1]):
            x = F.avg_pool1d(x, HOP)
            found.insert(0, level.symbols(x))
        return found

    def tell(self, level, codes):
        rows = F.pad(codes[:, None].float() / 8 - 1, (BEFORE, AFTER))
        return {"codes": Track(self.modulators[level - 1](rows), 1.0)}


class Blurred(Toy):
    """Codes are means that reach one code's samples beyond their own on either side."""

    @property
    def margin(self):
        return sum(HOP**number for number in range(1, len(self.own)))

    def read(self, x):
        found = [self.levels[-1].symbols(x)]
        for level in reversed(self.levels[:-1]):
            x = F.avg_pool1d(x, 3 * HOP, HOP, HOP)
            found.insert(0, level.symbols(x))
        return found


def engine_of(cascade, backend="torch"):
    return CascadeEngine(cascade, [compile_engine(one, backend=backend) for one in cascade.levels])
