"""Orders of an image's values, learnt by one network: raster, slices, and bits in two parts.

    python benchmarks/orderings.py                 # all: some minutes of one core
    python benchmarks/orderings.py raster halves   # some of them
    python benchmarks/orderings.py --pictures DIR  # also partial draws, as PNG

Scikit-learn's digits, cut to 16 levels: 1,200 to learn from, 597 held out. All orders have the
same network and see as many values a step; bits a value are exact and add up over the stages.
Wanted: slices lose nothing against raster order, and bits in two parts cost at most 2 % more than
whole values in the same order. A PixelCNN of the same size stands beside them.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from typica.core import registry
from typica.core.model import ExplicitModel
from typica.core.randomness import seeded, seeded_globally
from typica.training.fit import fit

LEVELS, VALUES, TRAINING, BATCH = 16, 64, 1200, 32
MOST_MORE = 1.02  # times the bits of whole values
ROWS = {
    "raster": {"factor": 1},
    "halves": {"factor": 2},
    "quarters": {"factor": 4},
    "halves, first slice apart": {"factor": 2, "apart": True},
    "halves, 1 + 3 bits": {"factor": 2, "first_bits": 1},
    "halves, 2 + 2 bits": {"factor": 2, "first_bits": 2},
    "halves, 3 + 1 bits": {"factor": 2, "first_bits": 3},
    "pixelcnn": {"layers": 5, "features": 32, "dropout": 0.3},
}


def main() -> int:
    """Print a row for each; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"some of: {'; '.join(ROWS)}")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=Path, help="a folder for partial draws")
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, test = digits(options.seed)
    print(f"{'':26} parameters  bits a value        steps a CPU-s  stages; slices, bits a value")
    bits = {}
    for name in options.names or ROWS:
        model, seconds = trained(name, train, options)
        stages = scores(model, test)
        bits[name] = stages.sum((1, 2))
        row(name, model, stages, options.steps / seconds)
        if options.pictures and name != "pixelcnn":
            draw(model, options.pictures / f"{name.replace(' ', '_')}.png")
    return int(not meets(bits))


def digits(seed: int) -> tuple[Tensor, Tensor]:
    """Return digits to learn from and others, levels (count, 1, 8, 8)."""
    images = torch.tensor(load_digits().images, dtype=torch.long)[:, None].clamp_max(LEVELS - 1)
    images = images[torch.randperm(len(images), generator=seeded(seed))]
    return images[:TRAINING], images[TRAINING:]


def trained(name: str, train: Tensor, options: argparse.Namespace) -> tuple[ExplicitModel, float]:
    """Return a model of the training digits, and the processor's seconds."""
    settings, system = ROWS[name], "pixelcnn" if name == "pixelcnn" else "subscale"
    side = settings.get("factor", 1)
    with seeded_globally(options.seed):
        model = registry.build(system, "small", levels=LEVELS, **settings)
    began = time.process_time()
    # A step reads one slice of each image: as many values as one image of raster order.
    fitted = fit(
        *(model, {"image": train}),
        **{"steps": options.steps, "batch": BATCH * side**2, "seed": options.seed},
        learning_rate=1e-2,
    )
    assert isinstance(fitted, ExplicitModel)
    return fitted, time.process_time() - began


def scores(model: ExplicitModel, test: Tensor) -> Tensor:
    """Return the bits that slices add to a value's, (images, stages, slices)."""
    with torch.no_grad():
        if hasattr(model, "slice_log_probs"):
            nats = -model.slice_log_probs(test)
        else:
            nats = -model.log_prob(test)[:, None, None]
    return nats.double() / math.log(2) / VALUES


def row(name: str, model: ExplicitModel, bits: Tensor, speed: float) -> None:
    """Print what one order costs: a 95 % interval over images, then its parts."""
    total, size = bits.sum((1, 2)), sum(parameter.numel() for parameter in model.parameters())
    half = 1.96 * float(total.std()) / math.sqrt(len(total))
    stages = " + ".join(f"{stage:.3f}" for stage in bits.sum(2).mean(0).tolist())
    slices = bits.sum(1).mean(0) * bits.shape[2]
    own = " ".join(f"{one:.2f}" for one in slices.tolist())
    print(
        f"{name:26} {size:10,}  {float(total.mean()):.3f} +- {half:.3f}  {speed:13.1f}  "
        f"{stages}; {own}",
        flush=True,
    )


def meets(bits: dict[str, Tensor]) -> bool:
    """Tell how orders compare, image by image, and whether nothing is lost."""
    met = True
    for name in ("halves", "quarters"):
        if {name, "raster"} <= bits.keys():
            apart = bits[name] - bits["raster"]
            half = 1.96 * float(apart.std()) / math.sqrt(len(apart))
            print(f"{name} - raster: {float(apart.mean()):+.3f} +- {half:.3f} bits a value")
            met &= float(apart.mean()) < half
    for name in bits:
        if "+" in name and "halves" in bits:
            ratio = float(bits[name].mean() / bits["halves"].mean())
            print(f"{name}: {ratio:.3f} times the bits of whole values")
            met &= ratio <= MOST_MORE
    print("all targets met" if met else "missed")
    return met


def draw(model: ExplicitModel, path: Path) -> None:
    """Write a picture of ten draws, each after every slice of every part."""
    symbols = model.symbols(model.sample(10, model.length, generator=seeded(1)))
    step, rows = model.ordering.slice_length, []
    for end in range(step, model.length + 1, step):
        known = symbols.clone()
        known[:, end:] = 0
        images = model.render(known)[:, 0].numpy()
        rows.append(np.concatenate(list(np.pad(images, ((0, 0), (1, 1), (1, 1)))), 1))
    picture = np.kron(np.concatenate(rows), np.ones((4, 4)))
    path.parent.mkdir(parents=True, exist_ok=True)
    from matplotlib.pyplot import imsave

    imsave(path, picture, vmin=0, vmax=LEVELS - 1, cmap="gray")


if __name__ == "__main__":
    sys.exit(main())
