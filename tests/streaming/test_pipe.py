import os
import threading
import time

import numpy as np

from typica.streaming.errors import StreamError
from typica.streaming.pipe import Pipe
from typica.streaming.sink import Outlet


def test_a_pipe_gets_every_sample_as_fast_as_it_is_read(broadcast, perform, ramp_codes):
    reader, writer = os.pipe()
    one = broadcast(perform(300))
    outlet = Outlet(Pipe(writer, "raw"), one, patience="wait")
    one.start()
    outlet.finished.wait(0.2)
    held_up = not outlet.finished.is_set()

    parts = []
    drain = threading.Thread(target=lambda: parts.extend(iter(lambda: os.read(reader, 4096), b"")))
    drain.start()
    outlet.finished.wait(10)
    os.close(writer)
    drain.join(10)
    os.close(reader)

    assert held_up
    np.testing.assert_array_equal(np.frombuffer(b"".join(parts), "<i2"), ramp_codes(0, 300 * 400))


def test_a_reader_that_goes_is_a_good_end(broadcast, perform):
    reader, writer = os.pipe()
    one = broadcast(perform())
    outlet = Outlet(Pipe(writer, "wav"), one, patience="wait")
    one.start()
    assert os.read(reader, 4) == b"RIFF"

    os.close(reader)

    assert outlet.finished.wait(10)
    os.close(writer)
    assert outlet.error is None
    assert one.listeners == []


def test_a_disk_behind_the_pipe_that_is_full_is_one_sentence(broadcast, perform):
    full = os.open("/dev/full", os.O_WRONLY)
    one = broadcast(perform())
    outlet = Outlet(Pipe(full, "wav"), one, patience="wait")
    one.start()

    assert outlet.finished.wait(10)
    os.close(full)
    assert isinstance(outlet.error, StreamError)
    assert str(outlet.error) == "the pipe takes no more: no space left on device"


def test_a_pipe_that_makes_nobody_wait_gets_every_sample(broadcast, perform, ramp_codes):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    one = broadcast(perform(300))
    outlet = Outlet(Pipe(writer, "raw"), one, patience="wait")
    one.start()
    time.sleep(0.3)  # until it is full

    parts = []
    drain = threading.Thread(target=lambda: parts.extend(iter(lambda: os.read(reader, 4096), b"")))
    drain.start()
    outlet.finished.wait(10)
    os.close(writer)
    drain.join(10)
    os.close(reader)

    assert outlet.error is None
    np.testing.assert_array_equal(np.frombuffer(b"".join(parts), "<i2"), ramp_codes(0, 300 * 400))
