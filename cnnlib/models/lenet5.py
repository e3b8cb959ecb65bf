"""LeNet-5: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86(11), section II.B.

``lenet5`` is the network of the paper, with its 60,000 trainable parameters. ``lenet5-modern`` is the
form in which textbooks print it, 61,706 parameters: the same function with other options.
"""

import keras
from keras import layers, ops

from cnnlib.layers import FanInUniform, PartiallyConnectedConv2D, RadialBasis, Subsampling, scaled_tanh
from cnnlib.models.checks import check_choice, check_classes, check_input_shape

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
    """The codes of the output layer, +-1: ten rows of 84, row i the bitmap of digit i, line by line."""
    lines = [line.split() for line in BITMAPS.strip().splitlines()]
    bitmaps = ["".join(line[digit] for line in lines) for digit in range(10)]
    return [[1.0 if pixel == "#" else -1.0 for pixel in bitmap] for bitmap in bitmaps]


def subsample(x, kind, activation, name):
    """Halve both sides of the maps: "trainable" as in the paper, or plain "average" or "max"."""
    if kind == "trainable":
        return Subsampling(activation=activation, name=name)(x)
    pool = {"average": layers.AveragePooling2D, "max": layers.MaxPooling2D}[kind]
    return pool(2, name=name)(x)


def lenet5(
    input_shape=(32, 32, 1),
    classes=10,
    *,
    widths=WIDTHS,
    table=C3_TABLE,
    pooling="trainable",
    activation=scaled_tanh,
    kernel_initializer=None,
    output="rbf",
    classifier_activation=None,
    name="lenet5",
):
    """LeNet-5 of LeCun et al. 1998: images (batch, 32, 32, 1) to squared distances (batch, 10).

    ``table=None`` links every map of S2 to every map of C3. ``pooling`` may also be "average"
    or "max", ``output`` "dense" for class scores, ``activation`` any of Keras (F6 keeps its own
    before radial basis functions). An impossible option raises an error that names it.
    """
    check_input_shape(input_shape, smallest=32)
    check_choice("pooling", pooling, ("trainable", "average", "max"))
    check_choice("output", output, ("rbf", "dense"))
    c1, c3, c5, f6 = widths
    weights = kernel_initializer or FanInUniform()
    common = {"activation": activation, "kernel_initializer": weights}

    image = keras.Input(input_shape, name="image")  # 32x32x1
    x = layers.Conv2D(c1, 5, **common, name="c1")(image)  # 28x28x6
    x = subsample(x, pooling, activation, "s2")  # 14x14x6
    if table is None:
        x = layers.Conv2D(c3, 5, **common, name="c3")(x)  # 10x10x16
    else:
        check_choice("widths[1]", c3, [len(table[0])])
        x = PartiallyConnectedConv2D(table, 5, activation, name="c3")(x)  # 10x10x16
    x = subsample(x, pooling, activation, "s4")  # 5x5x16
    x = layers.Conv2D(c5, 5, **common, name="c5")(x)  # 1x1x120
    x = layers.Flatten(name="flatten")(x)  # 120
    # The codes are -1 and 1; units that cannot reach both could not match them.
    squash = scaled_tanh if output == "rbf" else activation
    x = layers.Dense(f6, activation=squash, kernel_initializer=weights, name="f6")(x)  # 84
    if output == "rbf":
        # One bitmap is drawn for each of the ten digits.
        check_choice("classes", classes, [10])
        x = RadialBasis(digit_codes(), name="output")(x)  # 10
    else:
        x = layers.Dense(
            check_classes(classes),
            activation=classifier_activation,
            kernel_initializer=weights,
            name="output",
        )(x)  # 10
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
    """LeCun et al. 1998, eq. 9: y_D + log(exp(-j) + sum_i exp(-y_i)), one value an image.

    ``labels`` D has the shape (batch,) or (batch, 1), ``distances`` y (batch, classes). ``j``
    is a positive constant, the distance of an extra class; the paper does not print its value.
    """
    labels = ops.cast(ops.reshape(labels, (-1,)), "int32")
    chosen = ops.one_hot(labels, distances.shape[-1], dtype=distances.dtype)
    right = ops.sum(distances * chosen, axis=-1)
    extra = ops.full_like(distances[:, :1], -j)
    return right + ops.logsumexp(ops.concatenate([-distances, extra], axis=-1), axis=-1)
