"""The layers that Keras lacks, each against the formula of its paper, written out slowly in plain NumPy."""

import keras
import numpy as np
import pytest

from cnnlib import layers
from cnnlib.models.lenet5 import C3_TABLE, digit_codes


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def output(layer, x):
    return keras.ops.convert_to_numpy(layer(x))


def set_weights(layer, x, seed=1):
    """Build the layer for ``x`` and give it random weights, biases included; the list of them."""
    layer.build(x.shape)
    values = [numbers(*shape, seed=seed + i) for i, shape in enumerate(tuple(w.shape) for w in layer.weights)]
    layer.set_weights(values)
    return values


# Local response normalisation: Krizhevsky et al. 2012, section 3.3 -------------------------------


def slow_normalisation(a, k, n, alpha, beta):
    b = np.empty_like(a, dtype="float64")
    channels = a.shape[-1]
    for i in range(channels):
        total = 0.0
        for j in range(max(0, i - n // 2), min(channels - 1, i + n // 2) + 1):
            total = total + a[..., j].astype("float64") ** 2
        b[..., i] = a[..., i] / (k + alpha * total) ** beta
    return b


@pytest.mark.parametrize(
    "constants",
    [
        {},  # the paper's
        {"k": 1.0, "n": 3, "alpha": 0.5, "beta": 0.3},
        {"k": 1.0, "n": 9, "alpha": 2.0, "beta": 1.0},  # wider than the maps are many
        {"n": 1, "alpha": 1.0},
    ],
)
def test_local_response_normalisation_is_the_papers_formula(constants):
    a = 30 * numbers(2, 3, 4, 7)
    paper = {"k": 2.0, "n": 5, "alpha": 1e-4, "beta": 0.75}
    expected = slow_normalisation(a, **{**paper, **constants})
    found = output(layers.LocalResponseNormalization(**constants), a)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.abs(expected / a - 1).min() > 0.01  # nothing here is left as it was


@pytest.mark.parametrize(
    ("layer", "options", "message"),
    [
        *[("LocalResponseNormalization", {"n": n}, "n: expected .*(odd|from 1)") for n in (0, 4, -3)],
        ("LocalResponseNormalization", {"k": 0}, "k: expected a finite number above 0, got 0"),
        ("LocalResponseNormalization", {"k": np.inf}, "k: expected a finite number above 0, got inf"),
        ("LocalResponseNormalization", {"alpha": np.nan}, "alpha: expected .* at least 0, got nan"),
        ("LocalResponseNormalization", {"beta": -1}, "beta: expected .* at least 0, got -1"),
        ("ZeroChannels", {"channels": -1}, "channels: expected a whole number from 1"),
        ("RadialBasis", {"codes": [1.0]}, "codes: expected finite"),
        ("RadialBasis", {"codes": [[np.nan]]}, "codes: expected finite"),
        ("PartiallyConnectedConv2D", {"table": ("X",), "kernel_size": 0}, "kernel_size: expected a whole"),
        ("PartiallyConnectedConv2D", {"table": ("x",), "kernel_size": 1}, "table: expected rows of X and"),
        ("PartiallyConnectedConv2D", {"table": ("XX", "X"), "kernel_size": 1}, "table: .* the same length"),
        ("PartiallyConnectedConv2D", {"table": ("X.",), "kernel_size": 1}, r"table: .* none in \[1\]"),
    ],
)
def test_options_out_of_range_are_named(layer, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(layers, layer)(**options)


@pytest.mark.parametrize(
    ("layer", "options", "name"),
    [
        ("LocalResponseNormalization", {"n": 5.0}, "n"),
        ("LocalResponseNormalization", {"alpha": "1"}, "alpha"),
        ("ZeroChannels", {"channels": True}, "channels"),
        ("PartiallyConnectedConv2D", {"table": 5, "kernel_size": 1}, "table"),
    ],
)
def test_options_of_a_wrong_type_are_named(layer, options, name):
    with pytest.raises(TypeError, match=f"{name}: expected"):
        getattr(layers, layer)(**options)


# Grouped convolution: Krizhevsky et al. 2012, Fig. 2 ---------------------------------------------


def slow_convolution(x, kernel, bias, groups, padding):
    """One output number at a time; ``kernel`` has the shape (side, side, inputs of a group, outputs)."""
    side, _, own, maps = kernel.shape
    x = np.pad(x.astype("float64"), [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    rows, columns = x.shape[1] - side + 1, x.shape[2] - side + 1
    y = np.zeros((len(x), rows, columns, maps))
    for image in range(len(x)):
        for row in range(rows):
            for column in range(columns):
                for m in range(maps):
                    group = m // (maps // groups)
                    seen = x[image, row : row + side, column : column + side, group * own : (group + 1) * own]
                    y[image, row, column, m] = np.sum(seen * kernel[..., m]) + bias[m]
    return y


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize(("padding", "pixels"), [("valid", 0), ("same", 1)])
def test_grouped_convolution_by_hand(groups, padding, pixels):
    x = numbers(2, 5, 6, 6)
    layer = layers.GroupedConv2D(6, 3, groups=groups, padding=padding)
    kernel, bias = set_weights(layer, x)
    assert kernel.shape == (3, 3, 6 // groups, 6)  # the parameters of a grouped convolution, no more
    found = output(layer, x)
    np.testing.assert_allclose(found, slow_convolution(x, kernel, bias, groups, pixels), rtol=1e-4, atol=1e-5)


def test_grouped_convolution_is_keras_own():
    x = numbers(2, 7, 7, 8)
    options = {"filters": 4, "kernel_size": 3, "strides": 2, "groups": 2, "activation": "relu"}
    ours, theirs = layers.GroupedConv2D(**options), keras.layers.Conv2D(**options)
    theirs.build(x.shape)
    theirs.set_weights(set_weights(ours, x))
    np.testing.assert_allclose(output(ours, x), output(theirs, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("filters", "maps"), [(5, 4), (4, 5)])
def test_groups_must_divide(filters, maps):
    with pytest.raises(ValueError, match=r"divisible.*groups=2"):
        layers.GroupedConv2D(filters, 3, groups=2).build((None, 8, 8, maps))


# LeNet-5: LeCun et al. 1998, section II.B --------------------------------------------------------


def squash(a):
    return 1.7159 * np.tanh(2 * a / 3)


def test_subsampling_by_hand():
    x = numbers(2, 4, 7, 3)  # the last column has no partner
    layer = layers.Subsampling()
    coefficient, bias = set_weights(layer, x)
    expected = np.zeros((2, 2, 3, 3))
    for row in range(2):
        for column in range(3):
            four = x[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].sum(axis=(1, 2))
            expected[:, row, column] = squash(coefficient * four + bias)
    np.testing.assert_allclose(output(layer, x), expected, rtol=1e-4, atol=1e-5)


def test_c3_by_hand():
    x = numbers(2, 6, 7, 6)
    layer = layers.PartiallyConnectedConv2D(C3_TABLE, 5, layers.scaled_tanh)
    weights, bias = set_weights(layer, x)
    assert weights.size + bias.size == 1516
    expected = np.zeros((2, 2, 3, 16)) + bias
    link = 0
    for j in range(16):
        for i in range(6):
            if C3_TABLE[i][j] == "X":
                for row in range(2):
                    for column in range(3):
                        seen = x[:, row : row + 5, column : column + 5, i]
                        expected[:, row, column, j] += (seen * weights[..., link]).sum(axis=(1, 2))
                link += 1
    assert link == 60
    np.testing.assert_allclose(output(layer, x), squash(expected), rtol=1e-3, atol=1e-4)


def test_an_unlinked_map_has_no_influence():
    layer = layers.PartiallyConnectedConv2D(C3_TABLE, 5)
    x = numbers(1, 5, 5, 6)
    set_weights(layer, x)
    before = output(layer, x)[0, 0, 0]
    for i in range(6):
        changed = x.copy()
        changed[..., i] += 1
        moved = output(layer, changed)[0, 0, 0] != before
        assert moved.tolist() == [letter == "X" for letter in C3_TABLE[i]]


def test_radial_basis_by_hand():
    x = numbers(3, 84)
    codes = digit_codes()
    expected = [[sum((x[n, j] - codes[i][j]) ** 2 for j in range(84)) for i in range(10)] for n in range(3)]
    found = output(layers.RadialBasis(codes), x)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    exact = output(layers.RadialBasis(codes), np.array(codes, "float32"))
    assert (np.diag(exact) == 0).all() and (exact.argmin(axis=1) == np.arange(10)).all()


# Shortcut option A: He et al. 2015, section 3.3 --------------------------------------------------


def test_zero_channels():
    x = numbers(2, 3, 4, 5)
    found = output(layers.ZeroChannels(8), x)
    assert found.shape == (2, 3, 4, 8)
    np.testing.assert_array_equal(found[..., :5], x)
    assert not found[..., 5:].any()
    with pytest.raises(ValueError, match="at most 4 maps, got 5"):
        layers.ZeroChannels(4)(x)


# Pooling at a padded border ----------------------------------------------------------------------


def slow_pooling(x, side, stride, reduce):
    """Windows that start at every ``stride``-th position from 0 and lose what lies beyond the border."""
    rows, columns = -(-x.shape[1] // stride), -(-x.shape[2] // stride)
    y = np.zeros((len(x), rows, columns, x.shape[3]))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            y[:, row, column] = reduce(x[:, top : top + side, left : left + side], axis=(1, 2))
    return y


@pytest.mark.parametrize(
    ("layer", "reduce"), [(keras.layers.MaxPooling2D, np.max), (keras.layers.AveragePooling2D, np.mean)]
)
def test_same_pooling_of_an_even_map_leaves_padding_out(layer, reduce):
    # The pools of GoogLeNet and Network in Network: all numbers negative, so that a zero would show.
    x = -1 - np.abs(numbers(2, 8, 6, 3))
    found = output(layer(3, 2, padding="same"), x)
    np.testing.assert_allclose(found, slow_pooling(x, 3, 2, reduce), rtol=1e-6)


@pytest.mark.parametrize("layer", [keras.layers.MaxPooling2D, keras.layers.AveragePooling2D])
def test_padding_is_neither_the_largest_nor_a_member_of_the_mean(layer):
    x = -np.ones((1, 4, 4, 1), "float32")
    for stride in (1, 2):
        found = output(layer(3, stride, padding="same"), x)
        np.testing.assert_allclose(found, -np.ones_like(found), rtol=1e-6)


def test_a_border_of_zeros_changes_no_maximum_after_relu():
    # pool1 of ResNet: padded on both sides, as minus infinity would be.
    x = np.maximum(numbers(2, 8, 8, 3), 0)
    found = output(keras.layers.MaxPooling2D(3, 2), output(keras.layers.ZeroPadding2D(1), x))
    infinite = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    expected = [
        [infinite[:, r : r + 3, c : c + 3].max(axis=(1, 2)) for c in range(0, 8, 2)] for r in range(0, 8, 2)
    ]
    np.testing.assert_array_equal(found, np.moveaxis(np.array(expected), 2, 0))


# All of them -------------------------------------------------------------------------------------

SMALL = {
    "Subsampling": ({"activation": "relu"}, (4, 4, 6)),
    "PartiallyConnectedConv2D": (
        {"table": ("XX.", ".XX"), "kernel_size": 3, "activation": "relu"},
        (4, 4, 2),
    ),
    "RadialBasis": ({"codes": [[1.0, -1.0], [0.0, 1.0]]}, (2,)),
    "LocalResponseNormalization": ({"k": 1.0, "n": 3, "alpha": 0.1, "beta": 0.5}, (4, 4, 6)),
    "GroupedConv2D": ({"filters": 4, "kernel_size": 3, "groups": 2}, (4, 4, 6)),
    "ZeroChannels": ({"channels": 9}, (4, 4, 6)),
    "FusedBatchNormalization": ({"momentum": 0.5, "epsilon": 1e-4}, (4, 4, 6)),
}


def test_every_layer_is_in_the_list():
    own = {
        name
        for name, value in vars(layers).items()
        if isinstance(value, type) and issubclass(value, keras.layers.Layer)
    }
    assert own == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_saved_and_loaded_it_is_the_same(name, tmp_path):
    options, shape = SMALL[name]
    image = keras.Input(shape)
    layer = getattr(layers, name)(**options)
    network = keras.Model(image, layer(image))
    x = numbers(2, *shape)
    assert network.output_shape == (None, *output(layer, x).shape[1:])
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert type(again.layers[-1]) is type(layer)
    for option, value in options.items():
        if option not in ("activation", "codes"):
            assert getattr(again.layers[-1], option) in (value, (value, value))
    np.testing.assert_array_equal(output(again, x), output(network, x))
