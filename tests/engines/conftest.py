"""Compilers other than the one at hand."""

import pytest

from typica.engines import build


@pytest.fixture
def use_compiler(monkeypatch):
    """A function that makes a command the C++ compiler until the test ends."""
    caches = (build.compiler, build.lanes, build._version)

    def use(command):
        monkeypatch.setenv("CXX", str(command))
        for cached in caches:
            cached.cache_clear()

    yield use
    for cached in caches:
        cached.cache_clear()
