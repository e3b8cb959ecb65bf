"""ResNet: He, Zhang, Ren and Sun 2015, "Deep residual learning for image recognition",
arXiv:1512.03385 (CVPR 2016), Table 1, Figs. 3 and 5, section 3.

``plain-18``, ``plain-34`` and ``resnet-18``, ``-34``, ``-50``, ``-101``, ``-152`` for ImageNet. The
shortcuts are the paper's option B unless asked otherwise (its Table 2 compares plain and residual networks
with A). The stride stands on the first 1x1 layer of a bottleneck, as in the paper; on the 3x3 layer it
gives the network often called v1.5. The paper states no constants of batch normalisation: ours are those
of its reproductions. ``zero_last_gamma`` (Goyal et al. 2017, arXiv:1706.02677) is not in the paper.
"""

from functools import partial

import keras
from keras import layers

from cnnlib.layers import FusedBatchNormalization, ZeroChannels
from cnnlib.models.checks import (
    check_choice,
    check_classes,
    check_input_shape,
    check_lengths,
    each_its_own,
)

# Table 1: the block, and how often it stands in conv2_x, conv3_x, conv4_x, conv5_x.
TABLE = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}

# Table 1: maps of the 3x3 layers of these stages; a bottleneck ends with four times as many.
WIDTHS = (64, 128, 256, 512)
EXPANSION = 4

# Table 1, conv1: side and stride of the filters, maps.
STEM = (7, 2, 64)

# Keras' own defaults are .99 and 1e-3; PyTorch's momentum .1 is .9 here.
BATCH_NORMALIZATION = {"momentum": 0.9, "epsilon": 1e-5}

# He et al. 2015, arXiv:1502.01852: normal, variance 2 / inputs of a unit. ("he_normal" is truncated.)
HE_NORMAL = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_in", "distribution": "untruncated_normal"},
}


