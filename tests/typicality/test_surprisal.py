"""Surprisal of sequences, block after block."""

import torch

from typica.core import registry
from typica.core.randomness import seeded
from typica.typicality import surprisal
from typica.typicality.surprisal import surprisals


def test_long_examples_are_read_in_blocks_without_a_difference(monkeypatch):
    model = registry.build("wavenet", "tiny").eval()
    audio = torch.rand(2, 1, 300, generator=seeded(0)) - 0.5
    (whole,) = surprisals(model, audio)
    monkeypatch.setattr(surprisal, "BLOCK", 77)

    blocks = list(surprisals(model, audio))

    assert len(blocks) == 4
    for found, expected in zip(zip(*blocks, strict=True), whole, strict=True):
        torch.testing.assert_close(torch.cat(found, 1), expected, atol=1e-5, rtol=1e-5)
