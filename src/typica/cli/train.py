"""typica train: train a system on a corpus."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option


def train(
    system: Annotated[str, Argument(help="A system; `typica systems` lists them.")],
    data: Annotated[str, Option(help="A corpus, by its name or its folder.")],
    preset: Annotated[
        str | None, Option(help="Where the settings come from; small unless told otherwise.")
    ] = None,
    settings: Annotated[
        list[str] | None, Option("--set", help="Change one setting, as in model.channels=96.")
    ] = None,
    name: Annotated[str | None, Option(help="Name of the run's folder under runs/.")] = None,
    resume: Annotated[
        bool, Option("--resume", help="Go on with the run of that name, or with the newest.")
    ] = False,
    steps: Annotated[int | None, Option(min=1, help="Stop after so many steps in all.")] = None,
    minutes: Annotated[
        float | None, Option(min=0, help="Stop after so many minutes in all.")
    ] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda or mps.")] = "auto",
    population: Annotated[
        int | None,
        Option(min=2, help="Train so many members that compete, in turn, and keep the best."),
    ] = None,
    processes: Annotated[
        int | None, Option(min=1, help="Processes on this machine; each has its own batches.")
    ] = None,
    machines: Annotated[int, Option(min=1, help="Machines that train together.")] = 1,
    machine_rank: Annotated[int, Option(min=0, help="Number of this machine, from 0.")] = 0,
    rendezvous: Annotated[
        str | None, Option(help="Where the first machine is found, as HOST:PORT.")
    ] = None,
) -> None:
    """Train a system on a corpus.

    The run is kept in runs/NAME: checkpoints, a log (log/metrics.jsonl, and TensorBoard's),
    early samples, and at the end the weights and a card. Ctrl-C writes a checkpoint first.

    Examples:
        typica train wavenet --data my_album

        typica train wavenet --data my_album --name first --set model.channels=96 --minutes 30

        typica train wavenet --data my_album --name first --resume --minutes 60

        typica train vqvae --data my_album --population 4 --steps 4000 --set training.minutes=null
    """
    from typica.actions.train import train as act
    from typica.cli._bars import Bars

    folder = act(
        system,
        data,
        preset,
        settings or [],
        name=name,
        resume=resume,
        steps=steps,
        minutes=minutes,
        device=device,
        population=population,
        processes=processes,
        machines=machines,
        machine_rank=machine_rank,
        rendezvous=rendezvous,
        progress=Bars(),
    )
    print(folder)
