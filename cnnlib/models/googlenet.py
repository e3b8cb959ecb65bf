"""GoogLeNet: Szegedy et al. 2014, "Going deeper with convolutions", arXiv:1409.4842 (CVPR 2015),
Table 1, Figs. 2b and 3, section 5.

``googlenet`` is the network as it is used, ``googlenet-aux`` the one that is trained, with both auxiliary
classifiers. The branch of 5x5 filters has 5x5 filters, every convolution has biases and none is
followed by batch normalisation, which came a year later. The paper prints neither the constants of local
response normalisation (ours: Krizhevsky et al. 2012) nor the initial weights (ours, after the release of
Caffe: Glorot and Bengio's, biases .2).
"""

import keras
from keras import layers

from cnnlib.layers import LocalResponseNormalization
from cnnlib.models.checks import check_choice, check_classes, check_input_shape, check_rows, each_its_own

# Table 1, rows 1 and 3: side, stride and maps of the first convolution; maps of the second, "3x3
# reduce" and "3x3".
STEM = ((7, 2, 64), (64, 192))

# Table 1; max pooling stands before 3a, between 3b and 4a and between 4e and 5a.
COLUMNS = ("#1x1", "#3x3 reduce", "#3x3", "#5x5 reduce", "#5x5", "pool proj")
TABLE = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}

# Section 5: where the auxiliary classifiers stand; maps and units of their two hidden layers; what
# the losses of the three outputs (main, first, second) are multiplied by.
AUXILIARY = ("4a", "4d")
AUXILIARY_WIDTHS = (128, 1024)
LOSS_WEIGHTS = (1.0, 0.3, 0.3)

# Initial biases of all layers with ReLU.
BIAS = 0.2


def convolution(x, maps, side, stride=1, *, kernel_initializer, name):
    """A convolution with ReLU; with a stride, padded on both sides, where "same" pads right and bottom."""
    if stride > 1:
        x = layers.ZeroPadding2D(side // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        maps,
        side,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        activation="relu",
        kernel_initializer=kernel_initializer,
        bias_initializer=keras.initializers.Constant(BIAS),
        name=name,
    )(x)


def pool(x, name):
    """3x3 max pooling with stride 2; "same" rounds up: 112 -> 56 -> 28 -> 14 -> 7."""
    return layers.MaxPooling2D(3, 2, padding="same", name=name)(x)


def inception(x, row, kernel_initializer, name):
    """The inception module of Fig. 2b: four branches on the same maps, laid one behind the other."""
    options = {"kernel_initializer": kernel_initializer}
    ones, reduce_threes, threes, reduce_fives, fives, projection = row
    a = convolution(x, ones, 1, **options, name=f"{name}_1x1")
    b = convolution(x, reduce_threes, 1, **options, name=f"{name}_3x3_reduce")
    b = convolution(b, threes, 3, **options, name=f"{name}_3x3")
    c = convolution(x, reduce_fives, 1, **options, name=f"{name}_5x5_reduce")
    c = convolution(c, fives, 5, **options, name=f"{name}_5x5")
    d = layers.MaxPooling2D(3, 1, padding="same", name=f"{name}_pool")(x)
    d = convolution(d, projection, 1, **options, name=f"{name}_pool_proj")
    return layers.Concatenate(name=name)([a, b, c, d])


def auxiliary_classifier(x, classes, widths, dropout, kernel_initializer, activation, name):
    """The side network of section 5: 14x14 maps of an inception module to class scores."""
    maps, units = widths
    x = layers.AveragePooling2D(5, 3, name=f"{name}_pool")(x)  # 4x4x512 after 4a, 4x4x528 after 4d
    x = convolution(x, maps, 1, kernel_initializer=kernel_initializer, name=f"{name}_conv")  # 4x4x128
    x = layers.Flatten(name=f"{name}_flatten")(x)  # 2048
    x = layers.Dense(
        units,
        activation="relu",
        kernel_initializer=kernel_initializer,
        bias_initializer=keras.initializers.Constant(BIAS),
        name=f"{name}_fc",
    )(x)  # 1024
    x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return layers.Dense(classes, activation=activation, kernel_initializer=kernel_initializer, name=name)(x)


def smallest_input(stem, table, auxiliary):
    """The side, in pixels, that leaves the last maps a position, and an auxiliary classifier its 5x5."""
    stages = list(dict.fromkeys(name[0] for name in table))
    # The first convolution, the first pool, and one pool before each stage.
    strides = {name: stem[0][1] * 2 * 2 ** (1 + stages.index(name[0])) for name in table}
    return max(4 * strides[name] + 1 if name in auxiliary else strides[name] for name in table)


def googlenet(
    input_shape=(224, 224, 3),
    classes=1000,
    *,
    stem=STEM,
    table=TABLE,
    auxiliary=(),
    auxiliary_widths=AUXILIARY_WIDTHS,
    dropout=0.4,
    auxiliary_dropout=0.7,
    kernel_initializer="glorot_uniform",
    classifier_activation=None,
    name="googlenet",
):
    """GoogLeNet of Szegedy et al. 2014: images (batch, 224, 224, 3) to class scores (batch, 1000).

    ``auxiliary`` names the modules that an auxiliary classifier follows; with any, the outputs are a
    list, main first, whose losses have the weights ``LOSS_WEIGHTS``. An option that cannot be met
    raises a ValueError or TypeError that names it.
    """
    classes = check_classes(classes)
    check_rows("table", list(table.values()), COLUMNS)
    for module in auxiliary:
        check_choice("auxiliary", module, list(table))
    check_input_shape(input_shape, smallest=smallest_input(stem, table, auxiliary))
    kernel_initializer = each_its_own(kernel_initializer)
    options = {"kernel_initializer": kernel_initializer}
    (side, stride, maps), (reduced, widened) = stem

    image = keras.Input(input_shape, name="image")  # 224x224x3
    x = convolution(image, maps, side, stride, **options, name="conv1")  # 112x112x64
    x = pool(x, "pool1")  # 56x56x64
    x = LocalResponseNormalization(name="norm1")(x)
    x = convolution(x, reduced, 1, **options, name="conv2_reduce")  # 56x56x64
    x = convolution(x, widened, 3, **options, name="conv2")  # 56x56x192
    x = LocalResponseNormalization(name="norm2")(x)

    heads, stage = [], "2"
    for module, row in table.items():
        if module[0] != stage:
            x = pool(x, f"pool{stage}")  # 28x28, 14x14, 7x7
            stage = module[0]
        # 28x28: 256, 480; 14x14: 512, 512, 512, 528, 832; 7x7: 832, 1024
        x = inception(x, row, kernel_initializer, f"inception_{module}")
        if module in auxiliary:
            head = auxiliary_classifier(
                x,
                classes,
                auxiliary_widths,
                auxiliary_dropout,
                kernel_initializer,
                classifier_activation,
                f"auxiliary_{module}",
            )
            heads.append(head)

    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)  # 1024
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Dense(classes, activation=classifier_activation, **options, name="linear")(x)  # 1000
    return keras.Model(image, [x, *heads] if heads else x, name=name)
