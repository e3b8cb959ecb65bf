"""The networks of the book with small tables: the same functions in less time."""

import keras
import numpy as np

from cnnlib.models import build, vgg

SMALL_ALEXNET = {
    "input_shape": (39, 39, 3),
    "table": ((5, 2, 8, 1, 0, "normalise pool"), (5, 1, 8, 2, 1, "pool"), (3, 1, 8, 2, 1, "")),
    "dense": (8, 8),
    "dropout": 0,
}
UNGROUPED = tuple((*row[:3], 1, *row[4:]) for row in SMALL_ALEXNET["table"])
SMALL_VGG = {"input_shape": (32, 32, 3), "widths": (4, 6, 8, 8, 8), "dense": (8, 8), "dropout": 0}
SMALL_RESNET = {"input_shape": (32, 32, 3), "widths": (4, 6, 8, 10), "stem": (7, 2, 4)}
SMALL_GOOGLENET = {
    "input_shape": (36, 36, 3),
    "stem": ((3, 1, 8), (8, 12)),
    "table": {
        "pool2": (3, 2),
        "3a": (6, 8, 8, 6, 6, 6),
        "pool3": (3, 2),
        "4a": (6, 8, 8, 6, 6, 8),
        "4d": (8, 6, 8, 6, 6, 6),
        "pool4": (3, 2),
        "5b": (8, 8, 8, 6, 6, 8),
    },
    "auxiliary_widths": (8, 16),
    "dropout": 0,
    "auxiliary_dropout": 0,
}
REDUCED = {
    "alexnet": SMALL_ALEXNET,
    "alexnet-reduced": SMALL_ALEXNET,
    "alexnet-ungrouped": {**SMALL_ALEXNET, "table": UNGROUPED},
    **{f"vgg-{column}": SMALL_VGG for column in vgg.TABLE},
    "nin": {
        "input_shape": (12, 12, 3),
        "table": ((5, 12, 10, 8, "max"), (3, 12, 12, 12, "average"), (3, 12, 12, None, "global average")),
        "dropout": 0,
    },
    "googlenet": SMALL_GOOGLENET,
    "googlenet-aux": SMALL_GOOGLENET,
    "googlenet-reduced": SMALL_GOOGLENET,
    "googlenet-aux-reduced": SMALL_GOOGLENET,
    "plain-18": {**SMALL_RESNET, "table": ("basic", (1, 1, 2, 1))},
    "resnet-18": {**SMALL_RESNET, "table": ("basic", (1, 1, 2, 1))},
    "resnet-50": {**SMALL_RESNET, "table": ("bottleneck", (2, 1, 1, 1))},
    **{
        f"cifar-{kind}-8": {"input_shape": (16, 16, 3), "widths": (4, 6, 8)}
        for kind in ("plain", "resnet", "preactivation")
    },
    "lenet5": {},
    "lenet5-modern": {},
}


def small(name, **options):
    """A network of its reduced size, with zeros for kernels unless asked otherwise."""
    return build(name, **{"classes": 10, "kernel_initializer": "zeros", **REDUCED[name], **options})


def reduced(name, **options):
    """The same with random weights, biases and batch statistics."""
    network = small(name, **options)
    generator = np.random.default_rng(0)
    for weight in network.weights:
        shape = weight.shape
        if len(shape) > 1:
            value = generator.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        elif weight.name in ("gamma", "moving_variance", "coefficient"):
            value = generator.uniform(0.5, 1.5, shape)
        else:
            value = generator.uniform(-0.2, 0.2, shape)
        weight.assign(value.astype("float32"))
    return network


def images(network, number=16):
    """Random images for a network."""
    shape = (number, *network.input_shape[1:])
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def outputs(network, x, *layers):
    """Outputs of the named layers, as NumPy arrays."""
    maps = keras.Model(network.input, [network.get_layer(name).output for name in layers])
    return [keras.ops.convert_to_numpy(y) for y in maps(x, training=False)]
