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

import sys

import measuring
import numpy as np
from keras import ops

from cnnlib.records import measurements

TOOL = "alexnet_filters"


def main(arguments=None):
    return measuring.of_trained(TOOL, __doc__, record, arguments)


def record(options, seed):
    run = measuring.run_of(options, seed, measuring.recipe_of(options))
    return [measurements.write("first-filters", measure(measuring.trained(options, run).model), **run)]


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
