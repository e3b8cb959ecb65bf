"""Network in Network: Lin, Chen and Yan 2013, "Network in network", arXiv:1312.4400 (ICLR 2014).

``nin`` is the network for CIFAR-10. The paper draws it (Fig. 2: three mlpconv layers, then global
average pooling) without its sizes; they are those of the Caffe definition that the first author released.
"""

import keras
from keras import KerasTensor, layers

from cnnlib.layers import check_whole
from cnnlib.models.checks import check_input_shape, check_rows, checked, one_of

# One row an mlpconv layer: side and maps of the convolution, maps of the two 1x1 layers after it, and the
# pooling. The last layer has one map a class.
TABLE = (
    (5, 192, 160, 96, "max"),
    (5, 192, 192, 192, "average"),
    (3, 192, 192, None, "global average"),
)

POOLS = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}

COLUMNS = {
    "side": check_whole,
    "maps": check_whole,
    "maps of the first 1x1": check_whole,
    "maps of the second 1x1": check_whole,
    "pooling": one_of(*POOLS),
}

# The released definition draws all weights from a normal distribution with this standard deviation.
NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.05}}


def mlpconv(
    x: KerasTensor, side: int, widths: tuple, number: int,
    kernel_initializer: str | dict = NORMAL,
) -> KerasTensor:  # fmt: skip
    """A convolution and two 1x1 layers ("cccp") with ReLU: a small perceptron."""
    names = (f"conv{number}", f"cccp{2 * number - 1}", f"cccp{2 * number}")
    for name, size, maps in zip(names, (side, 1, 1), widths):
        x = layers.Conv2D(
            maps,
            size,
            padding="same",
            activation="relu",
            kernel_initializer=kernel_initializer,
            name=name,
        )(x)
    return x


def check_options(*, input_shape, classes, table, **others):
    """The table, whose last row gives one map a class and the average of each."""
    last = {"maps of the second 1x1": one_of(None, classes), "pooling": one_of("global average")}
    check_rows("table", table, COLUMNS, last)
    check_input_shape("input_shape", input_shape, smallest=2 ** (len(table) - 1))


@checked(check_options)
def nin(
    input_shape: tuple = (32, 32, 3), classes: int = 10, *, table: tuple = TABLE,
    dropout: float = 0.5, kernel_initializer: str | dict = NORMAL,
    classifier_activation: str | None = None, name: str = "nin",
) -> keras.Model:  # fmt: skip
    """Images (batch, 32, 32, 3) to class scores (batch, 10): Lin et al. 2013.

    The scores are averages of rectified maps, so none is negative.

    Args:
        table: a row for each mlpconv layer: side, maps, maps of the two 1x1 layers, and "max" or
            "average" pooling; in the last row None for one map a class, and "global average".

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    x = image = keras.Input(input_shape, name="image")  # 32x32x3
    for number, (side, *widths, pool) in enumerate(table, start=1):
        # 32x32x96, pooled 16; 16x16x192, pooled 8; 8x8x10
        widths = [classes if maps is None else maps for maps in widths]
        x = mlpconv(x, side, widths, number, kernel_initializer)
        if pool == "global average":
            x = layers.GlobalAveragePooling2D(name=f"pool{number}")(x)  # 10
            continue
        # These pools overlap; "same" rounds up as Caffe does: 32 -> 16 -> 8.
        x = POOLS[pool](3, 2, padding="same", name=f"pool{number}")(x)
        x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    if classifier_activation is not None:
        x = layers.Activation(classifier_activation, name="output")(x)
    return keras.Model(image, x, name=name)
