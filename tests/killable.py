"""A tiny data set, network and run, which tests share; and as a program, that run in a process of its own.

``python killable.py DIRECTORY:KILL,KILL...`` starts the run in DIRECTORY once for each KILL, in a
forked child that dies by SIGKILL there: a number is seconds after the first iteration, "writing" is in the
middle of the second checkpoint's bytes, "renaming" just before that checkpoint gets its name,
"renamed" just after it, "never" lets the run end. The last one writes its weights and history to
DIRECTORY/result.npz. Several directories are served at once.

``python killable.py START RESULT`` trains 15 iterations from the weights in the file START.
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
from cnnlib.data import Dataset
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
)


def images(train_size=200, test_size=50, side=8, channels=1, class_names=("top", "middle", "bottom")):
    """Images in three classes: noise with a bright, class-dependent row."""
    generator = np.random.default_rng(5)
    parts = {}
    for part, size in (("train", train_size), ("test", test_size)):
        labels = generator.integers(0, 3, size)
        pixels = generator.integers(0, 120, (size, side, side, channels))
        pixels[np.arange(size), labels * (side // 3) + 1] += 60
        parts |= {f"x_{part}": pixels.astype("uint8"), f"y_{part}": labels}
    return Dataset(name="rows", class_names=class_names, **parts)


def network(side=8, channels=1, classes=3, dropout=0.2):
    """A convolution, batch normalisation, dropout, a dense layer: everything that has a state."""
    image = keras.Input((side, side, channels))
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="conv")(image)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="normalization")(x)
    x = layers.Activation("relu")(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(dropout)(x)
    return keras.Model(image, layers.Dense(classes, name="scores")(x), name="tiny")


@keras.saving.register_keras_serializable("tests")
class Bomb(layers.Layer):
    """Gives what it gets, and infinity in the training step of this iteration."""

    def __init__(self, iteration, **options):
        super().__init__(**options)
        self.iteration = iteration

    def build(self, shape):
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")

    def call(self, x, training=False):
        if training:
            self.seen.assign_add(1.0)
        return x * keras.ops.where(keras.ops.equal(self.seen, self.iteration + 1.0), float("inf"), 1.0)

    def get_config(self):
        return {**super().get_config(), "iteration": self.iteration}


def explosive(iteration):
    """Softmax regression whose scores are infinite at this iteration."""
    image = keras.Input((8, 8, 1))
    return keras.Model(image, Bomb(iteration)(layers.Dense(3)(layers.Flatten()(image))))


def run(directory):
    """The run; returns the trained model and its history."""
    keras.utils.set_random_seed(3)
    model = network()
    history = training.train(
        model, images(), RECIPE, seed=3, directory=directory, verbose=0, checkpoint_seconds=0
    )
    return model, history


def compute(start, result):
    """A short training from given weights, for the comparison of backends."""
    model = network(dropout=0.0)
    with np.load(start) as file:
        model.set_weights([file[f"arr_{i}"] for i in range(len(file.files))])
    history = training.train(model, images(), RECIPE.shortened(iterations=15), seed=2, verbose=0)
    measured = [history.final[key] for key in sorted(history.final)]
    np.savez(result, *model.get_weights(), history=[history.train_loss, history.test_loss], final=measured)


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
        history = json.dumps({**lists, "final": history.final})
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


def main(arguments):
    """See the module's text."""
    if ":" not in arguments[0]:
        compute(*arguments)
        return
    children = []
    for argument in arguments:
        children.append(os.fork())
        if children[-1] == 0:
            directory, _, kills = argument.rpartition(":")
            for kill in kills.split(","):
                live(pathlib.Path(directory), kill)
            os._exit(0)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
