"""Layers that the classic papers use and Keras does not have, as small serialisable Keras layers.

Images are (batch, height, width, maps). An option out of range raises a ValueError or TypeError by its name.
"""

import math
import numbers

import keras
import numpy as np
from keras import ops

# No layer of these papers has more maps, units or pixels on a side; a slip of the hand fills no memory.
MOST = 2**17


def check_whole(name: str, value: int, least: int = 1, most: int = MOST) -> int:
    """The value of the option ``name`` as an integer.

    Raises:
        TypeError: no whole number (True is none).
        ValueError: below ``least`` or above ``most``.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: expected a whole number, got {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name}: expected a whole number from {least} to {most}, got {value!r}")
    return int(value)


def check_number(name: str, value: float, *, above=-math.inf, least=-math.inf, below=math.inf) -> float:
    """The value of the option ``name``, a finite number within the limits that are given.

    Raises:
        TypeError: no number (True is none).
        ValueError: not finite in single precision, or beyond a limit.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    if not (abs(value) < 1e38 and above < value < below and least <= value):
        limits = {"above": above, "of at least": least, "below": below}
        limits = [f" {word} {limit}" for word, limit in limits.items() if math.isfinite(limit)]
        raise ValueError(f"{name}: expected a finite number{' and'.join(limits)}, got {value!r}")
    return value


@keras.saving.register_keras_serializable("cnnlib")
def scaled_tanh(x):
    """1.7159 tanh(2x/3): f(1) = 1, f(-1) = -1 (LeCun et al. 1998, App. A)."""
    return 1.7159 * ops.tanh(2 / 3 * x)


@keras.saving.register_keras_serializable("cnnlib")
class FanInUniform(keras.initializers.Initializer):
    """Uniform in +-2.4 / F, F the inputs of a unit (LeCun et al. 1998, App. A)."""

    def __call__(self, shape, dtype=None):
        """Weights of ``shape``, whose last axis counts the units."""
        limit = 2.4 / math.prod(shape[:-1])
        return keras.random.uniform(shape, -limit, limit, dtype=dtype)


# As an option: its name among Keras' initializers.
FAN_IN_UNIFORM = "cnnlib>FanInUniform"


