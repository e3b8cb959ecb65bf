"""GoogLeNet: Szegedy et al. 2014, "Going deeper with convolutions", arXiv:1409.4842 (CVPR 2015),
Table 1, Figs. 2b and 3, section 5.

``googlenet`` is the network as it is used, ``googlenet-aux`` the one that is trained, with both auxiliary
classifiers; ``googlenet-reduced`` and ``googlenet-aux-reduced`` are small ones for 16 pixels. The branch of
5x5 filters has 5x5 filters, every convolution has biases and none is followed by batch normalisation, which
came five months later. The paper prints neither the constants of local response normalisation (ours:
Krizhevsky et al. 2012) nor the initial weights (ours, after the release of Caffe: Glorot and Bengio's,
biases .2).
"""

import keras
from keras import KerasTensor, layers

from cnnlib.layers import LocalResponseNormalization
from cnnlib.models import checks
from cnnlib.models.alexnet import RESPONSE, check_response_normalization
from cnnlib.models.checks import checked

# Table 1, rows 1 and 3: side, stride and maps of the first convolution; maps of the second, "3x3
# reduce" and "3x3".
STEM = ((7, 2, 64), (64, 192))

# Table 1, from the second pool on: side and stride of max pooling, or the maps of an inception module.
COLUMNS = ("#1x1", "#3x3 reduce", "#3x3", "#5x5 reduce", "#5x5", "pool proj")
TABLE = {
    "pool2": (3, 2),
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "pool3": (3, 2),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "pool4": (3, 2),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}

# Five of the nine modules with an eighth of their maps, for images of 16 pixels: no second and no third pool,
# which would leave the auxiliary classifiers maps of 4x4, and they need 5x5. Without response normalisation,
# and without dropout in front of the scores; the auxiliary classifiers keep theirs.
REDUCED = {
    "input_shape": (16, 16, 3),
    "classes": 10,
    "stem": ((3, 1, 16), (16, 24)),
    "table": {
        "3a": (8, 12, 16, 2, 4, 4),
        "4a": (24, 12, 26, 2, 6, 8),
        "4b": (20, 14, 28, 3, 8, 8),
        "4d": (14, 18, 36, 4, 8, 8),
        "pool4": (3, 2),
        "5b": (48, 24, 48, 6, 16, 16),
    },
    "auxiliary_widths": (16, 128),
    "response_normalization": None,
    "dropout": 0,
    "kernel_initializer": "he_normal",
}

# Section 5: where the auxiliary classifiers stand; maps and units of their two hidden layers; what
# the losses of the three outputs (main, first, second) are multiplied by.
AUXILIARY = ("4a", "4d")
AUXILIARY_WIDTHS = (128, 1024)
LOSS_WEIGHTS = (1.0, 0.3, 0.3)

# Initial biases of all layers with ReLU.
BIAS = {"class_name": "Constant", "config": {"value": 0.2}}


def convolution(
    x: KerasTensor, maps: int, side: int, stride: int = 1, *,
    kernel_initializer: str | dict = "glorot_uniform", name: str,
) -> KerasTensor:  # fmt: skip
    """A convolution with ReLU; if strided, padded on both sides, unlike "same"."""
    if stride > 1:
        x = layers.ZeroPadding2D(side // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        maps,
        side,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        activation="relu",
        kernel_initializer=kernel_initializer,
        bias_initializer=BIAS,
        name=name,
    )(x)


def pool(x: KerasTensor, side: int = 3, stride: int = 2, *, name: str) -> KerasTensor:
    """Max pooling; "same" rounds up: 112 -> 56 -> 28 -> 14 -> 7."""
    return layers.MaxPooling2D(side, stride, padding="same", name=name)(x)


def stem_layers(
    x: KerasTensor, stem: tuple, response_normalization: dict | None = RESPONSE, **options
) -> KerasTensor:
    """Rows 1 to 3 of Table 1, before the second pool, with their normalisations."""
    (side, stride, maps), (reduced, widened) = stem

    def normalised(x, name):
        if response_normalization is None:
            return x
        return LocalResponseNormalization(**response_normalization, name=name)(x)

    x = convolution(x, maps, side, stride, **options, name="conv1")  # 112x112x64
    x = pool(x, name="pool1")  # 56x56x64
    x = normalised(x, "norm1")
    x = convolution(x, reduced, 1, **options, name="conv2_reduce")  # 56x56x64
    x = convolution(x, widened, 3, **options, name="conv2")  # 56x56x192
    return normalised(x, "norm2")


def inception(x: KerasTensor, row: tuple, *, name: str, **options) -> KerasTensor:
    """The inception module of Fig. 2b: up to four branches, their maps in one row.

    A row has the six numbers of ``COLUMNS``. None for one of the 1x1 convolutions "3x3 reduce", "5x5 reduce"
    and "pool proj" leaves it out, as in the naive module of Fig. 2a; 0 for "1x1", "3x3", "5x5" or "pool proj"
    leaves the branch out.
    """
    ones, reduce_threes, threes, reduce_fives, fives, projection = row

    def layer(x, maps, side, part):
        if maps is None:
            return x
        return convolution(x, maps, side, **options, name=f"{name}_{part}")

    branches = []
    if ones:
        branches.append(layer(x, ones, 1, "1x1"))
    if threes:
        reduced = layer(x, reduce_threes, 1, "3x3_reduce")
        branches.append(layer(reduced, threes, 3, "3x3"))
    if fives:
        reduced = layer(x, reduce_fives, 1, "5x5_reduce")
        branches.append(layer(reduced, fives, 5, "5x5"))
    if projection != 0:
        pooled = pool(x, stride=1, name=f"{name}_pool")
        branches.append(layer(pooled, projection, 1, "pool_proj"))
    return layers.Concatenate(name=name)(branches)


