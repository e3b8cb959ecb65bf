"""Record how the training of a VGG begins from given initial weights.

    python tools/vgg_starts.py vgg-e --recipe simonyan2014-cifar-start --data cifar10 \
        --option widths=8,16,32,64,64 --deviation 0.01 --seeds 0,1,2

The kernels are drawn from a normal distribution of mean 0 and the given deviation, or, with ``--option
kernel_initializer=...``, as that says. ``--from vgg-a`` first trains that column of the same widths from the
same kind of weights, and starts the deeper one with its first four convolutions and its dense layers, as
Simonyan and Zisserman 2014, section 3.1, did.

It goes where ``cnnlib.records.measurements.folder`` says, as "starts" (or "starts-from-vgg-a"); its values:
``scores``, the root of the mean square of the untrained network's scores on the first batch, None if they
are not finite; ``loss``, the mean training loss of each ``every`` iterations; ``diverged``, the first
iteration whose loss is not finite, with which the run ends, or None.
"""

import math
import sys

import keras
import measuring
import numpy as np

from cnnlib import models, recipes
from cnnlib.records import measurements
from cnnlib.training import inputs, runs

TOOL = "vgg_starts"
EVERY = 79
# Of the column that is trained first: the paper's "first four convolutional layers and the last three
# fully-connected layers". By name: the maps of conv1_1, conv2_1 and conv3_1 are the same in every column.
HANDED_ON = ("conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8")


def main(arguments=None):
    parser = measuring.parser(TOOL, __doc__)
    parser.add_argument("--deviation", type=float, metavar="S", help="of all kernels")
    parser.add_argument("--from", dest="first", metavar="NAME", help="a shallower network, trained before")
    return measuring.each_seed(TOOL, parser.parse_args(arguments), record)


def record(options, seed):
    recipe = recipes.get(options.recipe)
    run = measuring.run_of(options, seed, recipe)
    data, given = run["data"], run["options"]
    if options.deviation is not None:
        config = {"stddev": options.deviation}
        given["kernel_initializer"] = {"class_name": "RandomNormal", "config": config}
    names = [*([models.find(options.first)[0]] if options.first else []), run["network"]]

    keras.utils.set_random_seed(seed)
    sizes = {"input_shape": inputs.input_shape(recipe, data), "classes": data.classes}
    before, values = None, {}
    for name in names:
        model = models.build(name, **{**sizes, **given})
        inputs.check(model, data, recipe, seed)
        for layer in HANDED_ON if before else ():
            model.get_layer(layer).set_weights(before.get_layer(layer).get_weights())
        values = begin(model, data, recipe, seed)
        before = model
    title = f"starts-from-{names[0]}" if options.first else "starts"
    return [measurements.write(title, values, **run)]


def begin(model, data, recipe, seed):
    """Train the model through the recipe, or until its loss is not finite; the values to record."""
    runs.compile_model(model, recipe)
    mapping = inputs.pixel_mapping(recipe, data)
    batches = inputs.TrainingBatches(recipe, data, mapping, seed, 0, recipe.iterations)
    scores = model.predict_on_batch(batches[0][0]).astype("float64")
    size = float(np.sqrt(np.mean(np.square(scores))))
    values = {"every": EVERY, "scores": size if math.isfinite(size) else None, "loss": []}
    losses = []
    for number in range(recipe.iterations):
        model.reset_metrics()  # Keras gives the mean since the last reset
        losses.append(float(model.train_on_batch(*batches[number])[0]))
        if not math.isfinite(losses[-1]):
            return {**values, "diverged": number}
        if len(losses) == EVERY:
            values["loss"].append(float(np.mean(losses)))
            losses = []
    return {**values, "diverged": None}


if __name__ == "__main__":
    sys.exit(main())