@keras.saving.register_keras_serializable("cnnlib")
class Subsampling(keras.layers.Layer):
    """Subsampling, S2 and S4 of LeCun et al. 1998: f(g (a + b + c + d) + v).

    The four units of each 2x2 square are added, the sum is multiplied by a trainable
    coefficient of its map, a trainable bias of its map is added, and the result is
    squashed: images (batch, height // 2, width // 2, maps).
    """

    def __init__(
        self, activation=scaled_tanh, kernel_initializer=FAN_IN_UNIFORM, **kwargs
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        # A unit has four inputs, all with the same weight.
        self.coefficient = self.add_weight(
            input_shape[-1:],
            lambda shape, dtype: self.kernel_initializer((4, *shape), dtype)[0],
            name="coefficient",
        )
        self.bias = self.add_weight(input_shape[-1:], "zeros", name="bias")

    def call(self, x):
        total = 4 * ops.average_pool(x, 2, 2, "valid", data_format="channels_last")
        return self.activation(self.coefficient * total + self.bias)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        initializer = keras.initializers.serialize(self.kernel_initializer)
        own = {"activation": activation, "kernel_initializer": initializer}
        return {**super().get_config(), **own}


def links(table: tuple[str, ...]) -> np.ndarray:
    """The table of a ``PartiallyConnectedConv2D`` as an array (input maps, output maps), True where linked.

    Raises:
        TypeError: no rows of text.
        ValueError: rows of different lengths, letters other than X and dot, a column without X.
    """
    if not isinstance(table, (list, tuple)) or not all(isinstance(row, str) for row in table):
        raise TypeError(f"table: expected rows of text, got {table!r}")
    if len({len(row) for row in table}) != 1 or set("".join(table)) - set("X."):
        raise ValueError(f"table: expected rows of X and dot, all of the same length, got {table!r}")
    linked = np.array([[letter == "X" for letter in row] for row in table])
    if lonely := np.flatnonzero(~linked.any(axis=0)).tolist():
        raise ValueError(f"table: expected at least one X a column, none in {lonely}")
    return linked


@keras.saving.register_keras_serializable("cnnlib")
class PartiallyConnectedConv2D(keras.layers.Layer):
    """A "valid" convolution of some maps for each output map: LeCun et al., C3.

    ``table`` has a row of text for each input map, in it a letter for each output map:
    X where the two are linked, a dot where not. Only links have weights: the kernel has
    the shape (size, size, links), the links of the first output map first.
    """

    def __init__(
        self, table, kernel_size, activation=None, kernel_initializer=FAN_IN_UNIFORM,
        **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.linked, self.table = links(table), tuple(table)
        self.kernel_size = check_whole("kernel_size", kernel_size)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        (inputs, outputs), maps = self.linked.shape, input_shape[-1]
        if maps != inputs:
            raise ValueError(f"{self.name}: a table of {inputs} rows for {maps} maps")
        to, of = np.nonzero(self.linked.T)
        # Row k is the mask of link k: 1 where its weights stand in the dense kernel.
        self.masks = np.eye(inputs * outputs, dtype="float32")[of * outputs + to]

        def draw(shape, dtype):
            # Each output map by itself: its units have size x size inputs a link.
            fresh = self.kernel_initializer.clone
            shapes = [(*shape[:2], int(n), 1) for n in self.linked.sum(axis=0)]
            drawn = [fresh()(shape, dtype) for shape in shapes]
            return ops.concatenate(drawn, axis=2)[..., 0]

        size = self.kernel_size
        self.kernel = self.add_weight((size, size, len(to)), draw, name="kernel")
        self.bias = self.add_weight((outputs,), "zeros", name="bias")

    def dense_kernel(self):
        """The kernel (size, size, input maps, output maps), 0 where unlinked."""
        shape = (self.kernel_size, self.kernel_size, *self.linked.shape)
        return ops.reshape(ops.matmul(self.kernel, self.masks), shape)

    def call(self, x):
        x = ops.conv(x, self.dense_kernel(), data_format="channels_last")
        return self.activation(x + self.bias)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        initializer = keras.initializers.serialize(self.kernel_initializer)
        own = {"activation": activation, "kernel_initializer": initializer}
        own |= {"table": self.table, "kernel_size": self.kernel_size}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("cnnlib")
class RadialBasis(keras.layers.Layer):
    """Distances y_i = sum_j (x_j - w_ij)^2 to centres: LeCun et al. 1998, eq. 7.

    ``codes`` has the shape (classes, units) and is not trained. Inputs (batch, units)
    become distances (batch, classes); the smallest one names the class.
    """

    gives = "distances"  # for the loss

    def __init__(self, codes, **kwargs):
        super().__init__(**kwargs)
        self.codes = np.asarray(codes, "float32")
        if self.codes.ndim != 2 or not np.isfinite(self.codes).all():
            shape = self.codes.shape
            raise ValueError(f"codes: expected finite (classes, units), got {shape}")

    def build(self, input_shape):
        units, given = self.codes.shape[1], input_shape[-1]
        if units != given:
            raise ValueError(f"{self.name}: codes of {units} units, input of {given}")

    def call(self, x):
        difference = ops.expand_dims(x, 1) - ops.cast(self.codes, x.dtype)
        return ops.sum(ops.square(difference), axis=-1)

    def get_config(self):
        return {**super().get_config(), "codes": self.codes.tolist()}


@keras.saving.register_keras_serializable("cnnlib")
class LocalResponseNormalization(keras.layers.Layer):
    """b_i = a_i / (k + alpha sum_j a_j^2)^beta over n channels around i (Krizhevsky et al. 2012, 3.3).

    The sum runs over channels max(0, i - n // 2) to min(N - 1, i + n // 2). As in the paper, alpha is
    not divided by n (the released source, Caffe and PyTorch do divide). The shape does not change.

    Raises:
        ValueError: n is no positive odd number, k not positive, alpha or beta negative or not finite.
    """

    def __init__(self, k=2.0, n=5, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        self.k, self.n = check_number("k", k, above=0), check_whole("n", n)
        if n % 2 == 0:
            raise ValueError(f"n: expected an odd number of channels, got {n}")
        self.alpha, self.beta = check_number("alpha", alpha, least=0), check_number("beta", beta, least=0)

    def build(self, input_shape):
        channels = np.arange(input_shape[-1])
        # The sums over neighbours as a matrix product: entry (j, i) is 1 where i's sum takes j in.
        self.window = (np.abs(channels[:, None] - channels) <= self.n // 2).astype("float32")

    def call(self, x):
        total = ops.matmul(ops.square(x), ops.cast(self.window, x.dtype))
        # The same as dividing by a power; exponential and logarithm cost a CPU a fraction of it.
        return x * ops.exp(-self.beta * ops.log(self.k + self.alpha * total))

    def get_config(self):
        return {**super().get_config(), "k": self.k, "n": self.n, "alpha": self.alpha, "beta": self.beta}


@keras.saving.register_keras_serializable("cnnlib")
class GroupedConv2D(keras.layers.Conv2D):
    """``keras.layers.Conv2D`` that convolves its groups one by one: same options, weights and output.

    With ``groups=2`` each half of the output maps sees its own half of the input maps (Krizhevsky et
    al. 2012, Fig. 2). On a CPU Keras leaves a grouped convolution to XLA, and a step of training takes
    five to fifteen times as long (AlexNet's conv2 and conv4 on TensorFlow and JAX) as with the groups apart.

    Raises:
        ValueError: ``groups`` does not divide the number of output or of input maps.
    """

    def convolution_op(self, inputs, kernel):
        channels = -1 if self.data_format == "channels_last" else 1
        parts = zip(ops.split(inputs, self.groups, axis=channels), ops.split(kernel, self.groups, axis=-1))
        convolve = super().convolution_op
        return ops.concatenate([convolve(part, own) for part, own in parts], axis=channels)


@keras.saving.register_keras_serializable("cnnlib")
class ZeroChannels(keras.layers.Layer):
    """Appends maps of zeros until there are ``channels``: shortcut option A.

    He et al. 2015. Images (batch, height, width, maps) become (batch, height, width,
    channels). No parameters.

    Raises:
        ValueError: the input has more than ``channels`` maps.
    """

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.channels = check_whole("channels", channels)

    def build(self, input_shape):
        most, maps = self.channels, input_shape[-1]
        if maps > most:
            raise ValueError(f"{self.name}: expected at most {most} maps, got {maps}")

    def call(self, x):
        return ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, self.channels - x.shape[-1]]])

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}


