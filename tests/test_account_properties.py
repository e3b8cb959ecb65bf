"""The account of random small networks against brute force: counting loops, and pixels set one by one."""

import itertools

import keras
import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from keras import layers

from cnnlib.accounting import account

RANDOMLY = settings(
    # Other backends compile each operation anew for every shape, which takes far longer.
    max_examples=100 if keras.backend.backend() == "tensorflow" else 15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)

# Positive weights and no bias: an output is positive exactly where it sees the one positive pixel.
POSITIVE = keras.initializers.RandomUniform(0.5, 1.0)


class Network:
    """A graph that grows layer by layer. For each tensor it keeps what its rows and its columns see.

    ``seen[k]`` is a pair of lists, one set for each row and for each column of tensor k: the rows (or
    columns) of the input that it sees, and None if it sees padding.
    """

    def __init__(self, height, width, channels):
        self.input = keras.Input((height, width, channels))
        self.tensors = [self.input]
        self.seen = [([{i} for i in range(height)], [{i} for i in range(width)])]
        self.calls = [None]  # (layer, input shape, output shape) behind each tensor

    def add(self, layer, sources, seen):
        inputs = [self.tensors[k] for k in sources]
        self.tensors.append(layer(inputs if len(inputs) > 1 else inputs[0]))
        self.seen.append(seen)
        self.calls.append((layer, tuple(inputs[0].shape[1:]), tuple(self.tensors[-1].shape[1:])))

    def model(self):
        return keras.Model(self.input, self.tensors[1:])


def under_windows(seen, size, stride, dilation, padding):
    """What the outputs of a sliding window see, by the definition of "valid" and of TensorFlow's "same"."""
    reach = (size - 1) * dilation + 1
    count, before = (len(seen) - reach) // stride + 1, 0
    if padding == "same":
        count = -(-len(seen) // stride)
        before = max((count - 1) * stride + reach - len(seen), 0) // 2
    result = []
    for i in range(count):
        taps = [i * stride - before + t * dilation for t in range(size)]
        result.append(set().union(*(seen[t] if 0 <= t < len(seen) else {None} for t in taps)))
    return result


@st.composite
def networks(draw):
    """Networks of one to seven layers, each on any tensor there is; merges and shared layers occur."""
    network = Network(*draw(st.tuples(st.integers(5, 13), st.integers(5, 13), st.integers(1, 3))))
    for _ in range(draw(st.integers(1, 7))):
        k = draw(st.integers(0, len(network.tensors) - 1))
        grow = draw(st.sampled_from([convolution, pooling, border, pointwise, merge, merge, again]))
        grow(draw, network, k)
    assume(len(network.tensors) > 1)
    return network


def window_options(draw, shape, dilated=True):
    """Kernel, strides, dilation (Keras wants one of the two to be 1) and padding that fit ``shape``."""
    padding = draw(st.sampled_from(["valid", "same"]))
    size = tuple(draw(st.integers(1, min(3, side))) for side in shape[:2])
    strides, dilation = draw(st.integers(1, 3)), 1
    if dilated and draw(st.booleans()):
        strides, dilation = 1, draw(st.integers(1, 2))
    if padding == "valid":
        assume(all((s - 1) * dilation + 1 <= side for s, side in zip(size, shape)))
    return size, strides, dilation, padding


def convolution(draw, network, k):
    shape = network.tensors[k].shape[1:]
    size, strides, dilation, padding = window_options(draw, shape)
    options = {"strides": strides, "padding": padding, "dilation_rate": dilation}
    options["use_bias"] = draw(st.booleans())
    kind = draw(st.sampled_from(["conv", "depthwise", "separable"]))
    if kind == "conv":
        groups = draw(st.sampled_from([g for g in (1, 2, 3, 4) if shape[2] % g == 0]))
        filters = groups * draw(st.integers(1, 2))
        layer = layers.Conv2D(filters, size, groups=groups, kernel_initializer=POSITIVE, **options)
    elif kind == "depthwise":
        multiplier = draw(st.integers(1, 2))
        layer = layers.DepthwiseConv2D(
            size, depth_multiplier=multiplier, depthwise_initializer=POSITIVE, **options
        )
    else:
        layer = layers.SeparableConv2D(
            draw(st.integers(1, 3)),
            size,
            depth_multiplier=draw(st.integers(1, 2)),
            depthwise_initializer=POSITIVE,
            pointwise_initializer=POSITIVE,
            **options,
        )
    seen = tuple(under_windows(s, w, strides, dilation, padding) for s, w in zip(network.seen[k], size))
    network.add(layer, [k], seen)


def pooling(draw, network, k):
    size, strides, _, padding = window_options(draw, network.tensors[k].shape[1:], dilated=False)
    kind = draw(st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]))
    seen = tuple(under_windows(s, w, strides, 1, padding) for s, w in zip(network.seen[k], size))
    network.add(kind(size, strides, padding), [k], seen)


def border(draw, network, k):
    pairs = tuple(tuple(draw(st.integers(0, 2)) for _ in range(2)) for _ in range(2))
    if draw(st.booleans()):
        seen = tuple([{None}] * a + s + [{None}] * b for (a, b), s in zip(pairs, network.seen[k]))
        network.add(layers.ZeroPadding2D(pairs), [k], seen)
    else:
        assume(all(a + b < len(s) for (a, b), s in zip(pairs, network.seen[k])))
        seen = tuple(s[a : len(s) - b] for (a, b), s in zip(pairs, network.seen[k]))
        network.add(layers.Cropping2D(pairs), [k], seen)


