"""The model that comes with the package: whole, small, and it sounds."""

import torch

import typica
from typica.core.randomness import seeded
from typica.core.run import SHIPPED
from typica.engines.gated.engine import GatedEngine
from typica.signal.loudness import level_db
from typica.streaming.monitoring import find_monitor

LARGEST = 5_000_000  # bytes


def test_it_is_small_and_says_what_it_was_made_from():
    folder = SHIPPED / "demo"
    card = (folder / "card.md").read_text()

    assert sum(file.stat().st_size for file in folder.iterdir()) < LARGEST
    assert "CC BY 3.0" in card
    assert "held-out score" in card


def test_it_sounds_right_after_installation():
    run = typica.load("demo")
    engine = run.engine()
    assert isinstance(engine, GatedEngine)

    drawn = engine.draw(engine.start(4), 5 * run.rate, generator=seeded(0))

    # Chorales begin after a pause: some streams are still silent, and one that sounds is heard.
    levels = level_db(run.model.render(drawn.symbols)[:, 0])
    assert levels.max() > -45
    assert torch.isfinite(drawn.log_prob).all()


def test_its_monitor_is_calibrated_for_its_weights():
    monitor = find_monitor(typica.load("demo"))
    assert monitor is not None
    assert monitor.is_calibrated
