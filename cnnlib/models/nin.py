"""Network in Network: Lin, Chen and Yan 2013, "Network in network", arXiv:1312.4400 (ICLR 2014).

``nin`` is the network for CIFAR-10. The paper draws it (Fig. 2: three mlpconv layers, then global
average pooling) without its sizes; they are those of the Caffe definition that the first author released.
"""

import keras
from keras import KerasTensor, layers

from cnnlib.layers import check_whole
from cnnlib.models.checks import check_input_shape, check_row, check_sequence, checked, one_of

# One row an mlpconv layer: side and maps of the convolution, maps of the two 1x1 layers after it, and the
# pooling. The last layer has one map a class.
TABLE = (
    (5, 192, 160, 96, "max"),
    (5, 192, 192, 192, "average"),
    (3, 192, 192, None, "global average"),
)

POOLS = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}

HEADS = ("global average", "dense")

# The released definition draws all weights from a normal distribution with this standard deviation.
NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.05}}


def mlpconv(
    x: KerasTensor, side: int, widths: tuple, number: int,
    kernel_initializer: str | dict = NORMAL, last_activation: str | None = "relu",
) -> KerasTensor:  # fmt: skip
    """A convolution and 1x1 layers ("cccp") with ReLU: a small perceptron."""
    names = (f"conv{number}", f"cccp{2 * number - 1}", f"cccp{2 * number}")
    for place, (name, maps) in enumerate(zip(names, widths), start=1):
        x = layers.Conv2D(
            maps,
            side if place == 1 else 1,
            padding="same",
            activation="relu" if place < len(widths) else last_activation,
            kernel_initializer=kernel_initializer,
            name=name,
        )(x)
    return x


def check_options(*, input_shape, classes, table, map_activation, **others):
    """The table, whose last row gives one map a class, and what becomes of these maps."""
    if not check_sequence("table", table):
        raise ValueError("table: expected at least one row, an mlpconv layer, got none")
    *rows, last = table
    for row in rows:
        check_row("table", row, columns(row))
    check_row("table", last, columns(last, classes))
    one_of("relu", None)("map_activation", map_activation)
    check_input_shape("input_shape", input_shape, smallest=2 ** (len(table) - 1))


def columns(row, classes: int | None = None) -> dict:
    """The values of a row and their checks; with ``classes`` those of the last row."""
    known = ("maps", "maps of the first 1x1", "maps of the second 1x1")
    maps = known[: max(1, len(row) - 2)] if isinstance(row, tuple) else known
    found = {"side": check_whole, **dict.fromkeys(maps, check_whole), "pooling": one_of(*POOLS)}
    if classes is not None:
        found |= {maps[-1]: one_of(None, classes), "pooling": one_of(*HEADS)}
    return found


@checked(check_options)
def nin(
    input_shape: tuple = (32, 32, 3), classes: int = 10, *, table: tuple = TABLE,
    dropout: float = 0.5, map_activation: str | None = "relu",
    kernel_initializer: str | dict = NORMAL,
    classifier_activation: str | None = None, name: str = "nin",
) -> keras.Model:  # fmt: skip
    """Images (batch, 32, 32, 3) to class scores (batch, 10): Lin et al. 2013.

    The scores are averages of rectified maps, so none is negative.

    Args:
        table: a row for each mlpconv layer: side and maps of the convolution, maps of none, one or two 1x1
            layers, and "max" or "average" pooling; in the last row None for one map a class, and "global
            average", or "dense" for a dense layer on all values of these maps (section 4.6 compares them).
        map_activation: of the class maps; None leaves them as they are, unlike the released definition.

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    x = image = keras.Input(input_shape, name="image")  # 32x32x3
    initial = {"kernel_initializer": kernel_initializer}
    for number, (side, *widths, pool) in enumerate(table, start=1):
        # 32x32x96, pooled 16; 16x16x192, pooled 8; 8x8x10
        widths = [classes if maps is None else maps for maps in widths]
        last = map_activation if number == len(table) else "relu"
        x = mlpconv(x, side, widths, number, **initial, last_activation=last)
        if pool == "global average":
            x = layers.GlobalAveragePooling2D(name=f"pool{number}")(x)  # 10
        elif pool == "dense":
            x = layers.Flatten(name="flatten")(x)  # 640
            x = layers.Dense(classes, **initial, name="linear")(x)  # 10
        else:
            # These pools overlap; "same" rounds up as Caffe does: 32 -> 16 -> 8.
            x = POOLS[pool](3, 2, padding="same", name=f"pool{number}")(x)
            x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    if classifier_activation is not None:
        x = layers.Activation(classifier_activation, name="output")(x)
    return keras.Model(image, x, name=name)
