"""The CIFAR-10 networks of He, Zhang, Ren and Sun 2015, "Deep residual learning for image recognition",
arXiv:1512.03385 (CVPR 2016), section 4.2.

``cifar-plain-n`` and ``cifar-resnet-n`` for every depth n = 6k + 2: a first convolution, three stages of
k blocks of two layers, and the classifier. All shortcuts are option A, so the residual network has exactly
the parameters of its plain twin. The blocks are those of ``cnnlib.models.resnet``.
"""

import operator
import sys
from contextlib import contextmanager

import keras
from keras import layers

from cnnlib.models.checks import check_classes, check_input_shape, check_lengths, each_its_own
from cnnlib.models.resnet import BATCH_NORMALIZATION, HE_NORMAL, block_options, stages

# Section 4.2: maps of the stages with 32x32, 16x16 and 8x8 positions.
WIDTHS = (16, 32, 64)

# The depths in the paper's Table 6.
DEPTHS = (20, 32, 44, 56, 110, 1202)


def check_depth(depth):
    """The depth as an integer, if it is 6k + 2 with k > 0; ``ValueError`` or ``TypeError`` otherwise."""
    try:
        number = operator.index(depth)
    except TypeError:
        raise TypeError(f"depth: expected a whole number, got {depth!r}") from None
    if number < 8 or number % 6 != 2:
        below = max(8, number - (number - 2) % 6)
        raise ValueError(
            f"depth: expected 6k + 2 layers (8, 14, 20, ...), got {depth}; try {below} or {below + 6}"
        )
    return number


@contextmanager
def recursion_for(depth):
    """Room for a network of ``depth``: Keras sorts its layers by a recursion along the longest path.

    Whoever loads one of 1202 layers from a file, or takes a part of it, needs the same room.
    """
    limit = sys.getrecursionlimit()
    # A layer of weights is up to five steps of that path (padding, convolution, norm, addition, ReLU).
    sys.setrecursionlimit(max(limit, 1000 + 5 * depth))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def cifar_resnet(
    input_shape=(32, 32, 3),
    classes=10,
    *,
    depth=20,
    widths=WIDTHS,
    shortcut="A",
    addition="before-activation",
    normalization=True,
    batch_normalization=BATCH_NORMALIZATION,
    zero_last_gamma=False,
    kernel_initializer=HE_NORMAL,
    classifier_activation=None,
    name="cifar-resnet",
):
    """A network of section 4.2: images (batch, 32, 32, 3) to class scores (batch, 10).

    ``depth`` counts the layers with weights, ``widths`` are the stages' maps.
    ``shortcut=None`` gives the plain network. An option that cannot be met raises a
    ValueError or TypeError that names it.
    """
    blocks = [(check_depth(depth) - 2) // 6] * 3
    check_lengths(stages=blocks, widths=widths)
    check_input_shape(input_shape, smallest=4)
    options = block_options(
        shortcut,
        "1x1",
        addition,
        normalization,
        batch_normalization,
        zero_last_gamma,
        kernel_initializer,
    )

    image = keras.Input(input_shape, name="image")  # 32x32x3
    x = options["convolve"](image, widths[0], 3, name="conv1")  # 32x32x16
    # 32x32x16, 16x16x32, 8x8x64
    x = stages(x, blocks, widths, first=1, kind="basic", **options)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)  # 64
    x = layers.Dense(
        check_classes(classes),
        activation=classifier_activation,
        kernel_initializer=each_its_own(kernel_initializer),
        name="fc",
    )(x)  # 10
    with recursion_for(depth):
        return keras.Model(image, x, name=name)
