"""Coding in parts: the codes of the whole, from no more than a part and its margin."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from typica.core.parts import coded_in_parts
from typica.core.randomness import seeded


def sums(x, hop, margin):
    """Codes: sums of a code's own samples and those of its margin; ends are followed by zeros."""
    x = F.pad(x[:, 0], (margin, margin - x.shape[-1] % -hop))
    return x.unfold(1, hop + 2 * margin, hop).sum(-1)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.integers(1, 7), st.integers(0, 12), st.integers(1, 20))
def test_codes_are_those_of_the_whole_and_no_more_than_a_part_is_heard(time, hop, margin, length):
    x, heard = torch.randint(1 << 20, (2, 1, time), generator=seeded(time)), []

    def code(part):
        heard.append(part.shape[-1])
        return sums(part, hop, margin)

    assert torch.equal(coded_in_parts(code, x, hop, margin, length), sums(x, hop, margin))
    assert max(heard) <= max(length, margin) + 2 * margin + 3 * hop
