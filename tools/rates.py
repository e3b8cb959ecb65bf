"""Record how a network does at each of a few learning rates, judged by training images that are held out.

    python tools/rates.py cifar-resnet-14 --recipe comparison-cifar --data cifar10 --option widths=6,12,26

At each rate the network is trained anew, from the same weights, through half of the recipe. Then it is tested
on training images that the recipe does not use; test images are not looked at. What is found goes where
``cnnlib.records.measurements.folder`` says, as "rates": the ``rates``; ``error``, percent of the ``held_out``
images that are wrong, one a rate, None where the loss did not stay finite; and ``iterations``, the length of
these runs.
"""

import math
import sys

import keras
import measuring
import numpy as np

from cnnlib import recipes
from cnnlib.records import measurements
from cnnlib.training import inputs, runs

TOOL = "rates"
RATES = (0.01, 0.03, 0.1)
HELD_OUT = 5_000


def main(arguments=None):
    return measuring.each_seed(TOOL, measuring.parser(TOOL, __doc__).parse_args(arguments), record)


def record(options, seed):
    recipe = recipes.get(options.recipe)
    run = measuring.run_of(options, seed, recipe)
    held = held_out(recipe, run["data"])
    short = recipe.shortened(iterations=math.ceil(recipe.iterations / 2))
    errors = [error({**run, "recipe": short.at_rate(rate)}, held) for rate in RATES]
    values = {"rates": RATES, "error": errors, "held_out": len(held), "iterations": short.iterations}
    return [measurements.write("rates", values, **run)]


def held_out(recipe, data, most=HELD_OUT):
    """Indices of training images that the recipe does not use, evenly spaced."""
    others = np.setdiff1d(np.arange(data.train_size), inputs.chosen(recipe, data.train_size))
    if not len(others):
        raise ValueError(f"recipe {recipe.name}: it uses all training images of {data.name}, none is left")
    count = min(most, len(others))
    return others[np.arange(count) * len(others) // count]


def error(run, held):
    """Percent of the held-out images that are wrong after training; None if the loss was not finite."""
    data, recipe, seed = run["data"], run["recipe"], run["seed"]
    model = measuring.untrained(**run)
    inputs.check(model, data, recipe, seed)
    runs.compile_model(model, recipe)
    mapping = inputs.pixel_mapping(recipe, data)
    batches = inputs.TrainingBatches(recipe, data, mapping, seed, 0, recipe.iterations)
    stop = keras.callbacks.TerminateOnNaN()
    model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[stop])
    rest = inputs.Batches(data.x_train, data.y_train, mapping, 250, held)
    found = model.evaluate(rest, verbose=0, return_dict=True)
    return found["error"] if math.isfinite(found["loss"]) else None


if __name__ == "__main__":
    sys.exit(main())
