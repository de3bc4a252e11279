"""The architecture, held by the machine: who may import whom, and what lies where."""

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import typica
from typica.core import registry

ROOT = Path(typica.__file__).parent
TESTS = Path(__file__).parent

_BASE = {"core"}
_PURE = _BASE | {"expressions", "signal", "score", "images"}
_TOOLS = {"data", "decoding", "typicality", "engines"}
_ALL_BUT_SYSTEMS = _PURE | {"layers", "objectives"} | _TOOLS
_ABOVE = {"training", "evaluation", "streaming"}

# Each package may import those named, and nothing else of typica.
MAY_IMPORT = {
    "core": set(),
    "expressions": _BASE,
    "signal": _BASE,
    "score": _BASE,
    "images": _BASE,
    "layers": _PURE,
    "objectives": _PURE,
    "systems": _PURE | {"layers", "objectives"},
    "data": _BASE | {"signal", "score", "images"},
    "decoding": _PURE,
    "typicality": _BASE | {"signal", "score", "images"},
    "engines": _BASE | {"signal", "score", "images", "layers"},
    "training": _ALL_BUT_SYSTEMS,
    "evaluation": _ALL_BUT_SYSTEMS,
    "streaming": _ALL_BUT_SYSTEMS,
    "actions": _ALL_BUT_SYSTEMS | _ABOVE,
    "lab": _ALL_BUT_SYSTEMS | _ABOVE,
    "cli": {"core", "actions", "lab"},
    "studio": {"core", "actions", "lab"},
    "presets": set(),
}


def imported(path):
    """Yield the typica packages that a file imports, by either form of the statement."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        yield from (module.split(".")[1] for module in modules if module.startswith("typica."))


def packages():
    return sorted(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists())


def system_file(name):
    return ROOT / "systems" / registry.families()[name] / f"{name}.py"


@pytest.mark.parametrize("package", packages())
def test_imports_point_downwards(package):
    for path in (ROOT / package).rglob("*.py"):
        others = set(imported(path)) - {package, "__version__"}
        assert others <= MAY_IMPORT[package], path


@pytest.mark.parametrize("name", registry.names())
def test_a_system_is_one_file_one_test_and_a_tiny_preset(name):
    assert system_file(name).is_file()
    assert (TESTS / "systems" / f"test_{name}.py").is_file()
    assert "tiny" in registry.presets(name)


@pytest.mark.parametrize("name", registry.names())
def test_systems_do_not_import_each_other(name):
    assert "systems" not in set(imported(system_file(name)))


def test_no_module_is_a_drawer_for_odds_and_ends():
    names = {path.stem for path in ROOT.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "misc", "common"}


def test_nothing_unpickles():
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        for word in ("import pickle", "torch.load(", "joblib.load(", "allow_pickle=True"):
            assert word not in text, path


def run_python(code):
    """Run a program in a fresh interpreter; return the seconds of processor that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


HEAVY = "for name in ('torch', 'scipy', 'sklearn', 'matplotlib', 'music21', 'av'):\n"
HEAVY += "    assert name not in sys.modules, name\n"


def test_help_and_import_load_nothing_heavy():
    run_python(f"import sys, typica\n{HEAVY}")
    help_ = "import sys, typica.cli\ntry: typica.cli.main(['--help'])\nexcept SystemExit: pass\n"
    run_python(help_ + HEAVY)


def test_import_is_quick():
    bare = min(run_python("pass") for _ in range(3))
    assert min(run_python("import typica") for _ in range(5)) - bare < 0.1


def test_help_is_quick():
    run = "import sys; from typica.cli import main; sys.argv = ['typica', '--help']; main()"
    # 0.6 s of a quiet machine is promised; beside other tests, only its own time can be told.
    assert min(run_python(run) for _ in range(3)) < 0.8
