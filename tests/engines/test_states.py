"""States of gated networks in files: any engine goes on with them, and what is wrong is refused."""

import json

import pytest
import torch
from gated_networks import CONFIGURATIONS, build, parameters, told
from safetensors import safe_open
from safetensors.torch import save_file

from typica.core.engine import StepEngine
from typica.core.engine_state import Saved, write_state
from typica.core.errors import RunError
from typica.core.randomness import seeded
from typica.engines.compiler import compile

CONTEXT = CONFIGURATIONS[-1]  # with labels, and two taps of the first convolution beside the last


def saved(settings, place):
    """An engine, and its state after some draws, which lies in a file too."""
    model = build(settings)
    engine = compile(model, backend="c++")
    state = engine.start(2, condition=told(model, 2))
    state = engine.draw(state, 76, generator=seeded(1)).state
    state.save(place)
    return engine, state


def opened(place):
    with safe_open(str(place), "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


@pytest.mark.parametrize("settings", [{}, CONFIGURATIONS[12], CONFIGURATIONS[15], CONTEXT], ids=str)
@pytest.mark.parametrize("compiled_first", [True, False])
def test_the_module_and_its_engine_go_on_with_each_other_s_states(
    settings, compiled_first, tmp_path
):
    model = build(settings)
    one, other = compile(model, backend="c++"), StepEngine(model)
    if not compiled_first:
        one, other = other, one
    state = one.start(2, condition=told(model, 2))
    state = one.draw(state, 37, generator=seeded(1)).state
    state.save(tmp_path / "state")

    found, _ = other.step(other.load(tmp_path / "state"))

    expected, _ = one.step(state)
    torch.testing.assert_close(parameters(found), parameters(expected), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["compiled", "steps"])
def test_the_state_of_another_model_is_refused(kind, tmp_path):
    saved({}, tmp_path / "state")
    other = build({"kernel": 3})
    engine = compile(other) if kind == "compiled" else StepEngine(other)
    with pytest.raises(RunError, match="is the state of another model: go on with the run"):
        engine.load(tmp_path / "state")


def test_weights_that_were_trained_further_are_another_model_s(tmp_path):
    engine, _ = saved({}, tmp_path / "state")
    engine.model.head.last.bias[0] += 1
    with pytest.raises(RunError, match="is the state of another model"):
        StepEngine(engine.model).load(tmp_path / "state")


def test_a_file_that_is_not_there_or_cut_off_is_refused(tmp_path):
    engine, _ = saved({}, tmp_path / "state")
    whole = (tmp_path / "state").read_bytes()
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(RunError, match="cut is not a state that can be read"):
            engine.load(tmp_path / "cut")
    with pytest.raises(RunError, match="nowhere is not a state that can be read"):
        engine.load(tmp_path / "nowhere")


def test_other_files_of_tensors_are_refused(tmp_path):
    engine, _ = saved({}, tmp_path / "state")
    save_file({"weight": torch.zeros(3)}, str(tmp_path / "other"))
    with pytest.raises(RunError, match="other holds no state of an engine"):
        engine.load(tmp_path / "other")


@pytest.mark.parametrize("kind", ["compiled", "steps"])
@pytest.mark.parametrize("damage", ["missing", "changed", "reshaped", "retyped", "tree"])
def test_a_file_that_was_tampered_with_is_refused(kind, damage, tmp_path):
    engine, _ = saved(CONTEXT, tmp_path / "state")
    tensors, about = opened(tmp_path / "state")
    if damage == "missing":
        del tensors["3"]
    elif damage == "changed":
        tensors["3"].view(-1)[0] += 1
    elif damage == "reshaped":
        tensors["3"] = tensors["3"].flatten()
    elif damage == "retyped":
        tensors["3"] = tensors["3"].view(torch.int32)
    else:
        about["tree"] = about["tree"].replace("76", "75")
    save_file(tensors, str(tmp_path / "state"), metadata=about)

    engine = engine if kind == "compiled" else StepEngine(engine.model)
    with pytest.raises(RunError, match="is damaged: it does not hold what was saved"):
        engine.load(tmp_path / "state")


WRONG = {
    "its symbols has shape": lambda s: s._replace(symbols=s.symbols[:, 1:]),
    "its symbols holds what is not from 0 to 255": lambda s: s._replace(symbols=s.symbols + 256),
    "its symbols is of torch.int32": lambda s: s._replace(symbols=s.symbols.int()),
    "its past of layer 1 has shape": lambda s: s._replace(
        histories=(s.histories[0], s.histories[1][1:], *s.histories[2:])
    ),
    "its past of layer 0 holds what is not a number": lambda s: s._replace(
        histories=(s.histories[0] * float("nan"), *s.histories[1:])
    ),
    "is missing": lambda s: s._replace(histories=s.histories[:-1]),
    "its label is missing": lambda s: s._replace(label=None),
    "its label has shape": lambda s: s._replace(label=s.label[:, :-1]),
    "its local condition is too much": lambda s: s._replace(frames=torch.zeros(2, 5, 9)),
    "it has read -1 symbols": lambda s: s._replace(time=-1),
    "its frame has shape": lambda s: s._replace(
        context=s.context._replace(waiting=s.context.waiting[:, 1:])
    ),
    "its words has shape": lambda s: s._replace(context=s.context._replace(now=s.context.now[:1])),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_state_that_does_not_fit_the_network_is_refused_at_the_door(sentence, tmp_path):
    engine, state = saved(CONTEXT, tmp_path / "state")
    wrong = WRONG[sentence](state.leave().inner)
    write_state(tmp_path / "state", Saved(state.previous, wrong), state.geometry.model)

    with pytest.raises(RunError, match=f"state does not fit this model: .*{sentence}"):
        engine.load(tmp_path / "state")


def test_the_file_says_what_it_is(tmp_path):
    engine, state = saved({}, tmp_path / "state")

    _, about = opened(tmp_path / "state")

    assert about["model"] == engine.geometry.model
    assert json.loads(about["tree"])["of"][1]["of"][0] == state.time
