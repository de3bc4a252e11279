"""Calls for several processes that need no torch and so begin at once."""

import time

from typica.core.errors import DataError


def refuse(expected, progress):
    """Both processes meet the same bad input."""
    raise DataError("there is no corpus 'x'")


def die(expected, progress):
    """Both processes meet a bug."""
    raise ZeroDivisionError("a bug")


def wait_long(expected, progress):
    """Wait until Ctrl-C."""
    progress.say("waiting")
    time.sleep(60)
