"""VGG: Simonyan and Zisserman 2014, "Very deep convolutional networks for large-scale image
recognition", arXiv:1409.1556 (ICLR 2015), Table 1.

``vgg-a``, ``vgg-a-lrn``, ``vgg-b``, ``vgg-c``, ``vgg-d`` (VGG-16) and ``vgg-e`` (VGG-19): the six
columns of the table. The authors started the deeper ones from a trained A, and found afterwards (section
3.1) that Glorot and Bengio's random weights make this unnecessary: these are ours too.
"""

import keras
from keras import KerasTensor, layers

from cnnlib.layers import LocalResponseNormalization, check_whole
from cnnlib.models.checks import check_input_shape, check_lengths, check_sequence, checked

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


def vgg_block(
    x: KerasTensor, row: tuple, maps: int, block: int,
    kernel_initializer: str | dict = "glorot_uniform",
) -> KerasTensor:  # fmt: skip
    """A block of the table: its convolutions with ReLU, then max pooling."""
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
            kernel_initializer=kernel_initializer,
            name=f"conv{block}_{number}",
        )(x)
    return layers.MaxPooling2D(2, name=f"pool{block}")(x)


def check_options(*, input_shape, table, widths, **others):
    """The table: sides, and behind one of them at most one "LRN" a row."""
    check_lengths(table=check_sequence("table", table), widths=widths)
    for row in table:
        sides = [side for side in check_sequence("table: row", row) if side != "LRN"]
        if len(sides) < max(1, len(row) - 1):
            raise ValueError(f"table: expected rows of filters' sides, one LRN among them, got {row!r}")
        for side in sides:
            check_whole("table: side", side)
    check_input_shape("input_shape", input_shape, smallest=2 ** len(table))


@checked(check_options)
def vgg(
    input_shape: tuple = (224, 224, 3), classes: int = 1000, *,
    table: tuple = TABLE["d"], widths: tuple = WIDTHS, dense: tuple = DENSE,
    dropout: float = 0.5, kernel_initializer: str | dict = "glorot_uniform",
    classifier_activation: str | None = None, name: str = "vgg",
) -> keras.Model:  # fmt: skip
    """Images (batch, 224, 224, 3) to scores (batch, 1000): Simonyan, Zisserman.

    Args:
        table: a row for each block, a number for each of its convolutions, the side of its filters;
            "LRN" is local response normalisation.
        widths: maps of the blocks.

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    x = image = keras.Input(input_shape, name="image")  # 224x224x3
    for block, (row, maps) in enumerate(zip(table, widths), start=1):
        # 112x112x64, 56, 28, 14, 7x7x512
        x = vgg_block(x, row, maps, block, kernel_initializer)
    x = layers.Flatten(name="flatten")(x)  # 25088
    initial = {"kernel_initializer": kernel_initializer}
    for number, units in enumerate(dense, start=len(table) + 1):
        x = layers.Dense(units, "relu", **initial, name=f"fc{number}")(x)  # 4096
        x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    last = f"fc{len(table) + len(dense) + 1}"
    x = layers.Dense(classes, classifier_activation, **initial, name=last)(x)  # 1000
    return keras.Model(image, x, name=name)
