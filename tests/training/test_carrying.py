"""State that is carried from one part of a stretch to the next, through a training."""

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.utils import parameters_to_vector
from toy_training import STEADY, Memoir, make_learner, make_loop, stretches, weights

from typica.core.errors import RunError
from typica.core.progress import SILENT
from typica.core.run import checkpoints
from typica.training.launch import Machines, launch
from typica.training.start import go_on


def learner(**settings):
    return make_learner(Memoir(), phase=STEADY, **settings)


def test_a_training_that_stops_in_the_middle_of_a_stretch_goes_on_exactly(tmp_path):
    unbroken = learner(steps=10)
    make_loop(tmp_path / "unbroken", unbroken, stretches()).run()

    for steps in (2, 5, 10):
        broken = learner(steps=steps)
        make_loop(tmp_path / "broken", broken, stretches()).run()

    assert torch.equal(weights(broken), weights(unbroken))
    kept = [checkpoints(tmp_path / run)[-1] for run in ("broken", "unbroken")]
    carried = [load_file(one / "carried-likelihood.safetensors") for one in kept]
    assert all(torch.equal(carried[0][name], carried[1][name]) for name in carried[1])


def test_what_is_carried_matters():
    carrying, forgetting = learner(), learner()

    for _ in range(4):
        carrying.step(stretches(), 0.0)
        forgetting.step(stretches(), 0.0)
        forgetting.carried.clear()

    assert not torch.equal(weights(carrying), weights(forgetting))


def test_each_stretch_begins_anew():
    before, one, other = learner(), learner(), learner()
    before.steps, one.steps, other.steps = 2, 3, 3

    before.step(stretches(), 0.0)  # the end of the stretch before
    other.carried = before.carried
    one.step(stretches(), 0.0)
    other.step(stretches(), 0.0)

    assert torch.equal(weights(one), weights(other))


def test_accumulated_batches_carry_on_too():
    by_halves = learner(accumulate=2)
    by_halves.step(stretches(), 0.0)

    assert by_halves.carried["likelihood"].leads_to(stretches()(2))
    assert not by_halves.carried["likelihood"].leads_to(stretches()(1))


def test_a_damaged_state_is_refused(tmp_path):
    make_loop(tmp_path / "run", learner(steps=2), stretches()).run()
    (last,) = checkpoints(tmp_path / "run")
    (last / "carried-likelihood.safetensors").write_bytes(b"0")

    with pytest.raises(RunError, match="no checkpoint of .* is whole"):
        go_on(tmp_path / "run", learner(steps=4))


def test_two_processes_carry_the_rows_of_one_with_a_double_batch(tmp_path):
    alone = learner(steps=6)
    make_loop(tmp_path / "alone", alone, stretches(4)).run()

    everyones = launch(
        "toy_training:carry_together", {"folder": str(tmp_path)}, Machines(processes=2), SILENT
    )

    first, second = everyones
    assert first == second
    together = learner(steps=6)
    go_on(tmp_path / "together", together)  # alone it takes all rows
    torch.testing.assert_close(
        parameters_to_vector(together.model.parameters()),
        parameters_to_vector(alone.model.parameters()),
        atol=1e-6,
        rtol=1e-5,
    )
    carried = together.carried["likelihood"]
    assert carried.places == alone.carried["likelihood"].places
    torch.testing.assert_close(carried.state, alone.carried["likelihood"].state)
