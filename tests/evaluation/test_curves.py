import json

import pytest

from typica.evaluation.curves import Curve, read_curves
from typica.evaluation.findings import smooth


def write(folder, lines):
    (folder / "log").mkdir(parents=True)
    (folder / "log" / "metrics.jsonl").write_text("".join(line + "\n" for line in lines))


def test_the_log_tells_both_curves_and_how_long_it_took(tmp_path):
    lines = [
        {"step": 10, "bits": 7.0, "seconds": 1.0},
        {"step": 20, "bits": 6.0, "seconds": 2.0},
        {"step": 20, "valid/bits": 6.5, "seconds": 2.5},
        {"step": 30, "bits": None, "seconds": 3.0},
    ]
    write(tmp_path, [json.dumps(line) for line in lines])

    curves = read_curves(tmp_path)

    assert curves.train == Curve([10, 20], [7.0, 6.0])
    assert curves.valid == Curve([20], [6.5])
    assert (curves.steps, curves.seconds) == (30, 3.0)


def test_a_line_cut_short_is_passed_over(tmp_path):
    write(tmp_path, ['{"step": 10, "bits": 7.0}', '{"step": 20, "bi'])

    assert read_curves(tmp_path).train == Curve([10], [7.0])


def test_a_checkpoint_has_the_log_of_its_run(tmp_path):
    write(tmp_path, ['{"step": 10, "bits": 7.0}'])

    assert read_curves(tmp_path / "checkpoints" / "step-00000010").steps == 10


def test_a_run_without_a_log_has_empty_curves(tmp_path):
    assert read_curves(tmp_path).train == Curve([], [])


def test_smoothing_keeps_the_mean_and_the_end():
    curve = Curve(list(range(1, 1001)), [float(n % 7) for n in range(1000)])

    few = smooth(curve, points=10)

    assert len(few.steps) == 10
    assert few.steps[-1] == 1000
    assert sum(few.bits) / 10 == pytest.approx(sum(curve.bits) / 1000)
