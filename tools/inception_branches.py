"""Record what each branch of the inception modules of a trained network is used for.

    python tools/inception_branches.py googlenet --recipe szegedy2014-cifar-reduced --data cifar10 \
        --option ... --seeds 0,1,2

The run is that of ``python -m cnnlib train`` with the same arguments; where its folder of checkpoints holds
it finished, nothing is trained. What is found goes where ``cnnlib.records.measurements.folder`` says, as
"branches": lists over ``modules``, each of lists over ``branches``,

- ``maps``: share of the branch in the maps of its module;
- ``weights``: its share in the squared weights of the layers that read the module, as ``weights_at_start``
  before the first step;
- ``activity``: its share in the squared activations of the module;
- ``contribution``: its share in what moves the units that read the module, see ``contributions``, as
  ``contribution_at_start`` before the first step;
- ``test_error``: percent of wrong images with the branch silenced: each of its maps is replaced by its mean
  over images and places, so that what it says of an image is gone and the level stays;

and ``all_modules``, by branch, that error with the branch silenced in all modules at once; ``random_maps``,
by branch, 20 such errors with as many maps silenced in each module, but drawn at random from all of the
module's; ``intact``, that of the network as it is; ``images``, the number of test images of all this.
"""

import itertools
import sys

import keras
import measuring
import numpy as np
from keras import layers

from cnnlib.records import measurements
from cnnlib.training import inputs

TOOL = "inception_branches"
IMAGES = 1000
DRAWS = 20
# The branches by the end of their last convolution's name.
BRANCHES = ("1x1", "3x3", "5x5", "pool_proj")


def main(arguments=None):
    return measuring.of_trained(TOOL, __doc__, record, arguments)


def record(options, seed):
    recipe = measuring.recipe_of(options)
    run = measuring.run_of(options, seed, recipe)
    data, start = run["data"], measuring.untrained(**run)
    trained = measuring.trained(options, run).model
    images = inputs.pixel_mapping(recipe, data)(data.x_test[:IMAGES])
    values = measure(trained, images, data.y_test[:IMAGES])
    values |= {"weights_at_start": weights(start), "contribution_at_start": contributions(start, images)}
    return [measurements.write("branches", values, **run)]


def modules(model):
    """The names of the modules: concatenations of the four branches, from the image on."""
    found = [layer.name for layer in model.layers if isinstance(layer, layers.Concatenate)]
    names = {layer.name for layer in model.layers}
    if not found or any(f"{module}_{branch}" not in names for module in found for branch in BRANCHES):
        raise ValueError(f"model {model.name}: expected inception modules of {', '.join(BRANCHES)}")
    return found


def convolution(model, module, branch):
    """The last convolution of a branch."""
    return model.get_layer(f"{module}_{branch}")


def readers(model, module):
    """The layers with weights that read a module's maps, but for auxiliary classifiers."""
    found, layer_names = [], [module]
    while layer_names:
        for node in model.get_layer(layer_names.pop())._outbound_nodes:
            layer = node.operation
            if layer.name.startswith("auxiliary") or layer not in model.layers:
                continue
            if layer.weights:
                found.append(layer)
            else:
                layer_names.append(layer.name)
    return found


def weights(model):
    """By module and branch the share of squared weights with which the maps are read."""
    shares = []
    for module in modules(model):
        energy = sum(
            np.square(keras.ops.convert_to_numpy(layer.kernel))
            .reshape(-1, *layer.kernel.shape[-2:])
            .sum((0, 2))
            for layer in readers(model, module)
        )
        sums = _by_branch(model, module, energy)
        shares.append((sums / sums.sum()).tolist())
    return shares


