"""AlexNet: Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep convolutional
neural networks", NIPS 25, section 3 and Fig. 2.

``alexnet`` is the network of the paper with its two halves, which the authors kept on two GPUs: conv2,
conv4 and conv5 see the maps of their own half only. ``alexnet-ungrouped`` links every map to every map.
The paper prints 224 pixels, but its 55x55 maps follow from 227 (no padding, 11x11, stride 4).
``alexnet-reduced`` is the same chain for photographs of 67 pixels, small enough for a CPU.
"""

from collections.abc import Callable

import keras
from keras import KerasTensor, layers

from cnnlib.layers import GroupedConv2D, LocalResponseNormalization, check_number, check_whole
from cnnlib.models.checks import check_choice, check_counts, check_input_shape, check_rows, checked, one_of

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

# Section 3.3. As in the paper, alpha is not divided by n.
RESPONSE = {"k": 2.0, "n": 5, "alpha": 1e-4, "beta": 0.75}

# Section 3.4: side and stride of the pools, which overlap.
POOL = (3, 2)

# Section 5: all weights are drawn from a normal distribution with this standard deviation.
NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 0.01}}


# The same chain within a CPU's reach: 67 pixels, since (67 - 11) / 4 + 1 = 15 comes out even as 227 does,
# and no last pool, which would leave one position. A normal distribution of deviation .01 is too narrow for
# so few inputs; He's has the deviation for ReLU. The paper's pixels go from 0 to 255, ours to 1: alpha,
# which multiplies squares of activations, is 255^2 times as large, and biases of 1 would be ones of 1/255,
# so they are zero.
REDUCED = {
    "input_shape": (67, 67, 3),
    "classes": 10,
    "table": (
        (11, 4, 32, 1, 0, "normalise pool"),
        (5, 1, 64, 2, 0, "normalise pool"),
        (3, 1, 96, 1, 0, ""),
        (3, 1, 96, 2, 0, ""),
        (3, 1, 64, 2, 0, ""),
    ),
    "response_normalization": {"alpha": 255**2 * 1e-4},
    "dense": (256, 256),
    "dense_bias": 0,
    "kernel_initializer": "he_normal",
}


def alexnet_layer(
    x: KerasTensor, row: tuple, number: int, *, pool: tuple = POOL,
    response_normalization: dict | None = RESPONSE,
    activation: str | Callable = "relu", kernel_initializer: str | dict = NORMAL,
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
        activation=activation,
        kernel_initializer=kernel_initializer,
        bias_initializer=keras.initializers.Constant(bias),
        name=f"conv{number}",
    )(x)
    if "normalise" in then and response_normalization is not None:
        constants = response_normalization
        x = LocalResponseNormalization(**constants, name=f"norm{number}")(x)
    if "pool" in then:
        x = layers.MaxPooling2D(*pool, name=f"pool{number}")(x)
    return x


def check_response_normalization(name, value):
    """None, or a dictionary of constants that the layer takes."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise TypeError(f"{name}: expected None or a dictionary of k, n, alpha and beta, got {value!r}")
    for key in value:
        check_choice(name, key, RESPONSE)
    try:
        LocalResponseNormalization(**value)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from None


def check_options(*, input_shape, table, pool, response_normalization, dense_bias, **others):
    """The table, and an input that leaves a position after all of its layers."""
    check_rows("table", table, COLUMNS)
    check_response_normalization("response_normalization", response_normalization)
    check_number("dense_bias", dense_bias)
    pool_side, pool_stride = check_counts("pool", pool, 2)
    before = input_shape[-1]
    for _, _, maps, groups, *_ in table:
        if before % groups or maps % groups:
            raise ValueError(f"table: groups: {groups} do not divide {before} and {maps} maps")
        before = maps
    smallest = 1
    for number, (side, stride, *_, then) in reversed(list(enumerate(table, start=1))):
        if "pool" in then:
            smallest = (smallest - 1) * pool_stride + pool_side
        smallest = (smallest - 1) * stride + (side if number == 1 else 1)
    check_input_shape("input_shape", input_shape, smallest)


@checked(check_options)
def alexnet(
    input_shape: tuple = (227, 227, 3), classes: int = 1000, *, table: tuple = TABLE,
    pool: tuple = POOL, response_normalization: dict | None = RESPONSE,
    dense: tuple = DENSE, dense_bias: float = 1, dropout: float = 0.5,
    activation: str | Callable = "relu", kernel_initializer: str | dict = NORMAL,
    classifier_activation: str | None = None, name: str = "alexnet",
) -> keras.Model:  # fmt: skip
    """Images (batch, 227, 227, 3) to scores (batch, 1000): Krizhevsky et al. 2012.

    Args:
        table: a row for each convolutional layer: side, stride, maps, groups, bias, what follows
            ("", "normalise", "pool" or "normalise pool").
        pool: side and stride of the pools; (2, 2) for some that do not overlap.
        response_normalization: constants of the normalisation, or None for none; those that a dictionary
            lacks are the paper's.
        dense_bias: the initial biases of the hidden dense layers.
        activation: of all layers but the last.

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    initial = {"kernel_initializer": kernel_initializer}
    options = {"activation": activation, **initial}
    between = {"pool": pool, "response_normalization": response_normalization}
    x = image = keras.Input(input_shape, name="image")  # 227x227x3
    for number, row in enumerate(table, start=1):
        # 55x55x96, pooled 27; 27x27x256, pooled 13; 13x13x384, 384, 256, pooled 6
        x = alexnet_layer(x, row, number, **between, **options)
    x = layers.Flatten(name="flatten")(x)  # 9216
    for number, units in enumerate(dense, start=len(table) + 1):
        bias = {"bias_initializer": keras.initializers.Constant(dense_bias)}
        x = layers.Dense(units, **bias, **options, name=f"fc{number}")(x)
        x = layers.Dropout(dropout, name=f"dropout{number}")(x)  # 4096
    last = f"fc{len(table) + len(dense) + 1}"
    x = layers.Dense(classes, classifier_activation, **initial, name=last)(x)  # 1000
    return keras.Model(image, x, name=name)
