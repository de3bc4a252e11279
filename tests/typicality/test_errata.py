import contextlib
import io
import re
import shlex
import warnings
from pathlib import Path

import pytest

from typica.lab.study import names

PAGE = (Path(__file__).parents[2] / "docs" / "typicality_errata.md").read_text("utf-8")
LINES = re.findall(r"^\$ (python .+)\n(.+)$", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), LINES)
def test_a_line_of_the_page_prints_what_stands_below_it(command, printed):
    code, output = shlex.split(command)[-1], io.StringIO()

    with contextlib.redirect_stdout(output), warnings.catch_warnings():
        if "-W ignore" in command:
            warnings.simplefilter("ignore")
        exec(code, {})

    assert output.getvalue().strip() == printed


def test_the_page_has_lines_and_names_only_studies_that_there_are():
    assert len(LINES) >= 7
    assert set(re.findall(r"typica lab (\w+)", PAGE)) <= set(names())


def test_each_erratum_has_a_number_and_shows_it():
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:17]

    assert [int(section.split(".")[0]) for section in sections] == list(range(1, 17))
    for section in sections[:15]:
        assert "typica lab" in section or "$ python" in section
        assert re.search(r"\d", section.split("\n", 1)[1])
