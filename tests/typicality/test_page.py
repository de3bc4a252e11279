"""The page on typicality does what it says."""

import re
from pathlib import Path

import pytest
import torch

import typica.typicality

PAGE = Path(__file__).parents[2] / "docs" / "typicality.md"


def test_every_block_of_the_page_runs_and_prints_what_stands_beside_it(capsys):
    text = PAGE.read_text("utf-8")
    names = {}

    with torch.random.fork_rng():
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(compile(block, str(PAGE), "exec"), names)

    said = capsys.readouterr().out
    for figure in ("8.50", "11.30"):
        assert figure in text
    annulus = re.search(r"\(.*?([\d.]+).*?([\d.]+)\)", said)
    assert [round(float(radius), 2) for radius in annulus.groups()] == [8.50, 11.30]
    lines = [line for line in said.splitlines() if re.fullmatch(r"-?[\d.]+(e-\d+)?", line)]
    shown = [0.951, 0.199, 0.9999965, -110.8, 0.5318]
    for line, figure in zip(lines, shown, strict=False):
        assert float(line) == pytest.approx(figure, rel=2e-3)


def test_every_public_name_can_be_imported():
    for name in typica.typicality.__all__:
        assert getattr(typica.typicality, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'Mirag'"):
        typica.typicality.Mirag  # noqa: B018
