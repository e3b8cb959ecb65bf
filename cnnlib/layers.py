"""Layers that the classic papers use and Keras does not have, as small serialisable Keras layers."""

import math

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("cnnlib")
def scaled_tanh(x):
    """Squash with 1.7159 tanh(2x/3): f(1) = 1, f(-1) = -1 (LeCun et al. 1998, App. A)."""
    return 1.7159 * ops.tanh(2 / 3 * x)


@keras.saving.register_keras_serializable("cnnlib")
class FanInUniform(keras.initializers.Initializer):
    """Uniform weights in +-2.4 / F, F the inputs of a unit (LeCun et al. 1998, App. A)."""

    def __call__(self, shape, dtype=None):
        """Weights of ``shape``, whose last axis counts the units."""
        limit = 2.4 / math.prod(shape[:-1])
        return keras.random.uniform(shape, -limit, limit, dtype=dtype)


@keras.saving.register_keras_serializable("cnnlib")
class Subsampling(keras.layers.Layer):
    """Trainable subsampling, S2 and S4 of LeCun et al. 1998: f(w (a + b + c + d) + v).

    The four units of each 2x2 square are added, the sum is multiplied by a trainable
    coefficient of its map, a trainable bias of its map is added, and the result is
    squashed. (batch, height, width, maps) become (batch, height // 2, width // 2, maps).
    """

    def __init__(self, activation=scaled_tanh, **kwargs):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        maps = input_shape[-1]
        # A unit has four inputs, all with the same weight.
        uniform = keras.initializers.RandomUniform(-2.4 / 4, 2.4 / 4)
        self.coefficient = self.add_weight((maps,), uniform, name="coefficient")
        self.bias = self.add_weight((maps,), "zeros", name="bias")

    def call(self, x):
        total = 4 * ops.average_pool(x, 2, 2, "valid", data_format="channels_last")
        return self.activation(self.coefficient * total + self.bias)

    def compute_output_shape(self, input_shape):
        batch, *sides, maps = input_shape
        return (batch, *(side and side // 2 for side in sides), maps)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation}


@keras.saving.register_keras_serializable("cnnlib")
class PartiallyConnectedConv2D(keras.layers.Layer):
    """A 'valid' convolution whose output maps see some input maps only: LeCun et al. 1998, C3.

    ``table`` has a row of text for each input map and in it a letter for each output map:
    X where the two are linked, another letter where not. Only linked pairs have weights:
    links x size x size + output maps parameters in all. Bad tables raise a ValueError.
    """

    def __init__(self, table, kernel_size, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.table, self.kernel_size = tuple(table), kernel_size
        self.activation = keras.activations.get(activation)
        lengths = [len(row) for row in self.table]
        if len(set(lengths)) != 1:
            raise ValueError(f"table: expected rows of the same length, got {lengths}")
        self.linked = np.array([[letter == "X" for letter in row] for row in self.table])
        lonely = np.flatnonzero(~self.linked.any(axis=0)).tolist()
        if lonely:
            raise ValueError(f"table: expected at least one X a column, none in {lonely}")

    def build(self, input_shape):
        (inputs, outputs), maps = self.linked.shape, input_shape[-1]
        if maps != inputs:
            raise ValueError(f"{self.name}: a table of {inputs} rows, but {maps} input maps")
        size, links = self.kernel_size, int(self.linked.sum())
        # Row k of `scatter` says at which (input, output) pair of the dense kernel link k stands.
        pairs = np.flatnonzero(self.linked)
        self.scatter = np.zeros((links, inputs * outputs), "float32")
        self.scatter[np.arange(links), pairs] = 1
        # A unit has size * size inputs for each link of its map.
        fan_in = size * size * self.linked.sum(axis=0)[pairs % outputs]
        limit = (2.4 / fan_in).astype("float32")
        self.kernel = self.add_weight(
            (size, size, links),
            lambda shape, dtype: limit * keras.random.uniform(shape, -1, 1, dtype=dtype),
            name="kernel",
        )
        self.bias = self.add_weight((outputs,), "zeros", name="bias")

    def dense_kernel(self):
        """The kernel (size, size, input maps, output maps), zero where nothing is linked."""
        shape = (self.kernel_size, self.kernel_size, *self.linked.shape)
        return ops.reshape(ops.matmul(self.kernel, self.scatter), shape)

    def call(self, x):
        x = ops.conv(x, self.dense_kernel(), padding="valid", data_format="channels_last")
        return self.activation(x + self.bias)

    def compute_output_shape(self, input_shape):
        batch, *sides, _ = input_shape
        outputs = self.linked.shape[1]
        return (batch, *(side and side - self.kernel_size + 1 for side in sides), outputs)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        own = {"table": self.table, "kernel_size": self.kernel_size, "activation": activation}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("cnnlib")
class RadialBasis(keras.layers.Layer):
    """Squared distances y_i = sum_j (x_j - w_ij)^2 to fixed centres: LeCun et al. 1998, eq. 7.

    ``codes`` has the shape (classes, units) and is not trained. Inputs (batch, units)
    become distances (batch, classes); the smallest one names the class.
    """

    def __init__(self, codes, **kwargs):
        super().__init__(**kwargs)
        self.codes = np.asarray(codes, "float32")
        if self.codes.ndim != 2:
            raise ValueError(f"codes: expected (classes, units), got {self.codes.shape}")

    def build(self, input_shape):
        units, given = self.codes.shape[1], input_shape[-1]
        if units != given:
            raise ValueError(f"{self.name}: codes of {units} units, but an input of {given}")

    def call(self, x):
        difference = ops.expand_dims(x, 1) - ops.cast(self.codes, x.dtype)
        return ops.sum(ops.square(difference), axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.codes.shape[0])

    def get_config(self):
        return {**super().get_config(), "codes": self.codes.tolist()}


@keras.saving.register_keras_serializable("cnnlib")
class LocalResponseNormalization(keras.layers.Layer):
    """b_i = a_i / (k + alpha sum_j a_j^2)^beta over n channels around i (Krizhevsky et al. 2012, 3.3).

    The sum runs over channels max(0, i - n // 2) to min(N - 1, i + n // 2). As in the paper, alpha is
    not divided by n (the released source, Caffe and PyTorch do divide). The shape does not change.

    Raises:
        ValueError: n is not a positive odd number, or k is not positive.
    """

    def __init__(self, k=2.0, n=5, alpha=1e-4, beta=0.75, **kwargs):
        super().__init__(**kwargs)
        if n < 1 or n % 2 == 0:
            raise ValueError(f"n: expected a positive odd number of channels, got {n}")
        if k <= 0:
            raise ValueError(f"k: expected a positive number, got {k}")
        self.k, self.n, self.alpha, self.beta = k, n, alpha, beta

    def build(self, input_shape):
        channels = np.arange(input_shape[-1])
        # The sums over neighbours as a matrix product: entry (j, i) is 1 where i's sum takes j in.
        self.window = (np.abs(channels[:, None] - channels) <= self.n // 2).astype("float32")

    def call(self, x):
        total = ops.matmul(ops.square(x), ops.cast(self.window, x.dtype))
        # The same as dividing by a power; exponential and logarithm cost a CPU a fraction of it.
        return x * ops.exp(-self.beta * ops.log(self.k + self.alpha * total))

    def compute_output_shape(self, input_shape):
        return input_shape

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
        self.channels = channels

    def build(self, input_shape):
        if input_shape[-1] > self.channels:
            raise ValueError(
                f"{self.name}: expected at most {self.channels} maps, "
                f"but the input has {input_shape[-1]}"
            )

    def call(self, x):
        return ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, self.channels - x.shape[-1]]])

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.channels)

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
