"""Record the first filters of a trained AlexNet, and how much of each is colour.

    python tools/alexnet_filters.py alexnet-reduced --recipe krizhevsky2012-reduced --data imagenette \
        --seeds 0,1,2

The run is that of ``python -m cnnlib train`` with the same arguments; where its folder of checkpoints holds
it finished, nothing is trained. What is found goes where ``cnnlib.records.measurements.folder`` says, as
"first-filters":

- ``colour``: of each filter the share of its energy (the sum of its squared weights) that is in what differs
  between red, green and blue: 0 for a filter that sees grey alone, 2/3 on average for random weights;
- ``energy``: of each filter;
- ``side``, and ``pixels``: the filters as hexadecimal bytes, each stretched to 0 to 255, in the order filter,
  row, column, colour.
"""

import argparse
import pathlib
import sys
import time

import numpy as np
from keras import ops

from cnnlib import data as data_sets
from cnnlib import models, recipes, records, training
from cnnlib.__main__ import add_options, seeds
from cnnlib.records import measurements


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python tools/alexnet_filters.py", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("network", metavar="NAME")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--iterations", type=int, metavar="N", help="the recipe shortened to N iterations")
    parser.add_argument("--seeds", default="0", type=seeds, metavar="0,1,2", help="default: 0")
    parser.add_argument("--directory", default="runs", metavar="D", help="of the checkpoints (default: runs)")
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        for seed in options.seeds:
            begun = time.perf_counter()
            print(f"{record(options, seed).name}: {time.perf_counter() - begun:.0f} s", flush=True)
    except (ValueError, TypeError, OSError, FloatingPointError) as reason:
        print(f"alexnet_filters: error: {reason}", file=sys.stderr)
        return 2
    return 0


def record(options, seed):
    recipe = recipes.get(options.recipe)
    if options.iterations is not None:
        recipe = recipe.shortened(iterations=options.iterations)
    size = {} if recipe.image_size is None else {"size": recipe.image_size}
    data = data_sets.load(options.data, **size)
    network, *_ = models.find(options.network)
    run = {"network": network, "options": records.plain_options(dict(options.option))}
    run |= {"recipe": recipe, "data": data, "seed": seed}
    name = records.file_name(network, run["options"], recipe.name, data.name, seed).removesuffix(".json")
    model = training.run(**run, directory=pathlib.Path(options.directory) / name).model
    return measurements.write("first-filters", measure(model), **run)


def measure(model):
    """What is recorded of a network whose first layer is called conv1 and sees three colours."""
    filters = np.moveaxis(ops.convert_to_numpy(model.get_layer("conv1").kernel), -1, 0).astype("float64")
    if filters.shape[-1] != 3:
        raise ValueError(f"model {model.name}: expected filters of three colours, got {filters.shape}")
    each = (1, 2, 3)
    energy = np.sum(filters**2, each)
    colour = np.sum((filters - filters.mean(axis=-1, keepdims=True)) ** 2, each) / energy
    low, high = filters.min(each, keepdims=True), filters.max(each, keepdims=True)
    pixels = np.round(255 * (filters - low) / (high - low)).astype("uint8")
    values = {"colour": colour.tolist(), "energy": energy.tolist(), "side": filters.shape[1]}
    return {**values, "pixels": pixels.tobytes().hex()}


if __name__ == "__main__":
    sys.exit(main())
