"""VGG: Simonyan and Zisserman 2014, "Very deep convolutional networks for large-scale image
recognition", arXiv:1409.1556 (ICLR 2015), Table 1.

``vgg-a``, ``vgg-a-lrn``, ``vgg-b``, ``vgg-c``, ``vgg-d`` (VGG-16) and ``vgg-e`` (VGG-19): the six
columns of the table. The authors started the deeper ones from a trained A, and found afterwards (section
3.1) that Glorot and Bengio's random weights make this unnecessary: these are ours too.
"""

import keras
from keras import layers

from cnnlib.layers import LocalResponseNormalization
from cnnlib.models.checks import check_classes, check_input_shape, check_lengths, each_its_own

# Table 1, one row a column of the paper; max pooling ends each block. 3 is a conv3 layer, 1 a conv1
# layer (as in the paper, the side of the filters), "LRN" local response normalisation.
TABLE = {
    "a": ((3,), (3,), (3, 3), (3, 3), (3, 3)),
    "a-lrn": ((3, "LRN"), (3,), (3, 3), (3, 3), (3, 3)),
    "b": ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3)),
    "c": ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1)),
    "d": ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
    "e": ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3)),
}

# Maps of each layer of a block.
WIDTHS = (64, 128, 256, 512, 512)

# Units of the two hidden layers.
DENSE = (4096, 4096)


def vgg_block(x, row, maps, block, weights):
    """A block of the table: its convolutions with ReLU, then max pooling, which halves both sides."""
    for number, side in enumerate(row, start=1):
        if side == "LRN":
            # With the constants of Krizhevsky et al. 2012, as section 2.1 says.
            x = LocalResponseNormalization(name=f"norm{block}")(x)
            continue
        x = layers.Conv2D(
            maps,
            side,
            padding="same",
            activation="relu",
            **weights,
            name=f"conv{block}_{number}",
        )(x)
    return layers.MaxPooling2D(2, name=f"pool{block}")(x)


def vgg(
    input_shape=(224, 224, 3),
    classes=1000,
    *,
    table=TABLE["d"],
    widths=WIDTHS,
    dense=DENSE,
    dropout=0.5,
    kernel_initializer="glorot_uniform",
    classifier_activation=None,
    name="vgg",
):
    """A network of Simonyan and Zisserman 2014: images (batch, 224, 224, 3) to scores (batch, 1000).

    ``table`` has one row a block, ``widths`` its maps, ``dense`` one number a hidden layer. An option
    that cannot be met raises a ValueError or TypeError that names it.
    """
    check_lengths(table=table, widths=widths)
    check_input_shape(input_shape, smallest=2 ** len(table))
    weights = {"kernel_initializer": each_its_own(kernel_initializer)}

    x = image = keras.Input(input_shape, name="image")  # 224x224x3
    for block, (row, maps) in enumerate(zip(table, widths), start=1):
        x = vgg_block(x, row, maps, block, weights)  # 112x112x64, 56, 28, 14, 7x7x512
    x = layers.Flatten(name="flatten")(x)  # 25088
    for number, units in enumerate(dense, start=6):
        x = layers.Dense(units, activation="relu", **weights, name=f"fc{number}")(x)  # 4096
        x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    x = layers.Dense(
        check_classes(classes),
        activation=classifier_activation,
        **weights,
        name=f"fc{6 + len(dense)}",
    )(x)  # 1000
    return keras.Model(image, x, name=name)
