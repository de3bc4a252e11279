import pytest
import torch

from typica.core.errors import ConfigError
from typica.images.photographs import BAND, patches


def test_patches_are_levels_of_the_photograph():
    grey, colour = patches("china", "train", 50), patches("china", "train", 50, colour=True)

    assert grey.shape == (50, 1, 8, 8)
    assert colour.shape == (50, 3, 8, 8)
    assert 0 <= grey.min() < grey.max() <= 255
    # The same seed gives the same places: grey is the luma of the colours.
    luma = (colour * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    assert (luma - grey).abs().max() <= 0.501


def test_no_row_is_in_both_parts(monkeypatch):
    rows = torch.arange(427)[:, None, None].expand(-1, 640, 1).numpy()
    monkeypatch.setattr("typica.images.photographs._pixels", lambda *_: rows)

    train, test = (
        set(patches("china", part, 4000).unique().tolist()) for part in ("train", "test")
    )

    assert not train & test
    assert len(test) == 3 * BAND
    assert len(train) == 10 * BAND


def test_patches_repeat_with_their_seed():
    assert torch.equal(patches("flower", "test", 9, seed=1), patches("flower", "test", 9, seed=1))
    assert not torch.equal(patches("flower", "test", 9), patches("flower", "test", 9, seed=1))


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(ConfigError, match="from 1 to 32 rows, got 40"):
        patches("china", "train", 1, size=40)
    with pytest.raises(ConfigError, match="china or flower, got 'cat'"):
        patches("cat", "train", 1)
