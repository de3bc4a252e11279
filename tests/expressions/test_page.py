"""The page on parameter expressions does what it says."""

import re
from pathlib import Path

import torch

PAGE = Path(__file__).parents[2] / "docs" / "expressions.md"


def test_every_block_of_the_page_runs(capsys):
    text = PAGE.read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}

    with torch.random.fork_rng():
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), names)

    said = capsys.readouterr().out.splitlines()
    shown = re.findall(r"print\(error\)  # (.*?)(?: \.\.\.)?$", text, re.MULTILINE)
    assert len(blocks) > 10
    assert len(said) == len(shown)
    assert all(line.startswith(beginning) for line, beginning in zip(said, shown, strict=True))
