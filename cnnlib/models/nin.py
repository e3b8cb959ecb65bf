"""Network in Network: Lin, Chen and Yan 2013, "Network in network", arXiv:1312.4400 (ICLR 2014).

``nin`` is the network for CIFAR-10. The paper draws it (Fig. 2: three mlpconv layers, then global
average pooling) without its sizes; they are those of the Caffe definition that the first author released.
"""

import keras
from keras import layers

from cnnlib.models.checks import check_choice, check_classes, check_input_shape, check_rows, each_its_own

# One row an mlpconv layer: side and maps of the convolution, maps of the two 1x1 layers after it (None:
# one a class), and the pooling.
TABLE = (
    (5, 192, 160, 96, "max"),
    (5, 192, 192, 192, "average"),
    (3, 192, 192, None, "global average"),
)

POOLS = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}

# The released definition draws all weights from a normal distribution with this standard deviation.
NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.05}}


def mlpconv(x, side, widths, number, kernel_initializer):
    """A convolution and two 1x1 layers ("cccp"), each with ReLU: a small perceptron slid over the maps."""
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


def nin(
    input_shape=(32, 32, 3),
    classes=10,
    *,
    table=TABLE,
    dropout=0.5,
    kernel_initializer=NORMAL,
    classifier_activation=None,
    name="nin",
):
    """Network in Network of Lin et al. 2013: images (batch, 32, 32, 3) to class scores (batch, 10).

    The scores are averages of rectified maps, so none is negative. ``table`` has one row an mlpconv
    layer. An option that cannot be met raises a ValueError or TypeError that names it.
    """
    classes = check_classes(classes)
    check_rows("table", table, ("side", "maps", "maps", "maps", "pooling"))
    check_input_shape(input_shape, smallest=2 ** (len(table) - 1))
    kernel_initializer = each_its_own(kernel_initializer)

    x = image = keras.Input(input_shape, name="image")  # 32x32x3
    for number, (side, *widths, pool) in enumerate(table, start=1):
        # 32x32x96, pooled 16; 16x16x192, pooled 8; 8x8x10
        x = mlpconv(x, side, [maps or classes for maps in widths], number, kernel_initializer)
        if number < len(table):
            # 3x3 pools with stride 2 overlap; "same" rounds up as Caffe does: 32 -> 16 -> 8.
            pooling = POOLS[check_choice("table: pooling", pool, list(POOLS))]
            x = pooling(3, 2, padding="same", name=f"pool{number}")(x)
            x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    check_choice("table: last maps", x.shape[-1], [classes])
    x = layers.GlobalAveragePooling2D(name=f"pool{len(table)}")(x)  # 10
    if classifier_activation is not None:
        x = layers.Activation(classifier_activation, name="output")(x)
    return keras.Model(image, x, name=name)
