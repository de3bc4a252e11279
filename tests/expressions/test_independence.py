import subprocess
import sys

CODE = """
import sys
import torch

before = set(sys.modules)
import typica.expressions

new = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
assert new <= {"typica", "torch"}, new
ours = {name for name in sys.modules if name.startswith("typica.")}
others = {name for name in ours if not name.startswith("typica.expressions")}
assert others <= {"typica.core", "typica.core.errors"}, others
"""


def test_the_package_needs_torch_alone():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
