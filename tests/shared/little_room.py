"""A disk that takes no more."""

import resource
from contextlib import contextmanager


@contextmanager
def little_room(size):
    """Let no file grow beyond a size; Python passes over the signal that comes with it.

    It ends within a test, for what pytest itself writes may go to a file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
