"""The CIFAR-10 networks of He, Zhang, Ren and Sun 2015, "Deep residual learning for image recognition",
arXiv:1512.03385 (CVPR 2016), section 4.2.

``cifar-plain-n`` and ``cifar-resnet-n`` for every depth n = 6k + 2: a first convolution, three stages of
k blocks of two layers, and the classifier. All shortcuts are option A, so the residual network has exactly
the parameters of its plain twin. The stages are those of ``cnnlib.models.resnet``.
"""

import keras
from keras import layers

from cnnlib.models.checks import MOST_LAYERS, check_counts, check_input_shape, check_whole, checked
from cnnlib.models.resnet import BATCH_NORMALIZATION, HE_NORMAL, convolution, stage

# Section 4.2: maps of the stages with 32x32, 16x16 and 8x8 positions.
WIDTHS = (16, 32, 64)

# The depths in the paper's Table 6.
DEPTHS = (20, 32, 44, 56, 110, 1202)


def check_depth(depth: int) -> int:
    """The depth, if it is 6k + 2 and at most ``MOST_LAYERS``; else an error that says so."""
    number = check_whole("depth", depth, least=8, most=MOST_LAYERS)
    if number % 6 != 2:
        near = number - (number - 2) % 6
        raise ValueError(
            f"depth: expected 6k + 2 layers (8, 14, 20, ...), got {depth}; try {near} or {near + 6}"
        )
    return number


def check_options(*, input_shape, depth, widths, **others):
    """How the options go together."""
    check_depth(depth)
    check_counts("widths", widths, 3)
    check_input_shape("input_shape", input_shape, smallest=4)


@checked(check_options)
def cifar_resnet(
    input_shape: tuple = (32, 32, 3), classes: int = 10, *, depth: int = 20,
    widths: tuple = WIDTHS, shortcut: str | None = "A",
    addition: str = "before-activation", zero_last_gamma: bool = False,
    batch_normalization: dict | None = BATCH_NORMALIZATION,
    kernel_initializer: str | dict = HE_NORMAL,
    classifier_activation: str | None = None, name: str = "cifar-resnet",
) -> keras.Model:  # fmt: skip
    """Images (batch, 32, 32, 3) to class scores (batch, 10): section 4.2.

    Args:
        depth: layers with weights, 6k + 2.
        widths: maps of the three stages.
        shortcut: option "A", "B" or "C" of section 4.1, or None for the plain network.
        addition: "before-activation", or "after-activation" for the sum behind the last ReLU.
        zero_last_gamma: each block starts as its shortcut (Goyal et al. 2017, arXiv:1706.02677).
        batch_normalization: its momentum and epsilon; None puts biases in its place.

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    count = (depth - 2) // 6
    initial = {"kernel_initializer": kernel_initializer}
    weights = {"batch_normalization": batch_normalization, **initial}
    options = {"option": shortcut, "addition": addition, **weights}
    options["gamma"] = "zeros" if zero_last_gamma else "ones"

    image = keras.Input(input_shape, name="image")  # 32x32x3
    x = convolution(image, widths[0], 3, **weights, name="conv1")  # 32x32x16
    for number, maps in enumerate(widths, start=1):
        stride = 1 if number == 1 else 2  # 32x32x16, 16x16x32, 8x8x64
        x = stage(x, maps, count, stride, **options, name=f"stage{number}")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)  # 64
    x = layers.Dense(classes, classifier_activation, **initial, name="fc")(x)  # 10
    return keras.Model(image, x, name=name)
