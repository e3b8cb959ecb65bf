"""Record what a trained plain or residual network gets wrong without one of its blocks.

    python tools/cut_blocks.py cifar-resnet-20 --recipe he2015-cifar-fit --data cifar10 \
        --option "widths=(8, 16, 32)" --seeds 0,1,2

To cut a block is to take its branch away, that is its convolutions, their normalisations and the ReLU between
them (Veit et al. 2016, arXiv:1605.06431). Nothing is trained after it, and all other layers stay as they were
trained: normalisation uses its running averages, which are those of the network with the block.

- In a residual network the block's shortcut stays, also where it changes the size, and so does the ReLU
  behind the sum.
- In a plain network the block hands on what it gets. Where the two layers change the size, the shortcut
  without parameters, option A, stands in their place: every second row and column, and maps of zeros.

The run is that of ``python -m cnnlib train`` with the same arguments; where its folder of checkpoints holds
it finished, nothing is trained. What is found goes where ``cnnlib.records.measurements.folder`` says, as
"cut":

- ``blocks``: their names, from the image on;
- ``test_error``: percent of wrong test images with each of them cut, one at a time, ``train_error`` on the
  first training images that the recipe uses;
- ``intact_test_error`` and ``intact_train_error``: of the network as it is;
- ``test_images`` and ``train_images``: how many images of each kind.
"""

import re
import sys

import keras
import measuring
import numpy as np
from keras import layers

from cnnlib.models import resnet
from cnnlib.records import measurements
from cnnlib.training import inputs

TOOL = "cut_blocks"
TRAINING_IMAGES = 1000


def main(arguments=None):
    return measuring.of_trained(TOOL, __doc__, record, arguments)


def record(options, seed):
    recipe = measuring.recipe_of(options)
    run = measuring.run_of(options, seed, recipe)
    data = run["data"]
    blocks(measuring.untrained(**run))  # a network without blocks is refused before it is trained
    model = measuring.trained(options, run).model
    mapping, chosen = inputs.pixel_mapping(recipe, data), inputs.chosen(recipe, len(data.x_train))
    first = chosen[:TRAINING_IMAGES]
    values = measure(
        model,
        test=(mapping(data.x_test), data.y_test),
        train=(mapping(data.x_train[first]), data.y_train[first]),
    )
    return [measurements.write("cut", values, **run)]


def blocks(model):
    """The names of the blocks, from the image on; a ``ValueError`` for a network without such blocks."""
    found = [layer.name for layer in model.layers if re.fullmatch(r"stage\d+_block\d+", layer.name)]
    if not found:
        raise ValueError(f"model {model.name}: expected blocks of stages, stage1_block1 and so on")
    for name in found:
        _sum(model, name)
    return found


def _sum(model, name):
    """The layer that adds a block's shortcut to its branch; None in a plain block."""
    last = model.get_layer(name)
    added = last if isinstance(last, layers.Add) else last.input._keras_history.operation
    if isinstance(added, layers.Add):
        return added
    if not isinstance(last, layers.ReLU):
        raise ValueError(f"block {name}: expected a sum or a ReLU at its end, got {type(last).__name__}")
    return None


def without(model, name):
    """The network with the block ``name`` cut; it shares its layers with ``model``.

    Raises:
        ValueError: the model has no layer of this name, or another one than at a block's end.
    """
    added = _sum(model, name)
    if added is not None:
        handed_on, _ = added.input
        behind = added.output
    else:
        first = model.get_layer(f"{name}_conv1")
        before = first.input._keras_history.operation
        image = (before if isinstance(before, layers.ZeroPadding2D) else first).input
        behind = model.get_layer(name).output
        stride = image.shape[1] // behind.shape[1]
        handed_on = resnet.shortcut(image, behind.shape[-1], stride, "A", name=f"{name}_cut")
    rest = keras.Model(behind, model.output)
    return keras.Model(model.input, rest(handed_on))


def error(model, images, labels):
    """Percent of the images, (n, height, width, channels), that the model gets wrong."""
    scores = model.predict(images, batch_size=250, verbose=0)
    return float(100 * np.mean(scores.argmax(-1) != labels))


def measure(model, **parts):
    """What is recorded of a trained network.

    Args:
        model: with blocks.
        parts: images and their labels by what they are called, "test" and "train".
    """
    found = blocks(model)
    values = {"blocks": found}
    for part, (images, labels) in parts.items():
        values[f"{part}_images"] = len(images)
        values[f"intact_{part}_error"] = error(model, images, labels)
        values[f"{part}_error"] = []
    for name in found:
        cut = without(model, name)
        for part, (images, labels) in parts.items():
            values[f"{part}_error"].append(error(cut, images, labels))
    return values


if __name__ == "__main__":
    sys.exit(main())