def contributions(model, images):
    """By module and branch the share in what moves the units of the next layers.

    Such a unit adds up what it reads of each branch. Take the variance of each of the four parts over images
    and places, and its share in the sum of the four; then the mean over all units. Unlike weights or
    activity alone it stays the same if a branch is made louder and its readers' weights smaller.
    """
    found = modules(model)
    read = [readers(model, module) for module in found]
    inputs_ = keras.Model(model.input, [layer.input for layers_ in read for layer in layers_])
    maps = iter(inputs_.predict(images, batch_size=250, verbose=0))
    shares = []
    for module, layers_ in zip(found, read):
        parts = []
        for layer in layers_:
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            if kernel.ndim == 4 and kernel.shape[:2] != (1, 1):
                raise ValueError(f"layer {layer.name}: expected windows of 1x1, got {kernel.shape[:2]}")
            borders = _borders(model, module)
            rows = np.split(next(maps).reshape(-1, kernel.shape[-2]), borders, axis=1)
            kernels = np.split(kernel.reshape(kernel.shape[-2:]), borders)
            parts.append([(row @ of_branch).var(axis=0) for row, of_branch in zip(rows, kernels)])
        variances = np.concatenate(parts, axis=1, dtype="float64")  # (branches, units)
        alive = variances.sum(axis=0) > 0
        shares.append((variances[:, alive] / variances[:, alive].sum(axis=0)).mean(axis=1).tolist())
    return shares


def _borders(model, module):
    """Where in the maps of a module the second branch begins, the third, the fourth."""
    return np.cumsum([convolution(model, module, branch).filters for branch in BRANCHES])[:-1]


def _by_branch(model, module, values):
    """Sums of a value a map over the maps of each branch."""
    return np.array([part.sum() for part in np.split(values, _borders(model, module))])


def measure(model, images, labels):
    """What is recorded of a trained network, but for its start."""
    found = modules(model)
    outputs = [convolution(model, module, branch).output for module in found for branch in BRANCHES]
    look = keras.Model(model.input, outputs)
    squares, means = [], []
    for maps in look.predict(images, batch_size=250, verbose=0):
        squares.append(float(np.square(maps, dtype="float64").sum()))
        means.append(maps.mean((0, 1, 2), dtype="float64"))
    squares = np.reshape(squares, (len(found), len(BRANCHES)))
    counts = np.array([[convolution(model, m, b).filters for b in BRANCHES] for m in found])
    means = np.split(np.concatenate(means), np.cumsum(counts.sum(axis=1))[:-1])  # of all maps, by module
    main = keras.Model(model.input, model.outputs[0])

    def error(silenced):
        """Percent wrong images if of the module at each row those maps are silenced for which it is true."""
        layers_ = [convolution(model, found[row], branch) for row in silenced for branch in BRANCHES]
        before = [layer.get_weights() for layer in layers_]
        parts = [
            zip(*(np.split(of_maps, _borders(model, found[row])) for of_maps in (silent, means[row])))
            for row, silent in silenced.items()
        ]
        for layer, (kernel, bias), (gone, mean) in zip(layers_, before, itertools.chain(*parts)):
            # No weights, and the mean, which is not negative behind a ReLU, for a bias.
            layer.set_weights([np.where(gone, 0, kernel), np.where(gone, mean, bias)])
        scores = main.predict(images, batch_size=250, verbose=0)
        for layer, values in zip(layers_, before):
            layer.set_weights(values)
        return float(100 * np.mean(scores.argmax(-1) != labels))

    rows, columns = range(len(found)), range(len(BRANCHES))
    branch_of = [np.repeat(columns, counts[row]) for row in rows]  # each map's
    draw = np.random.default_rng(0).permutation
    return {
        "modules": found,
        "branches": list(BRANCHES),
        "images": len(images),
        "maps": (counts / counts.sum(axis=1, keepdims=True)).tolist(),
        "weights": weights(model),
        "activity": (squares / squares.sum(axis=1, keepdims=True)).tolist(),
        "contribution": contributions(model, images),
        "test_error": [[error({row: branch_of[row] == column}) for column in columns] for row in rows],
        "all_modules": [error({row: branch_of[row] == column for row in rows}) for column in columns],
        "random_maps": [
            [error({row: draw(branch_of[row] == column) for row in rows}) for _ in range(DRAWS)]
            for column in columns
        ],
        "intact": error({}),
    }


if __name__ == "__main__":
    sys.exit(main())
