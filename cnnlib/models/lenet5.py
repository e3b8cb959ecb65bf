"""LeNet-5: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86(11), section II.B.

``lenet5`` is the network of the paper, with its 60,000 trainable parameters. ``lenet5-modern`` is the
form in which textbooks print it, 61,706 parameters: the same function with other options.
"""

from collections.abc import Callable

import keras
from keras import KerasTensor, layers, ops

from cnnlib.layers import (
    FAN_IN_UNIFORM,
    PartiallyConnectedConv2D,
    RadialBasis,
    Subsampling,
    links,
    scaled_tanh,
)
from cnnlib.models.checks import check_choice, check_counts, check_input_shape, checked

# The paper's Table I: row = map of S2 (0 to 5), column = map of C3 (0 to 15), X = linked.
C3_TABLE = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)

# Maps of C1, C3 and C5, units of F6.
WIDTHS = (6, 16, 120, 84)

# The centres of the radial basis functions: digits on a bitmap of 7 x 12, as the paper describes
# them in its Fig. 3. The drawings are ours; a # is +1, a dot is -1.
BITMAPS = """
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
..###..  ...##..  ..###..  #######  .....#.  #######  ..####.  #######  .#####.  ..###..
.##.##.  ..###..  .##.##.  .....##  ....##.  ##.....  .##....  ##...##  ##...##  .##.##.
##...##  .####..  ##...##  ....##.  ...###.  ##.....  ##.....  .....##  ##...##  ##...##
##...##  ...##..  .....##  ...##..  ..####.  ##.....  ##.....  ....##.  ##...##  ##...##
##...##  ...##..  ....##.  ..####.  .##.##.  ######.  ##.###.  ....##.  .#####.  ##...##
##...##  ...##..  ...##..  .....##  ##..##.  .....##  ###..##  ...##..  ##...##  .######
##...##  ...##..  ..##...  .....##  #######  .....##  ##...##  ...##..  ##...##  .....##
.##.##.  ...##..  .##....  ##...##  ....##.  ##...##  ##..##.  ..##...  ##...##  ....##.
..###..  .######  #######  .#####.  ....##.  .#####.  .####..  ..##...  .#####.  .####..
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""


def digit_codes():
    """The codes of the output layer, +-1: ten rows of 84, one a digit's bitmap."""
    lines = [line.split() for line in BITMAPS.strip().splitlines()]
    bitmaps = ["".join(line[digit] for line in lines) for digit in range(10)]
    return [[1.0 if pixel == "#" else -1.0 for pixel in bitmap] for bitmap in bitmaps]


def subsample(
    x: KerasTensor, kind: str = "trainable", *, name: str, **options
) -> KerasTensor:  # fmt: skip
    """Halve both sides: "trainable" as in the paper, or plain "average" or "max"."""
    if kind == "trainable":
        return Subsampling(**options, name=name)(x)
    pool = layers.MaxPooling2D if kind == "max" else layers.AveragePooling2D
    return pool(2, name=name)(x)


def check_options(*, input_shape, classes, widths, table, pooling, output, classifier_activation, **others):
    """The table fits the widths, and the codes of the output their layer and the classes."""
    check_input_shape("input_shape", input_shape, smallest=32)
    check_choice("pooling", pooling, ("trainable", "average", "max"))
    check_choice("output", output, ("rbf", "dense"))
    c1, c3, _, f6 = check_counts("widths", widths, 4)
    if table is not None and links(table).shape != (c1, c3):
        shape = links(table).shape
        raise ValueError(f"table and widths: the table links {shape[0]} to {shape[1]} maps, got {widths}")
    if output == "rbf":
        # One bitmap of 7 x 12 is drawn for each of the ten digits.
        check_choice("classes", classes, [10])
        check_choice("widths: f6", f6, [84])
        check_choice("classifier_activation", classifier_activation, [None])


@checked(check_options)
def lenet5(
    input_shape: tuple = (32, 32, 1), classes: int = 10, *, widths: tuple = WIDTHS,
    table: tuple | None = C3_TABLE, pooling: str = "trainable",
    activation: str | Callable = scaled_tanh,
    kernel_initializer: str | dict = FAN_IN_UNIFORM, output: str = "rbf",
    classifier_activation: str | None = None, name: str = "lenet5",
) -> keras.Model:  # fmt: skip
    """Images (batch, 32, 32, 1) to distances (batch, 10): LeCun et al. 1998.

    Args:
        widths: maps of C1, C3 and C5, units of F6.
        table: the links of C3, a row of X and dot for each map of S2; None links all.
        pooling: S2 and S4, "trainable", "average" or "max".
        activation: of all layers but the last; before radial basis functions F6 keeps ``scaled_tanh``.
        output: "rbf" for distances to ``digit_codes``, "dense" for class scores.

    Raises:
        ValueError, TypeError: an option that cannot be met; the text names it.
    """
    c1, c3, c5, f6 = widths
    initial = {"kernel_initializer": kernel_initializer}
    options = {"activation": activation, **initial}

    image = keras.Input(input_shape, name="image")  # 32x32x1
    x = layers.Conv2D(c1, 5, **options, name="c1")(image)  # 28x28x6
    x = subsample(x, pooling, **options, name="s2")  # 14x14x6
    if table is None:
        x = layers.Conv2D(c3, 5, **options, name="c3")(x)  # 10x10x16
    else:
        x = PartiallyConnectedConv2D(table, 5, **options, name="c3")(x)  # 10x10x16
    x = subsample(x, pooling, **options, name="s4")  # 5x5x16
    x = layers.Conv2D(c5, 5, **options, name="c5")(x)  # 1x1x120
    x = layers.Flatten(name="flatten")(x)  # 120
    # The codes are -1 and 1; units that cannot reach both could not match them.
    squash = scaled_tanh if output == "rbf" else activation
    x = layers.Dense(f6, squash, **initial, name="f6")(x)  # 84
    if output == "rbf":
        x = RadialBasis(digit_codes(), name="output")(x)  # 10
    else:
        x = layers.Dense(classes, classifier_activation, **initial, name="output")(x)
    return keras.Model(image, x, name=name)


# The textbook form: every map linked, pooling without parameters, rectified units, dense output.
MODERN = {
    "table": None,
    "pooling": "max",
    "activation": "relu",
    "kernel_initializer": "he_normal",
    "output": "dense",
    "name": "lenet5-modern",
}


def map_loss(labels, distances, j=1.0):
    """LeCun et al. 1998, eq. 9: y_D + log(exp(-j) + sum_i exp(-y_i)), by image.

    ``labels`` D has the shape (batch,) or (batch, 1), ``distances`` y the shape
    (batch, classes); ``j`` is a positive constant, the distance of an extra class,
    whose value the paper does not print.
    """
    labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
    chosen = ops.one_hot(labels, distances.shape[-1], dtype=distances.dtype)
    right = ops.sum(distances * chosen, axis=-1)
    extra = ops.full_like(distances[:, :1], -j)
    both = ops.concatenate([-distances, extra], axis=-1)
    return right + ops.logsumexp(both, axis=-1)
