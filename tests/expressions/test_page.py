"""The page on parameter expressions does what it says."""

import re
from pathlib import Path

import torch

PAGE = Path(__file__).parents[2] / "docs" / "expressions.md"


def test_every_block_of_the_page_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names = {}

    state = torch.get_rng_state()
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102
    torch.set_rng_state(state)

    said = capsys.readouterr().out.splitlines()
    shown = re.findall(r"print\(error\)  # (.*?)(?: \.\.\.)?$", PAGE.read_text(), re.MULTILINE)
    assert len(blocks) > 10
    assert len(said) == len(shown)
