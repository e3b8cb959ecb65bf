"""Pre-activation: He, Zhang, Ren and Sun 2016, "Identity mappings in deep residual networks",
arXiv:1603.05027 (ECCV 2016), Figs. 1(b) and 4(e), section 4.

``cifar-preactivation-n``, n = 6k + 2: ``cifar-resnet-n`` with normalisation and ReLU before each
convolution in place of behind it. Between the first ReLU and the last one, the trunk has nothing but
additions. All shortcuts are option A, and the network has exactly the parameters of its twin.
"""

import keras
from keras import KerasTensor, layers

from cnnlib.layers import FusedBatchNormalization
from cnnlib.models.checks import checked
from cnnlib.models.cifar_resnet import WIDTHS, check_options
from cnnlib.models.resnet import BATCH_NORMALIZATION, HE_NORMAL, shortcut

# A depth in the paper's tables that has blocks of two layers.
DEPTHS = (110,)


def activation(x: KerasTensor, *, name: str, **settings) -> KerasTensor:
    """Batch normalisation and ReLU."""
    x = FusedBatchNormalization(**settings, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def convolution(
    x: KerasTensor, maps: int, stride: int = 1, *, kernel_initializer: str | dict, name: str
) -> KerasTensor:  # fmt: skip
    """A 3x3 convolution without bias: the next normalisation would subtract it."""
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    options = {"use_bias": False, "kernel_initializer": kernel_initializer}
    return layers.Conv2D(maps, 3, stride, **options, name=name)(x)


def block(
    x: KerasTensor, maps: int, stride: int = 1, *, activated: bool = False,
    settings: dict = BATCH_NORMALIZATION, kernel_initializer: str | dict = HE_NORMAL,
    name: str,
) -> KerasTensor:  # fmt: skip
    """The block of Fig. 4(e): its input plus what two layers make of it.

    Args:
        activated: whether the input comes out of a ReLU already, as that of the first block does.
        settings: momentum and epsilon of batch normalisation.
    """
    initial = {"kernel_initializer": kernel_initializer}
    y = x if activated else activation(x, **settings, name=f"{name}_pre1")
    y = convolution(y, maps, stride, **initial, name=f"{name}_conv1")
    y = activation(y, **settings, name=f"{name}_pre2")
    y = convolution(y, maps, **initial, name=f"{name}_conv2")
    x = shortcut(x, maps, stride, "A", name=name)
    return layers.Add(name=name)([x, y])


def check_preactivation(*, batch_normalization, **others):
    """How the options go together."""
    check_options(**others)
    if batch_normalization is None:
        raise ValueError("batch_normalization: expected momentum and epsilon, got None")


@checked(check_preactivation)
def preactivation(
    input_shape: tuple = (32, 32, 3), classes: int = 10, *, depth: int = 110,
    widths: tuple = WIDTHS, batch_normalization: dict = BATCH_NORMALIZATION,
    kernel_initializer: str | dict = HE_NORMAL,
    classifier_activation: str | None = None, name: str = "cifar-preactivation",
) -> keras.Model:  # fmt: skip
    """Images (batch, 32, 32, 3) to class scores (batch, 10).

    Args:
        depth: layers with weights, 6k + 2.
        widths: maps of the three stages.
        batch_normalization: its momentum and epsilon.

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    settings = {**BATCH_NORMALIZATION, **batch_normalization}
    initial = {"kernel_initializer": kernel_initializer}

    image = keras.Input(input_shape, name="image")  # 32x32x3
    x = convolution(image, widths[0], **initial, name="conv1")
    x = activation(x, **settings, name="conv1")  # 32x32x16
    for stage, maps in enumerate(widths, start=1):  # 32x32x16, 16x16x32, 8x8x64
        for number in range(1, (depth - 2) // 6 + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            name_ = f"stage{stage}_block{number}"
            first = stage == number == 1
            x = block(x, maps, stride, activated=first, settings=settings, **initial, name=name_)
    x = activation(x, **settings, name="last")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)  # 64
    x = layers.Dense(classes, classifier_activation, **initial, name="fc")(x)  # 10
    return keras.Model(image, x, name=name)