def pointwise(draw, network, k):
    kinds = [layers.ReLU, layers.BatchNormalization, layers.Dropout, lambda: layers.Rescaling(2.0)]
    layer = draw(st.sampled_from(kinds))
    network.add(layer(0.5, seed=1) if layer is layers.Dropout else layer(), [k], network.seen[k])


def merge(draw, network, k):
    """Merge with any tensor of the same sides: branches of other fields, offsets and strides."""
    sides = network.tensors[k].shape[1:3]
    others = [i for i, tensor in enumerate(network.tensors) if tensor.shape[1:3] == sides and i != k]
    if not others:
        return
    other = draw(st.sampled_from(others))
    kinds = [layers.Concatenate]
    if network.tensors[k].shape == network.tensors[other].shape:
        kinds += [layers.Add, layers.Average, layers.Maximum]
    seen = tuple([a | b for a, b in zip(one, two)] for one, two in zip(network.seen[k], network.seen[other]))
    network.add(draw(st.sampled_from(kinds))(), [k, other], seen)


def again(draw, network, k):
    """Call a layer that there is already: its weights are shared."""
    shape = network.tensors[k].shape[1:]
    shared = [c[0] for c in network.calls[1:] if isinstance(c[0], layers.Conv2D) and c[1][2] == shape[2]]
    if not shared:
        return
    layer = draw(st.sampled_from(shared))
    reach = [(s - 1) * d + 1 for s, d in zip(layer.kernel_size, layer.dilation_rate)]
    assume(layer.padding == "same" or all(r <= side for r, side in zip(reach, shape)))
    seen = tuple(
        under_windows(s, w, layer.strides[0], layer.dilation_rate[0], layer.padding)
        for s, w in zip(network.seen[k], layer.kernel_size)
    )
    network.add(layer, [k], seen)


def multiplications(layer, output):
    """Count by loops, from the shapes of the weights and of the output only."""
    count = 0
    sides = [range(side) for side in output]
    if isinstance(layer, layers.SeparableConv2D):
        height, width, channels, multiplier = layer.depthwise_kernel.shape
        for _ in itertools.product(
            *sides[:2], range(height), range(width), range(channels), range(multiplier)
        ):
            count += 1
        for _ in itertools.product(*sides, range(channels * multiplier)):
            count += 1
    elif isinstance(layer, layers.DepthwiseConv2D):
        height, width, channels, multiplier = layer.kernel.shape
        for _ in itertools.product(
            *sides[:2], range(channels), range(multiplier), range(height), range(width)
        ):
            count += 1
    elif isinstance(layer, layers.Conv2D):
        height, width, channels, filters = layer.kernel.shape
        for _ in itertools.product(*sides[:2], range(filters), range(height), range(width), range(channels)):
            count += 1
    elif isinstance(layer, layers.Dense):
        inputs, units = layer.kernel.shape
        for _ in itertools.product(*sides[:-1], range(inputs), range(units)):
            count += 1
    return count


@RANDOMLY
@given(networks(), st.sampled_from(["flatten", "global", "none"]), st.integers(1, 5))
def test_counts(network, head, units):
    if head == "flatten":
        network.add(layers.Flatten(), [-1], None)
    if head == "global":
        network.add(layers.GlobalAveragePooling2D(), [-1], None)
    network.add(layers.Dense(units), [-1], None)
    model = network.model()
    result = account(model)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert result.parameters == trainable
    assert result.parameters + result.frozen == model.count_params()
    assert result.macs == sum(multiplications(layer, output) for layer, _, output in network.calls[1:])
    # Each call has one row, and all calls together the shapes that Keras gives.
    assert sorted(row.shape for row in result.rows[1:]) == sorted(
        output for _, _, output in network.calls[1:]
    )


@RANDOMLY
@given(networks())
def test_fields(network):
    model = network.model()
    rows = [account(keras.Model(network.input, tensor)).rows[-1] for tensor in network.tensors[1:]]
    height, width, channels = network.input.shape[1:]
    # One image a pixel, in which only this pixel is not zero.
    images = np.eye(height * width, dtype="float32").reshape(-1, height, width, 1).repeat(channels, axis=-1)
    outputs = model(images, training=False)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for row, output, seen in zip(rows, outputs, network.seen[1:], strict=True):
        output = keras.ops.convert_to_numpy(output)
        moved = (output > 0).any(axis=-1).reshape(height, width, *output.shape[1:3])
        for i, j in np.ndindex(moved.shape[2:]):
            # What really moves this position: its rows and columns of pixels.
            actual = np.flatnonzero(moved[:, :, i, j].any(1)), np.flatnonzero(moved[:, :, i, j].any(0))
            inside = None not in seen[0][i] | seen[1][j]
            for side, position in enumerate((i, j)):
                expected = seen[side][position]
                span = row.field[side]
                first = span.start + position * span.jump
                last = first + span.size - 1
                if inside:
                    assert set(actual[side]) == expected
                    if span.axis is not None:
                        assert (first, last) == (min(expected), max(expected))
                assert set(actual[side]) <= expected
                assert all(first <= pixel <= last for pixel in expected - {None})
