"""ResNet: He, Zhang, Ren and Sun 2015, "Deep residual learning for image recognition",
arXiv:1512.03385 (CVPR 2016), Table 1, Figs. 3 and 5, section 3.

``plain-18``, ``plain-34`` and ``resnet-18``, ``-34``, ``-50``, ``-101``, ``-152`` for ImageNet. The paper
states no constants of batch normalisation: ours are those of its reproductions.
The parts take and give maps (batch, height, width, maps); ``**options`` are those of the parts they call.
"""

import keras
from keras import KerasTensor, layers

from cnnlib.layers import FusedBatchNormalization, ZeroChannels
from cnnlib.models import checks
from cnnlib.models.checks import checked

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
    x: KerasTensor, maps: int, side: int, stride: int = 1, *, relu: bool = True,
    gamma: str = "ones", batch_normalization: dict | None = BATCH_NORMALIZATION,
    kernel_initializer: str | dict = HE_NORMAL, name: str,
) -> KerasTensor:  # fmt: skip
    """Convolution, batch normalisation and, unless ``relu=False``, ReLU.

    Batch normalisation subtracts any bias: only without it (None) there is one.
    """
    padding = "same"
    if stride > 1 and side > 1:
        # On even maps "same" pads right and bottom only, the original on both sides.
        x = layers.ZeroPadding2D(side // 2, name=f"{name}_pad")(x)
        padding = "valid"
    x = layers.Conv2D(
        maps, side, stride, padding, use_bias=batch_normalization is None,
        kernel_initializer=kernel_initializer, name=name,
    )(x)  # fmt: skip
    if batch_normalization is not None:
        settings = {**BATCH_NORMALIZATION, **batch_normalization}
        settings["gamma_initializer"] = gamma
        x = FusedBatchNormalization(**settings, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def basic(
    x: KerasTensor, maps: int, stride: int = 1, *, gamma: str = "ones", name: str,
    **options,
) -> KerasTensor:  # fmt: skip
    """The two layers of the block in Fig. 5, left, up to the addition."""
    x = convolution(x, maps, 3, stride, **options, name=f"{name}_conv1")
    last = f"{name}_conv2"
    return convolution(x, maps, 3, relu=False, gamma=gamma, **options, name=last)


def bottleneck(
    x: KerasTensor, maps: int, stride: int = 1, stride_on: str = "1x1", *,
    gamma: str = "ones", name: str, **options,
) -> KerasTensor:  # fmt: skip
    """The three layers of the block in Fig. 5, right, up to the addition."""
    first, second = {"1x1": (stride, 1), "3x3": (1, stride)}[stride_on]
    x = convolution(x, maps, 1, first, **options, name=f"{name}_conv1")
    x = convolution(x, maps, 3, second, **options, name=f"{name}_conv2")
    maps, last = EXPANSION * maps, f"{name}_conv3"
    return convolution(x, maps, 1, relu=False, gamma=gamma, **options, name=last)


@checked(checks.check_shortcut)
def shortcut(
    x: KerasTensor, maps: int, stride: int = 1, option: str = "B", *, name: str,
    **options,
) -> KerasTensor:  # fmt: skip
    """A block's input in the shape of its output: option A, B or C of section 4.1."""
    changes = stride > 1 or x.shape[-1] != maps
    if option == "C" or (option == "B" and changes):
        name = f"{name}_shortcut"
        return convolution(x, maps, 1, stride, relu=False, **options, name=name)
    if stride > 1:
        # Every second row and column.
        x = layers.MaxPooling2D(1, stride, name=f"{name}_subsample")(x)
    if x.shape[-1] != maps:
        x = ZeroChannels(maps, name=f"{name}_zeros")(x)
    return x


@checked(checks.check_block)
def block(
    x: KerasTensor, maps: int, stride: int = 1, *, kind: str = "basic",
    option: str | None = "B", stride_on: str = "1x1",
    addition: str = "before-activation", gamma: str = "ones", name: str, **options,
) -> KerasTensor:  # fmt: skip
    """A residual block, plain with ``option=None``; its last layer is ``name``."""
    if kind == "basic":
        y = basic(x, maps, stride, gamma=gamma, **options, name=name)
    else:
        y = bottleneck(x, maps, stride, stride_on, gamma=gamma, **options, name=name)
    if option is None:
        return layers.ReLU(name=name)(y)
    x = shortcut(x, y.shape[-1], stride, option, **options, name=name)
    if addition == "after-activation":
        y = layers.ReLU(name=f"{name}_relu")(y)
        return layers.Add(name=name)([x, y])
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=name)(y)


def stage(
    x: KerasTensor, maps: int, count: int, stride: int = 1, *, name: str, **options
) -> KerasTensor:  # fmt: skip
    """``count`` blocks, of which the first has the stride."""
    for number in range(1, count + 1):
        x = block(x, maps, stride, **options, name=f"{name}_block{number}")
        stride = 1
    return x


@checked(checks.check_resnet)
def resnet(
    input_shape: tuple = (224, 224, 3), classes: int = 1000, *,
    table: tuple = TABLE[50], widths: tuple = WIDTHS, stem: tuple = STEM,
    shortcut: str | None = "B", stride_on: str = "1x1",
    addition: str = "before-activation", zero_last_gamma: bool = False,
    batch_normalization: dict | None = BATCH_NORMALIZATION,
    kernel_initializer: str | dict = HE_NORMAL,
    classifier_activation: str | None = None, name: str = "resnet",
) -> keras.Model:  # fmt: skip
    """Images (batch, 224, 224, 3) to class scores (batch, 1000): He et al. 2015.

    Args:
        table: the block, "basic" or "bottleneck", and how many of them each stage has.
        widths: maps of the stages' 3x3 layers; the first of them, ``stage2``, is the paper's conv2_x.
        stem: side and stride of the first convolution, and its maps.
        shortcut: option "A", "B" or "C" of section 4.1 (its Table 2 has A), None for a plain network.
        stride_on: "1x1", the first layer of a bottleneck, as in the paper; "3x3" is often called v1.5.
        addition: "before-activation", or "after-activation" for the sum behind the last ReLU.
        zero_last_gamma: each block starts as its shortcut (Goyal et al. 2017, arXiv:1706.02677).
        batch_normalization: its momentum and epsilon; None puts biases in its place.

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    kind, counts = table
    side, stride, maps = stem
    initial = {"kernel_initializer": kernel_initializer}
    weights = {"batch_normalization": batch_normalization, **initial}
    options = {"kind": kind, "option": shortcut, "stride_on": stride_on, **weights}
    options |= {"addition": addition, "gamma": "zeros" if zero_last_gamma else "ones"}

    image = keras.Input(input_shape, name="image")  # 224x224x3
    x = convolution(image, maps, side, stride, **weights, name="conv1")  # 112x112x64
    # After ReLU a border of zeros changes no maximum; it pads as the original does.
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)  # 56x56x64
    for number, (count, maps) in enumerate(zip(counts, widths), start=2):
        stride = 1 if number == 2 else 2  # 56x56, 28x28, 14x14, 7x7
        x = stage(x, maps, count, stride, **options, name=f"stage{number}")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dense(classes, classifier_activation, **initial, name="fc")(x)  # 1000
    return keras.Model(image, x, name=name)
