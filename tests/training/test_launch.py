"""Training in several real processes, over gloo."""

import os
import signal
import threading

import pytest
import torch
from torch.nn.utils import parameters_to_vector
from toy_training import STEADY, Toy, ToyConfig, batches, make_learner, make_loop

from typica.core.errors import ConfigError, RunError, TypicaError
from typica.core.progress import SILENT, Progress
from typica.core.run import checkpoints
from typica.training.launch import Machines, launch
from typica.training.processes import join

TWO = Machines(processes=2)


def test_two_processes_stop_and_resume_like_one_with_a_double_batch(tmp_path):
    alone = make_learner(Toy(ToyConfig(dropout=0)), phase=STEADY, steps=8, accumulate=2)
    make_loop(tmp_path / "alone", alone, batches(4)).run()

    everyones = launch("toy_training:train_together", {"folder": str(tmp_path)}, TWO, SILENT)

    assert not everyones["compiler"]  # importing it takes longer than importing torch
    for kind in ("exact", "noisy"):
        first, second = everyones[kind]
        kept = [path.name for path in checkpoints(tmp_path / kind)]
        assert first == second
        assert kept == ["step-00000004", "step-00000008"]
    together = make_loop(tmp_path / "exact", make_learner(steps=8)).learner
    torch.testing.assert_close(
        parameters_to_vector(together.model.parameters()),
        parameters_to_vector(alone.model.parameters()),
        atol=1e-5,
        rtol=1e-4,
    )


def test_a_process_that_dies_is_told_with_its_last_words():
    with pytest.raises(RunError, match="a training process died: ZeroDivisionError: a bug"):
        launch("toy_calls:die", {}, TWO, SILENT)


@pytest.mark.slow
def test_a_silent_process_is_waited_for_only_so_long():
    with pytest.raises(TypicaError, match="one of 2 processes lost the others, or waited for them"):
        launch("toy_training:fall_silent", {}, TWO, SILENT)


@pytest.mark.slow
def test_bad_input_is_told_in_the_processes_own_sentence():
    with pytest.raises(TypicaError, match=r"^there is no corpus 'x'$"):
        launch("toy_calls:refuse", {}, TWO, SILENT)


@pytest.mark.slow
def test_ctrl_c_is_passed_on_to_the_processes():
    class Presser(Progress):
        def say(self, sentence):
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        launch("toy_calls:wait_long", {}, TWO, Presser())


def test_another_number_of_processes_than_asked_for_is_refused():
    with pytest.raises(RunError, match="2 processes were asked for and 1 came"), join("cpu", 2):
        pass


@pytest.mark.parametrize(
    ("machines", "sentence"),
    [
        ({"processes": 0}, "--processes and --machines must be at least 1"),
        ({"machines": 2, "rank": 2, "rendezvous": "a:1"}, "--machine-rank must be from 0 to 1"),
        ({"machines": 2}, "--machines needs --rendezvous HOST:PORT"),
        ({"machines": 2, "rendezvous": "host"}, "--machines needs --rendezvous HOST:PORT"),
    ],
)
def test_machines_that_cannot_meet_are_refused(machines, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Machines(**machines)


def test_two_machines_meet_where_the_first_is():
    machines = Machines(processes=2, machines=2, rank=1, rendezvous="music:29400")

    assert machines.world == 4
    assert {"--node-rank=1", "--master-addr=music", "--master-port=29400"} <= {*machines.torchrun()}