def convolution(
    x, maps, side, stride=1, *, relu=True, gamma="ones", kernel_initializer, normalization, name
):  # fmt: skip
    """Convolution, batch normalisation and, unless ``relu=False``, ReLU.

    Batch normalisation subtracts any bias: only without it (``normalization=None``)
    there is one.
    """
    padding = "same"
    if stride > 1 and side > 1:
        # On even maps "same" would pad at the right and bottom only. The original
        # pads both sides.
        x = layers.ZeroPadding2D(side // 2, name=f"{name}_pad")(x)
        padding = "valid"
    x = layers.Conv2D(
        maps,
        side,
        strides=stride,
        padding=padding,
        use_bias=normalization is None,
        kernel_initializer=kernel_initializer,
        name=name,
    )(x)
    if normalization is not None:
        settings = {**normalization, "gamma_initializer": gamma}
        x = FusedBatchNormalization(**settings, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def basic(x, maps, stride, convolve, gamma, stride_on, name):
    """The two layers of the block in Fig. 5, left, up to the addition."""
    x = convolve(x, maps, 3, stride, name=f"{name}_conv1")
    return convolve(x, maps, 3, relu=False, gamma=gamma, name=f"{name}_conv2")


def bottleneck(x, maps, stride, convolve, gamma, stride_on, name):
    """The three layers of the block in Fig. 5, right, up to the addition."""
    first, second = (stride, 1) if stride_on == "1x1" else (1, stride)
    x = convolve(x, maps, 1, first, name=f"{name}_conv1")
    x = convolve(x, maps, 3, second, name=f"{name}_conv2")
    maps = EXPANSION * maps
    return convolve(x, maps, 1, relu=False, gamma=gamma, name=f"{name}_conv3")


BRANCHES = {"basic": basic, "bottleneck": bottleneck}


def shortcut_of(x, maps, stride, option, convolve, name):
    """A block's input in the shape of its output, by option A, B or C of section 4.1."""
    changes = stride > 1 or x.shape[-1] != maps
    if option == "C" or (option == "B" and changes):
        return convolve(x, maps, 1, stride, relu=False, name=f"{name}_shortcut")
    if stride > 1:
        # Every second row and column.
        x = layers.MaxPooling2D(1, stride, name=f"{name}_subsample")(x)
    if x.shape[-1] != maps:
        x = ZeroChannels(maps, name=f"{name}_zeros")(x)
    return x


def block(
    x, maps, stride, *, kind, shortcut, stride_on, addition, gamma, convolve, name
):  # fmt: skip
    """A residual block, or with ``shortcut=None`` a plain one; its last layer is ``name``."""
    y = BRANCHES[kind](x, maps, stride, convolve, gamma, stride_on, name)
    if shortcut is None:
        return layers.ReLU(name=name)(y)
    x = shortcut_of(x, y.shape[-1], stride, shortcut, convolve, name)
    if addition == "after-activation":
        y = layers.ReLU(name=f"{name}_relu")(y)
        return layers.Add(name=name)([x, y])
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=name)(y)


def stages(x, blocks, widths, first, **options):
    """All stages, numbered from ``first``; every stage but this one starts at half the side."""
    for stage, (count, maps) in enumerate(zip(blocks, widths), start=first):
        for number in range(1, count + 1):
            stride = 2 if stage > first and number == 1 else 1
            x = block(x, maps, stride, **options, name=f"stage{stage}_block{number}")
    return x


def block_options(
    shortcut, stride_on, addition, normalization, batch_normalization, zero_last_gamma,
    kernel_initializer,
):  # fmt: skip
    """The options that ``stages`` hands to every block, checked, and its convolution."""
    check_choice("shortcut", shortcut, (None, "A", "B", "C"))
    check_choice("stride_on", stride_on, ("1x1", "3x3"))
    check_choice("addition", addition, ("before-activation", "after-activation"))
    check_choice("normalization", normalization, (True, False))
    for key in batch_normalization:
        check_choice("batch_normalization", key, tuple(BATCH_NORMALIZATION))
    if zero_last_gamma and not normalization:
        raise ValueError(
            "zero_last_gamma: without batch normalisation there is no gamma to start at zero"
        )
    settings = {**BATCH_NORMALIZATION, **batch_normalization}
    convolve = partial(
        convolution,
        kernel_initializer=each_its_own(kernel_initializer),
        normalization=settings if normalization else None,
    )
    return {
        "shortcut": shortcut,
        "stride_on": stride_on,
        "addition": addition,
        "gamma": "zeros" if zero_last_gamma else "ones",
        "convolve": convolve,
    }


def resnet(
    input_shape=(224, 224, 3),
    classes=1000,
    *,
    table=TABLE[50],
    widths=WIDTHS,
    stem=STEM,
    shortcut="B",
    stride_on="1x1",
    addition="before-activation",
    normalization=True,
    batch_normalization=BATCH_NORMALIZATION,
    zero_last_gamma=False,
    kernel_initializer=HE_NORMAL,
    classifier_activation=None,
    name="resnet",
):
    """A network of He et al. 2015: images (batch, 224, 224, 3) to class scores (batch, 1000).

    ``table`` is the block and its number in each stage, ``widths`` the stages' maps; ``stage2`` is the
    paper's conv2_x. ``shortcut=None`` gives the plain network. An option that cannot be met raises a
    ValueError or TypeError that names it.
    """
    kind, blocks = table
    check_choice("table: block", kind, tuple(BRANCHES))
    check_lengths(blocks=blocks, widths=widths)
    side, stride, maps = stem
    check_input_shape(input_shape, smallest=stride * 2 ** len(blocks))
    options = block_options(
        shortcut,
        stride_on,
        addition,
        normalization,
        batch_normalization,
        zero_last_gamma,
        kernel_initializer,
    )

    image = keras.Input(input_shape, name="image")  # 224x224x3
    x = options["convolve"](image, maps, side, stride, name="conv1")  # 112x112x64
    # After ReLU a border of zeros changes no maximum; it pads both sides as the original does.
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)  # 56x56x64
    x = stages(x, blocks, widths, first=2, kind=kind, **options)  # 56x56, 28x28, 14x14, 7x7x(512 or 2048)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dense(
        check_classes(classes),
        activation=classifier_activation,
        kernel_initializer=each_its_own(kernel_initializer),
        name="fc",
    )(x)  # 1000
    return keras.Model(image, x, name=name)