def auxiliary_classifier(
    x: KerasTensor, classes: int, widths: tuple = AUXILIARY_WIDTHS, *,
    dropout: float = 0.7, activation: str | None = None, name: str, **options,
) -> KerasTensor:  # fmt: skip
    """The side network of section 5: 14x14 maps of a module to class scores."""
    maps, units = widths
    x = layers.AveragePooling2D(5, 3, name=f"{name}_pool")(x)  # 4x4x512, 4x4x528
    x = convolution(x, maps, 1, **options, name=f"{name}_conv")  # 4x4x128
    x = layers.Flatten(name=f"{name}_flatten")(x)  # 2048
    x = layers.Dense(
        units, "relu", bias_initializer=BIAS, **options, name=f"{name}_fc"
    )(x)  # 1024  # fmt: skip
    x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return layers.Dense(classes, activation, **options, name=name)(x)


def check_inception(name: str, row: tuple) -> None:
    """Six numbers, of which some may be None or 0: see ``inception``."""
    for place, maps in enumerate(row):
        if maps is None and place in (1, 3, 5):
            continue
        checks.check_whole(f"{name}: {COLUMNS[place]}", maps, least=0 if place in (0, 2, 4, 5) else 1)
    if not any(row[place] != 0 for place in (0, 2, 4, 5)):
        raise ValueError(f"{name}: expected a branch with maps, got {row!r}")


def check_options(*, input_shape, stem, table, auxiliary, auxiliary_widths, response_normalization, **others):
    """The tables, and an input that leaves a position after each pool, 5x5 for a classifier."""
    first, second = checks.check_sequence("stem", stem, 2)
    stride = 2 * checks.check_counts("stem", first, 3)[1]
    checks.check_counts("stem", second, 2)
    checks.check_counts("auxiliary_widths", auxiliary_widths, 2)
    checks.check_sequence("auxiliary", auxiliary)
    check_response_normalization("response_normalization", response_normalization)
    if not isinstance(table, dict) or not table:
        raise TypeError(f"table: expected a dictionary of rows, got {table!r}")
    modules, smallest = [], stride
    for part, row in table.items():
        checks.check_name("table", part)
        lengths = {2: "side and stride of a pool", len(COLUMNS): ", ".join(COLUMNS)}
        if len(checks.check_sequence("table", row)) not in lengths:
            raise ValueError(f"table: expected {' or '.join(lengths.values())}, got {row!r}")
        if len(row) == 2:
            stride *= checks.check_counts("table", row)[1]
        else:
            check_inception("table", row)
            modules.append(part)
        smallest = max(smallest, 4 * stride + 1 if part in auxiliary else stride)
    for part in auxiliary:
        checks.check_choice("auxiliary", part, modules)
    checks.check_input_shape("input_shape", input_shape, smallest)


@checked(check_options)
def googlenet(
    input_shape: tuple = (224, 224, 3), classes: int = 1000, *, stem: tuple = STEM,
    table: dict = TABLE, auxiliary: tuple = (),
    auxiliary_widths: tuple = AUXILIARY_WIDTHS, dropout: float = 0.4,
    auxiliary_dropout: float = 0.7, response_normalization: dict | None = RESPONSE,
    kernel_initializer: str | dict = "glorot_uniform",
    classifier_activation: str | None = None, name: str = "googlenet",
) -> keras.Model:  # fmt: skip
    """Images (batch, 224, 224, 3) to scores (batch, 1000): Szegedy et al. 2014.

    With auxiliary classifiers the outputs are a list, the main one first.

    Args:
        stem: side, stride and maps of the first convolution; maps of the second, reduced and 3x3.
        table: by name, side and stride of a pool, or the six numbers of maps of an inception module, some
            of which may be None or 0: see ``inception``.
        auxiliary: the modules that an auxiliary classifier follows. In training the losses of the outputs
            have the weights ``LOSS_WEIGHTS``.
        auxiliary_widths: maps and units of the hidden layers of these classifiers.
        auxiliary_dropout: the share of those units that is left out in training.
        response_normalization: in place of those of ``RESPONSE``, constants of
            ``cnnlib.layers.LocalResponseNormalization``; None leaves both normalisations out.

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    options = {"kernel_initializer": kernel_initializer}
    side = {"dropout": auxiliary_dropout, "activation": classifier_activation}
    image = keras.Input(input_shape, name="image")  # 224x224x3
    x = stem_layers(image, stem, response_normalization, **options)  # 56x56x192
    heads = []
    for part, row in table.items():
        if len(row) == 2:
            x = pool(x, *row, name=part)  # 28x28, 14x14, 7x7
            continue
        # 28x28: 256, 480; 14x14: 512, 512, 512, 528, 832; 7x7: 832, 1024
        x = inception(x, row, name=f"inception_{part}", **options)
        if part in auxiliary:
            at = {"name": f"auxiliary_{part}", **side, **options}
            heads.append(auxiliary_classifier(x, classes, auxiliary_widths, **at))
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)  # 1024
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(classes, classifier_activation, **options, name="linear")(x)
    return keras.Model(image, [x, *heads] if heads else x, name=name)
