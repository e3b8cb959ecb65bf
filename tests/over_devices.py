"""A program that trains over several devices, for tests: with a network that has everything with a state.

``python over_devices.py FOLDER COUNT ...`` trains it over so many devices, for each COUNT anew, and writes
what came out to FOLDER/COUNT.npz; one of several processes if Keras' variables say so. On JAX.
"""

import pathlib
import sys

import keras
import killable
import numpy as np

from cnnlib import recipes, training
from cnnlib.training import devices

# 16 images are what 2 and 4 devices can share; 197 training and 51 test images leave odd parts over.
RECIPE = recipes.Recipe(
    name="tiny-over-devices",
    batch_size=16,
    iterations=30,
    learning_rate=0.05,
    weight_decay=1e-3,
    pixels="per-pixel-mean",
    augmentation="crop-and-mirror",
    pad=1,
)


def images():
    """The training and test images."""
    return killable.images(train_size=197, test_size=51)


def main(folder, *counts):
    """See the module's text."""
    for count in map(int, counts):
        with devices.several(count):
            keras.utils.set_random_seed(3)
            model = killable.network()
            start = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
            history = training.train(model, images(), RECIPE, seed=3, verbose=0)
            end = [keras.ops.convert_to_numpy(variable) for variable in model.variables]
            if devices.first():
                lists = {name: values for name, values in history.lists().items() if name != "seconds"}
                arrays = {f"start{i}": value for i, value in enumerate(start)}
                arrays |= {f"end{i}": value for i, value in enumerate(end)}
                arrays |= {f"final_{name}": value for name, value in history.final.items()}
                device = history.provenance["device"]
                np.savez(pathlib.Path(folder) / f"{count}.npz", **arrays, **lists, device=device)


if __name__ == "__main__":
    main(*sys.argv[1:])