@keras.saving.register_keras_serializable("cnnlib")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """``keras.layers.BatchNormalization`` with the same arguments, weights and results, faster on TensorFlow.

    Keras 3 computes the layer from a dozen small operations; TensorFlow has one for it, forward and
    backward (Ioffe and Szegedy 2015, Alg. 1). Taken for images (batch, height, width, channels) with
    gamma and beta, without a mask; anything else goes Keras' way. As in Keras the moving variance is
    the biased one (divided by n), where TensorFlow's operation gives the unbiased.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise: by the batch in training, by the moving statistics otherwise."""
        channels_last = self.axis in (-1, 3) and len(inputs.shape) == 4
        fused = channels_last and self.scale and self.center and mask is None and not self.synchronized
        # Within Keras' symbolic graph there are no tensors yet.
        if keras.backend.backend() != "tensorflow" or not fused or keras.utils.is_keras_tensor(inputs):
            return super().call(inputs, training=training, mask=mask)

        import tensorflow as tf

        by_batch = bool(training) and self.trainable
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, "float32"),
            offset=tf.cast(self.beta, "float32"),
            mean=tf.constant([], "float32") if by_batch else tf.cast(self.moving_mean, "float32"),
            variance=tf.constant([], "float32") if by_batch else tf.cast(self.moving_variance, "float32"),
            epsilon=self.epsilon,
            is_training=by_batch,
        )
        if by_batch:
            count = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), variance.dtype)
            variance = variance * (count - 1) / count
            keep = self.momentum
            self.moving_mean.assign(self.moving_mean * keep + mean * (1 - keep))
            self.moving_variance.assign(self.moving_variance * keep + variance * (1 - keep))
        return outputs
