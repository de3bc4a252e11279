"""The command line: one file per command, found by its name."""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
import threading
import traceback
from contextlib import suppress
from typing import NoReturn

import typer

import typica
from typica.core.errors import TypicaError
from typica.core.threads import GENERATION

INTERRUPTED = 128 + signal.SIGINT


def build() -> typer.Typer:
    """Gather the commands: a module `NAME` holds a function `NAME`, or an `app` of several."""
    app = typer.Typer(
        name="typica",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Generative models of music in the waveform domain, and the tools of typicality.",
        epilog="Begin with: typica quickstart",
    )

    @app.callback()
    def options(
        debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
        version: bool = typer.Option(
            False, "--version", callback=_tell_version, is_eager=True, help="Show the version."
        ),
    ) -> None:
        """Generative models of music in the waveform domain, and the tools of typicality."""

    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        command = importlib.import_module(f"{__name__}.{module.name}")
        if hasattr(command, "app"):
            app.add_typer(command.app, name=module.name)
        elif hasattr(command, module.name):
            app.command(module.name)(getattr(command, module.name))
    return app


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"typica {typica.__version__}")
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run one command, the process's own if left out, and end as it ended."""
    if arguments is not None:
        _run(arguments)
        return
    try:
        _run(sys.argv[1:])
    except SystemExit as end:
        if any(one.name == GENERATION for one in threading.enumerate()):
            _leave(end.code)
        raise


def _leave(status: str | int | None) -> NoReturn:
    """End the process at once, although a thread still draws a block of sound.

    Python would unwind such a thread when it comes back out of compiled code, and C++ that must
    not be unwound aborts ("terminate called without an active exception").
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a pipe that is closed has nothing to hear
            stream.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


def _run(arguments: list[str]) -> None:
    """Run one command; exit status 2 tells what the user can put right."""
    # Threads that spin while they wait for one another slow each other down several times as
    # soon as any other program runs; torch reads this when it is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        build()(arguments, standalone_mode=True)
    except TypicaError as error:
        if "--debug" in arguments:
            traceback.print_exc()
        # A name of a file may have line feeds in it.
        print(f"typica: {' '.join(str(error).splitlines())}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer turns Ctrl-C into this
            print("typica: interrupted", file=sys.stderr)
        raise
