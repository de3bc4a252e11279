"""What every test may use."""

import os
import zlib

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

# Machines that run tests are shared: an example may take its time.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(autouse=True)
def _own_homes(tmp_path, monkeypatch):
    """Keep corpora and runs of the user out of the tests, and those of the tests out of his."""
    monkeypatch.setenv("TYPICA_DATA", str(tmp_path / "data-home"))
    monkeypatch.setenv("TYPICA_RUNS", str(tmp_path / "runs"))


@pytest.fixture(autouse=True)
def _own_chance(request):
    """Let each test draw the same numbers whenever and wherever it runs: what fails fails again."""
    import torch

    torch.manual_seed(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(1)
