"""A tiny training run in a process of its own, for the tests that kill it.

``python killable.py DIRECTORY:KILL,KILL...`` starts the run in DIRECTORY once for each KILL, in a
forked child that dies by SIGKILL there: a number is seconds after the first iteration, "writing" is in the
middle of the second checkpoint's bytes, "renaming" just before that checkpoint gets its name,
"renamed" just after it, "never" lets the run end. The last one writes its weights and history to
DIRECTORY/result.npz.
"""

import json
import os
import pathlib
import signal
import sys
import threading

import keras
import numpy as np
from keras import layers

from cnnlib import files, recipes, training
from cnnlib.training import runs
from cnnlib.training import checkpoints, runs

RECIPE = recipes.Recipe(
    name="tiny",
    batch_size=16,
    iterations=150,
    learning_rate=0.05,
    drops=((80, 0.01),),
    weight_decay=1e-3,
    pixels="per-pixel-mean",
    augmentation="crop-and-mirror",
    pad=1,
    warm_up_rate=0.01,
    warm_up_until=45.0,
)


class Images:
    """200 + 50 images of 8x8 pixels in three classes: noise with a bright, class-dependent row."""

    name, checksum, class_names = "rows", "0123", ("top", "middle", "bottom")

    def __init__(self, train_size=200, test_size=50, side=8, channels=1):
        generator = np.random.default_rng(5)
        for part, size in (("train", train_size), ("test", test_size)):
            labels = generator.integers(0, 3, size)
            images = generator.integers(0, 120, (size, side, side, channels))
            images[np.arange(size), labels * (side // 3) + 1] += 60
            setattr(self, f"x_{part}", images.astype("uint8"))
            setattr(self, f"y_{part}", labels.astype("int64"))


def network(side=8, channels=1, classes=3, dropout=0.2):
    """A convolution, batch normalisation, dropout, a dense layer: everything that has a state."""
    image = keras.Input((side, side, channels))
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="conv")(image)
    x = layers.BatchNormalization(name="normalization")(x)
    x = layers.Activation("relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(image, layers.Dense(classes, name="scores")(x), name="tiny")


def run(directory):
    """The run; returns the trained model and its history."""
    keras.utils.set_random_seed(3)
    model = network()
    history = training.train(
        model, Images(), RECIPE, seed=3, directory=directory, verbose=0, checkpoint_seconds=0
    )
    return model, history


def die():
    """As the power goes."""
    os.kill(os.getpid(), signal.SIGKILL)


def arrange_death(kill):
    """Make this process kill itself at the place that ``kill`` names."""
    saves = []
    if kill == "writing":

        def savez(file, **arrays):
            saves.append(1)
            np_savez(file, **arrays)
            if len(saves) == 2:
                file.truncate(file.tell() // 2)
                file.flush()
                die()

        np_savez, checkpoints.np.savez = np.savez, savez
    elif kill in ("renaming", "renamed"):

        def replace(source, target):
            saves.append(1)
            if len(saves) == 2 and kill == "renaming":
                die()
            os_replace(source, target)
            if len(saves) == 2:
                die()

        os_replace, files.os.replace = os.replace, replace
    elif kill != "never":
        begin = runs.Keeper.on_train_begin

        def on_train_begin(self, logs=None):
            begin(self, logs)
            threading.Timer(float(kill), die).start()

        runs.Keeper.on_train_begin = on_train_begin


def live(directory, kill):
    """One start of the run, up to its death; prints a line about it."""
    # A fork before TensorFlow has computed anything spares each run the seconds of the import.
    child = os.fork()
    if child == 0:
        arrange_death(kill)
        model, history = run(directory / "run")
        lists = {k: v for k, v in history.lists().items() if k != "seconds"}
        weights = {f"weight{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(model.variables)}
        history = json.dumps({**lists, "warm_up_end": history.warm_up_end})
        np.savez(directory / "result.npz", history=history, **weights)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    epochs = None
    if (directory / "run" / checkpoints.FILE).exists():
        with np.load(directory / "run" / checkpoints.FILE) as file:
            epochs = len(json.loads(str(file["state"]))["progress"]["iteration"])
    left = sorted(path.name for path in directory.glob("run/*"))
    line = {"directory": str(directory), "kill": kill, "signal": os.WTERMSIG(status)}
    print(json.dumps({**line, "epochs": epochs, "left": left}), flush=True)


def main():
    """See the module's text."""
    for argument in sys.argv[1:]:
        directory, _, kills = argument.rpartition(":")
        for kill in kills.split(","):
            live(pathlib.Path(directory), kill)


if __name__ == "__main__":
    main()
