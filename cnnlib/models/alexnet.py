"""AlexNet: Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep convolutional
neural networks", NIPS 25, section 3 and Fig. 2.

``alexnet`` is the network of the paper with its two halves, which the authors kept on two GPUs: conv2,
conv4 and conv5 see the maps of their own half only. ``alexnet-ungrouped`` links every map to every map.
The paper prints 224 pixels, but its 55x55 maps follow from 227 (no padding, 11x11, stride 4).
"""

import keras
from keras import KerasTensor, layers

from cnnlib.layers import GroupedConv2D, LocalResponseNormalization, check_number, check_whole
from cnnlib.models.checks import check_input_shape, check_rows, checked, one_of

# Sections 3.3 to 3.5 and 5, one row a convolutional layer: side and stride of the filters, maps,
# groups, initial biases, and what follows.
TABLE = (
    (11, 4, 96, 1, 0, "normalise pool"),
    (5, 1, 256, 2, 1, "normalise pool"),
    (3, 1, 384, 1, 0, ""),
    (3, 1, 384, 2, 1, ""),
    (3, 1, 256, 2, 1, "pool"),
)

UNGROUPED = tuple((side, stride, maps, 1, *rest) for side, stride, maps, _, *rest in TABLE)

COLUMNS = {
    "side": check_whole,
    "stride": check_whole,
    "maps": check_whole,
    "groups": check_whole,
    "bias": check_number,
    "what follows": one_of("", "normalise", "pool", "normalise pool"),
}

# Units of the two hidden layers.
DENSE = (4096, 4096)

# Section 3.4: the pools overlap.
POOL_SIDE, POOL_STRIDE = 3, 2

# Section 5: all weights are drawn from a normal distribution with this standard deviation.
NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.01}}


def alexnet_layer(
    x: KerasTensor, row: tuple, number: int, kernel_initializer: str | dict = NORMAL
) -> KerasTensor:  # fmt: skip
    """A row of the table: convolution, ReLU, then normalisation and pooling if so."""
    side, stride, maps, groups, bias, then = row
    convolution = GroupedConv2D if groups > 1 else layers.Conv2D
    x = convolution(
        maps,
        side,
        strides=stride,
        # Only the first layer has no padding: 227 -> (227 - 11) / 4 + 1 = 55.
        padding="valid" if number == 1 else "same",
        groups=groups,
        activation="relu",
        kernel_initializer=kernel_initializer,
        bias_initializer=keras.initializers.Constant(bias),
        name=f"conv{number}",
    )(x)
    if "normalise" in then:
        x = LocalResponseNormalization(name=f"norm{number}")(x)
    if "pool" in then:
        x = layers.MaxPooling2D(POOL_SIDE, POOL_STRIDE, name=f"pool{number}")(x)
    return x


def check_options(*, input_shape, table, **others):
    """The table, and an input that leaves a position after all of its layers."""
    check_rows("table", table, COLUMNS)
    before = input_shape[-1]
    for _, _, maps, groups, *_ in table:
        if before % groups or maps % groups:
            raise ValueError(f"table: groups: {groups} do not divide {before} and {maps} maps")
        before = maps
    smallest = 1
    for number, (side, stride, *_, then) in reversed(list(enumerate(table, start=1))):
        if "pool" in then:
            smallest = (smallest - 1) * POOL_STRIDE + POOL_SIDE
        smallest = (smallest - 1) * stride + (side if number == 1 else 1)
    check_input_shape("input_shape", input_shape, smallest)


@checked(check_options)
def alexnet(
    input_shape: tuple = (227, 227, 3), classes: int = 1000, *, table: tuple = TABLE,
    dense: tuple = DENSE, dropout: float = 0.5,
    kernel_initializer: str | dict = NORMAL,
    classifier_activation: str | None = None, name: str = "alexnet",
) -> keras.Model:  # fmt: skip
    """Images (batch, 227, 227, 3) to scores (batch, 1000): Krizhevsky et al. 2012.

    Args:
        table: a row for each convolutional layer: side, stride, maps, groups, bias, what follows
            ("", "normalise", "pool" or "normalise pool").

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    x = image = keras.Input(input_shape, name="image")  # 227x227x3
    for number, row in enumerate(table, start=1):
        # 55x55x96, pooled 27; 27x27x256, pooled 13; 13x13x384, 384, 256, pooled 6
        x = alexnet_layer(x, row, number, kernel_initializer)
    x = layers.Flatten(name="flatten")(x)  # 9216
    for number, units in enumerate(dense, start=len(table) + 1):
        x = layers.Dense(
            units,
            activation="relu",
            kernel_initializer=kernel_initializer,
            bias_initializer="ones",
            name=f"fc{number}",
        )(x)  # 4096
        x = layers.Dropout(dropout, name=f"dropout{number}")(x)
    x = layers.Dense(
        classes,
        activation=classifier_activation,
        kernel_initializer=kernel_initializer,
        name=f"fc{len(table) + len(dense) + 1}",
    )(x)  # 1000
    return keras.Model(image, x, name=name)
