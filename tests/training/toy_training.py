"""Small models and batches that drive the loop; another process can import them too."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from typica.core.carrying import CarryingModel
from typica.core.config import Config
from typica.core.model import ExplicitModel, Model
from typica.core.phase import Batch, Phase
from typica.core.progress import Progress, Task
from typica.data.corpus import Corpus
from typica.data.prepare import prepare
from typica.data.source import Item, Sound, Source, TrackKind
from typica.training.learner import Draw, Learner
from typica.training.loop import Loop
from typica.training.processes import Processes, join
from typica.training.settings import PhaseConfig, TrainingConfig
from typica.training.start import go_on

HERE = Path(__file__).parent
STEADY = PhaseConfig(learning_rate=1e-2, schedule="constant", weight_decay=0.01)
CONFIG = {"system": "toy", "preset": "none", "rate": 8000}


@dataclass(frozen=True)
class ToyConfig(Config):
    width: int = 8
    dropout: float = 0.3


class Toy(ExplicitModel):
    """A Gaussian around a small network of the past; its dropout needs noise at each step."""

    config_type = ToyConfig
    base_measure = "density of the amplitude"

    def __init__(self, config: ToyConfig | None = None) -> None:
        super().__init__(config or ToyConfig())
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Linear(4, self.config.width), nn.Tanh(), nn.Linear(self.config.width, 1)
        )
        self.unused = nn.Linear(2, 2)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def log_prob(self, x, condition=None):
        past = F.pad(x[:, 0, :-1], (4, 0)).unfold(1, 4, 1)
        past = F.dropout(past, self.config.dropout, self.training)
        self.calls += 1
        return -0.5 * (x[:, 0] - self.net(past)[..., 0]).square().sum(-1)

    def sample(self, count, length, *, condition=None, generator=None):
        return torch.zeros(count, 1, length)


class Memoir(CarryingModel):
    """A Gaussian around a leaky mean of all the past, which its state holds."""

    config_type = ToyConfig
    base_measure = "density of the amplitude"
    initial = 0.0

    def __init__(self) -> None:
        super().__init__(ToyConfig())
        self.first, self.gain = nn.Parameter(torch.zeros(())), nn.Parameter(torch.ones(()))

    def symbols(self, x):
        return x[:, 0]

    def render(self, symbols):
        return symbols[:, None]

    def start(self, count, condition=None):
        return (self.first.expand(count),)

    def advance(self, previous, state):
        means, (mean,) = [], state
        for symbols in previous.unbind(1):
            mean = 0.95 * mean + 0.05 * symbols
            means.append(self.gain * mean)
        return torch.distributions.Normal(torch.stack(means, 1), 1.0), (mean,)


def stretches(count: int = 4, rank: int = 0, world: int = 1) -> Draw:
    """Deal stretches of three parts in turn to the ranks, as `Crops` does."""

    def draw(number: int) -> Batch:
        stretch, part = divmod(number, 3)
        generator = torch.Generator().manual_seed(stretch)
        audio = torch.rand(count * world, 1, 24, generator=generator)[rank * count :][:count]
        rows = range(rank * count, (rank + 1) * count)
        places = tuple(1000 * (stretch * 99 + row) + 8 * part for row in rows)
        audio = audio[..., 8 * part : 8 * (part + 1)].clone()
        return {"audio": audio, "context": 0, "part": part, "places": places}

    return draw


class ToyGan(Model):
    """Two phases that pull at each other; each notes what gradients it finds."""

    config_type = ToyConfig

    def __init__(self) -> None:
        super().__init__(ToyConfig())
        torch.manual_seed(0)
        self.generator, self.critic = nn.Linear(4, 16), nn.Linear(16, 1)
        self.seen: list[tuple[str, Tensor, bool]] = []

    def sample(self, count, length, *, condition=None, generator=None):
        return self.generator(torch.randn(count, 4, generator=generator))[:, None, :length]

    def phases(self):
        return [
            Phase("critic", list(self.critic.parameters()), self.critic_loss, repeats=2),
            Phase("generator", list(self.generator.parameters()), self.generator_loss),
        ]

    def critic_loss(self, batch: Batch) -> dict[str, Tensor]:
        self._note("critic", batch, self.generator)
        fake = self.critic(self.sample(len(batch["audio"]), 16)[:, 0])
        real = self.critic(batch["audio"][:, 0, :16])
        return {"distance": (fake - real).mean(), "penalty": real.square().mean()}

    def generator_loss(self, batch: Batch) -> dict[str, Tensor]:
        self._note("generator", batch, self.generator)
        return {"distance": -self.critic(self.sample(len(batch["audio"]), 16)[:, 0]).mean()}

    def _note(self, phase: str, batch: Batch, others: nn.Module) -> None:
        clean = all(p.grad is None or not p.grad.any() for p in others.parameters())
        self.seen.append((phase, batch["audio"], clean))


class ToyCascade(Model):
    """Two stages: the second learns from what the first has learnt, which stands still by then."""

    config_type = ToyConfig

    def __init__(self) -> None:
        super().__init__(ToyConfig())
        torch.manual_seed(0)
        self.below, self.above = nn.Linear(4, 4), nn.Linear(4, 4)
        self.shown: list[tuple[int, int]] = []  # samples of the examples of each turn, by stage

    def sample(self, count, length, *, condition=None, generator=None):
        return torch.zeros(count, 1, length)

    def phases(self):
        below, above = list(self.below.parameters()), list(self.above.parameters())
        return [
            Phase("below", below, self.below_loss),
            Phase("above", above, self.above_loss, stage=1, context=8, unit="code"),
        ]

    def below_loss(self, batch: Batch) -> dict[str, Tensor]:
        self.shown.append((0, batch["audio"].shape[-1]))
        return {"nll": self.below(batch["audio"][:, 0, :4]).square().mean()}

    def above_loss(self, batch: Batch) -> dict[str, Tensor]:
        self.shown.append((1, batch["audio"].shape[-1]))
        with torch.no_grad():
            codes = self.below(batch["audio"][:, 0, :4])
        return {"nll": (self.above(codes) - codes - 1).square().mean()}


class Heard(Progress, Task):
    """Keeps what it is told."""

    def __init__(self):
        self.said, self.shown, self.done = [], [], 0

    def say(self, sentence):
        self.said.append(sentence)

    def task(self, what, total=None, unit=""):
        self.total = total
        return nullcontext(self)

    def advance(self, amount=1):
        self.done += amount

    def show(self, **figures):
        self.shown.append(figures)


class Chords(Source):
    """Short made-up recordings with a class and a roll each."""

    name, licence, made = "chords", "CC0-1.0", "computed from sines"
    track_kinds = {"roll": TrackKind(channels=4, rate=100.0)}

    def __init__(self, count: int = 6, seconds: float = 1.0) -> None:
        self.count, self.seconds = count, seconds

    def items(self) -> list[Item]:
        return [Item(f"chord-{number}", 1000, f"{self.seconds}") for number in range(self.count)]

    def open(self, item: Item) -> Sound:
        number = int(item.id.split("-")[1])
        times = np.arange(round(8000 * self.seconds)) / 8000
        audio = np.sin(2 * np.pi * 110 * (number + 2) * times).astype(np.float32)[:, None]
        roll = np.zeros((round(100 * self.seconds), 4), np.uint8)
        roll[:, number % 4] = 1
        return Sound(8000, [audio], ["minor", "major"][number % 2], {"roll": roll})


def chords(folder: Path, **shape: float) -> Corpus:
    """Prepare a small corpus with labels and a roll, at 8 kHz."""
    return prepare(Chords(**shape), folder / "chords", rate=8000, workers=1)


def lines(folder):
    """Read the log of a run."""
    text = (folder / "log" / "metrics.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def batches(count: int = 4, rank: int = 0, world: int = 1) -> Draw:
    """Deal the crops of a step in turn to the ranks, as `Crops` does."""

    def draw(number: int) -> Batch:
        generator = torch.Generator().manual_seed(number)
        audio = torch.rand(count * world, 1, 32, generator=generator) - 0.5
        return {"audio": audio[rank * count : (rank + 1) * count].cumsum(-1) / 4, "context": 0}

    return draw


def make_learner(
    model: Model | None = None,
    processes: Processes | None = None,
    phase: PhaseConfig | None = None,
    **settings: object,
) -> Learner:
    model = model or Toy()
    phases = model.phases()
    config = TrainingConfig.from_dict({"steps": 12, "average": 0.9} | settings)
    processes = processes or Processes(torch.device("cpu"))
    phase = phase or PhaseConfig(learning_rate=1e-2, warmup=3, weight_decay=0.01)
    return Learner(model, phases, config, {p.name: phase for p in phases}, processes)


def make_loop(
    folder: Path,
    learner: Learner | None = None,
    draw: Callable[[int], Batch] | None = None,
    **settings: object,
) -> Loop:
    """Return a loop that goes on from whatever is in the folder."""
    learner = learner or make_learner(**settings)
    folder.mkdir(parents=True, exist_ok=True)
    elapsed_s = go_on(folder, learner)
    return Loop(learner, draw or batches(), 4, folder, dict(CONFIG), elapsed_s)


def weights(learner: Learner) -> Tensor:
    """Return all numbers that training moves, as one vector."""
    models = (learner.model, learner.average.model)
    tensors = [tensor for model in models for tensor in model.state_dict().values()]
    for optimiser in learner.optimisers.values():
        tensors += [
            value for number in sorted(optimiser.state) for value in optimiser.state[number]
        ]
    return torch.cat([tensor.reshape(-1).double() for tensor in tensors])


def train_together(folder, expected, progress):
    """One process's part of a training that stops and goes on; returns everyone's weights."""
    with join("cpu", expected) as processes:
        torch.set_num_threads(1)
        exact = _stop_and_go(Path(folder) / "exact", processes, dropout=0.0)
        noisy = _stop_and_go(Path(folder) / "noisy", processes, dropout=0.5)
        return {"exact": exact, "noisy": noisy, "compiler": "torch._dynamo" in sys.modules}


def _stop_and_go(folder: Path, processes: Processes, dropout: float) -> list[list[float]]:
    for steps in (4, 8):
        model = Toy(ToyConfig(dropout=dropout))
        with torch.no_grad():
            model.net[0].weight += processes.rank  # the first's weights must reach all
        learner = make_learner(model, processes, STEADY, steps=steps, accumulate=2)
        processes.wait()
        make_loop(folder, learner, batches(2, processes.rank, processes.world)).run()
    mine = weights(learner)
    everyones = [torch.zeros_like(mine) for _ in range(processes.world)]
    dist.all_gather(everyones, mine)
    return [one.tolist() for one in everyones]


def carry_together(folder, expected, progress):
    """One process's part of a training that stops in the middle of a stretch and goes on."""
    with join("cpu", expected) as processes:
        torch.set_num_threads(1)
        for steps in (2, 6):
            learner = make_learner(Memoir(), processes, STEADY, steps=steps)
            processes.wait()
            draw = stretches(2, processes.rank, processes.world)
            make_loop(Path(folder) / "together", learner, draw).run()
        mine = weights(learner)
        everyones = [torch.zeros_like(mine) for _ in range(processes.world)]
        dist.all_gather(everyones, mine)
        return [one.tolist() for one in everyones]


def fall_silent(expected, progress):
    """The second process never comes to where the first one waits."""
    with join("cpu", expected, patience_s=2) as processes:
        if processes.rank == 1:
            time.sleep(60)
        processes.wait()
