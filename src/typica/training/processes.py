"""The processes that train one model together, each on its share of the examples.

A phase's loss is any function of the model, not its `forward`, so the hooks by which
DistributedDataParallel averages gradients never run: they are averaged here, after the
backward pass, as one tensor. Accelerate chooses the backend and the device.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from typica.core.device import pick_device
from typica.core.errors import RunError

PATIENCE_S = 1800.0  # the others wait so long while the first process draws early samples
TEXT_BYTES = 512


def launched() -> int | None:
    """Return the number of processes that torchrun has started, or None outside it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else None


@contextmanager
def join(
    device: str = "auto", expected: int | None = None, patience_s: float = PATIENCE_S
) -> Iterator[Processes]:
    """Meet the processes that torchrun has started with this one; alone where it has not.

    Args:
        device: Kind of device to compute on, or "auto".
        expected: Number of processes that were asked for; None takes what there is.
        patience_s: Seconds to wait for a process that keeps silent.

    Raises:
        RunError: Another number of processes came than was asked for.
    """
    world = launched() or 1
    if expected not in (None, world):
        raise RunError(f"{expected} processes were asked for and {world} came: start them again")
    if world == 1:
        yield Processes(pick_device(device))
        return
    from accelerate import PartialState

    kind = pick_device(device).type
    with _patiently(world, patience_s):
        # Without `cpu`, accelerate would quietly stay alone on a machine that has no GPU.
        state = PartialState(cpu=kind == "cpu", timeout=timedelta(seconds=patience_s))
    if state.num_processes != world:
        raise RunError(f"{world} processes were asked for and {state.num_processes} met")
    place = torch.device(kind) if kind == "cpu" else state.device
    try:
        yield Processes(place, state.process_index, world, patience_s)
    finally:
        dist.destroy_process_group()


class Processes:
    """This process and those that train with it; where it is alone, nothing is exchanged.

    Attributes:
        device: Where this one computes.
        rank: Its number, from 0; the first writes all files.
        world: How many there are.
    """

    def __init__(
        self, device: torch.device, rank: int = 0, world: int = 1, patience_s: float = PATIENCE_S
    ) -> None:
        self.device, self.rank, self.world, self.patience_s = device, rank, world, patience_s
        # Words are exchanged on the CPU, so that a GPU's queue never drains for them.
        patience = timedelta(seconds=patience_s)
        self._words = dist.new_group(backend="gloo", timeout=patience) if world > 1 else None

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process has come here."""
        self.agree(0.0)

    def agree(self, *values: float) -> list[float]:
        """Return the largest of each value over all processes."""
        if self.world == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        with _patiently(self.world, self.patience_s):
            dist.all_reduce(shared, dist.ReduceOp.MAX, group=self._words)
        return shared.tolist()

    def agree_on(self, text: str) -> str:
        """Return the first process's text, of at most `TEXT_BYTES` bytes."""
        if self.world == 1:
            return text
        shared = torch.zeros(TEXT_BYTES, dtype=torch.uint8)
        shared[: len(text.encode())] = torch.tensor(list(text.encode()), dtype=torch.uint8)
        with _patiently(self.world, self.patience_s):
            dist.broadcast(shared, 0, group=self._words)
        return bytes(shared.tolist()).rstrip(b"\0").decode()

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the first one's values."""
        if self.world == 1:
            return
        with _patiently(self.world, self.patience_s), torch.no_grad():
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of a tensor over all processes."""
        if self.world > 1:
            values = values.clone()
            with _patiently(self.world, self.patience_s):
                dist.all_reduce(values)
        return values / self.world

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows of all processes, as many of each, the first one's in front."""
        if self.world == 1:
            return rows
        parts = [
            torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(self.world)
        ]
        with _patiently(self.world, self.patience_s):
            dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each gradient by its mean over all processes.

        A parameter that no process used keeps no gradient, as it would in a single one.
        """
        if self.world == 1:
            return
        for dtype in dict.fromkeys(parameter.dtype for parameter in parameters):
            self._average([p for p in parameters if p.dtype == dtype])

    def _average(self, parameters: list[nn.Parameter]) -> None:
        gradients = [p.new_zeros(p.shape) if p.grad is None else p.grad for p in parameters]
        used = gradients[0].new_tensor([p.grad is not None for p in parameters])
        flat = torch.cat([*(g.reshape(-1) for g in gradients), used])
        with _patiently(self.world, self.patience_s):
            dist.all_reduce(flat)
        *means, used = (flat / self.world).split([*(g.numel() for g in gradients), len(used)])
        unused_here = any(p.grad is None for p in parameters)
        # Only then is it asked who used what: the answer would make a GPU wait every step.
        kept = used.tolist() if unused_here else [1.0] * len(parameters)
        for parameter, mean, keep in zip(parameters, means, kept, strict=True):
            parameter.grad = mean.view_as(parameter) if keep else None


@contextmanager
def _patiently(world: int, patience_s: float) -> Iterator[None]:
    """Say in one sentence that the others did not answer."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise RunError(
            f"one of {world} processes lost the others, or waited for them for "
            f"{patience_s / 60:.3g} minutes ({reason}): go on with --resume"
        ) from error
