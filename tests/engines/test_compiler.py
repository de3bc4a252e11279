"""Which engine is made of a model, and what happens where none can be."""

import subprocess
import sys

import pytest
import torch

from typica.core import registry
from typica.core.engine import StepEngine
from typica.core.errors import ConfigError, MissingFeatureError, RunError
from typica.core.randomness import seeded
from typica.engines import compile, engine_for
from typica.engines.build import NoCompilerError


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = registry.build("wavenet", "tiny", stacks=1, layers=2).requires_grad_(False)
    for parameter in model.parameters():
        parameter += 0.2 * torch.randn(parameter.shape)
    return model


@pytest.fixture
def without_compiler(use_compiler):
    use_compiler("no-such-compiler")


def test_without_a_compiler_another_engine_computes_and_one_line_says_so(model, without_compiler):
    said = []
    engine = compile(model, say=said.append)

    assert len(said) == 1
    assert "there is no C++ compiler (no-such-compiler): install one" in said[0]
    expected = StepEngine(model).draw(StepEngine(model).start(1), 20, temperature=0).symbols
    assert torch.equal(engine.draw(engine.start(1), 20, temperature=0).symbols, expected)


def test_without_compiler_and_numba_the_module_takes_its_own_steps(
    model, without_compiler, monkeypatch
):
    def missing(*_):
        raise MissingFeatureError("compiling without a C++ compiler", "numba", "numba")

    monkeypatch.setattr("typica.engines.gated.compiled_numba.NumbaKernel", missing)
    said = []

    assert isinstance(compile(model, say=said.append), StepEngine)
    assert "the module takes its own steps" in said[0]


def test_a_compiler_that_was_asked_for_and_is_not_there_is_an_error(model, without_compiler):
    with pytest.raises(NoCompilerError, match="there is no C"):
        compile(model, backend="c++")


def test_a_system_without_a_kernel_takes_its_own_steps():
    model = registry.build("pixelcnn", "tiny").requires_grad_(False)
    assert isinstance(engine_for(model), StepEngine)
    with pytest.raises(ConfigError, match="no such engine of PixelCNN"):
        compile(model, weights="int8")


def test_what_has_no_steps_has_no_engine():
    model = registry.build("glow", "tiny")
    assert engine_for(model) is None
    with pytest.raises(ConfigError, match="Glow is not autoregressive"):
        compile(model)
    with pytest.raises(ConfigError, match="no such engine of Glow"):
        engine_for(model, weights="int8")


def test_weights_that_are_not_numbers_are_refused(model):
    model.stack.layers[1].taps[0, 0, 0] = float("nan")
    with pytest.raises(RunError, match=r"stack\.layers\.1\.taps holds what is not a number"):
        compile(model)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"weights": "bfloat61"}, "did you mean 'bfloat16'"),
        ({"backend": "nunba"}, "did you mean 'numba'"),
        ({"backend": "torch", "weights": "int8"}, "ask for weights=float32"),
    ],
)
def test_what_is_misspelt_or_does_not_fit_is_refused(model, settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        compile(model, **settings)


def test_two_processes_that_compile_at_once_make_one_library(tmp_path):
    program = """
import torch
from typica.core import registry
from typica.engines import compile
from typica.core.randomness import seeded
torch.manual_seed(0)
model = registry.build("wavenet", "tiny", stacks=1, layers=3).requires_grad_(False)
engine = compile(model, backend="c++")
print(engine.draw(engine.start(1), 10, generator=seeded(1)).symbols.tolist())
"""
    environment = {"TYPICA_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", program]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        for _ in "ab"
    ]
    told = [process.communicate() for process in running]

    assert [process.returncode for process in running] == [0, 0], told
    assert told[0][0] == told[1][0] != b""
    assert len(list((tmp_path / "kernels").glob("*.so"))) == 1


def test_the_same_seed_draws_the_same(model):
    engine = compile(model)
    one, other = (engine.draw(engine.start(2), 50, generator=seeded(3)).symbols for _ in "ab")
    assert torch.equal(one, other)
