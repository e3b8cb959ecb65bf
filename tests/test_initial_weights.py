"""The weights that networks start with: their distributions as the papers state them, and by seed."""

import keras
import numpy as np
import pytest

from cnnlib.models import build


def kernels(network):
    return {layer.name: layer.kernel.numpy() for layer in network.layers if hasattr(layer, "kernel")}


def biases(network):
    return {
        layer.name: set(layer.bias.numpy()) for layer in network.layers if getattr(layer, "use_bias", False)
    }


def assert_normal(numbers, deviation):
    """They are a sample of the normal distribution with this standard deviation and mean 0."""
    assert abs(numbers.std() / deviation - 1) < 5 / np.sqrt(2 * numbers.size)
    assert abs(numbers.mean()) < 5 * deviation / np.sqrt(numbers.size)
    # Not cut off at two standard deviations: 0.27 % lie beyond three.
    beyond = np.mean(np.abs(numbers) > 3 * deviation)
    assert abs(beyond - 0.0027) < 5 * np.sqrt(0.0027 / numbers.size)


# Networks all of whose kernels have few shapes.
EVEN = {
    "alexnet": {
        "input_shape": (9, 9, 16),
        "table": tuple((1, 1, 16, groups, 0, "") for groups in (1, 1, 2, 2)),
        "dense": (16, 16),
    },
    "vgg-e": {
        "input_shape": (4, 4, 8),
        "table": ((3, 3, 3), (3, 3)),
        "widths": (8, 8),
        "dense": (8, 8),
    },
    "nin": {"input_shape": (4, 4, 16), "table": ((1, 16, 16, 16, "max"), (1, 16, 16, 16, "global average"))},
    "googlenet-aux": {
        "input_shape": (36, 36, 4),
        "stem": ((3, 1, 4), (4, 4)),
        "table": {"4a": (1, 4, 1, 4, 1, 1), "4d": (1, 4, 1, 4, 1, 1)},
        "auxiliary_widths": (4, 4),
    },
    "resnet-50": {
        "input_shape": (8, 8, 3),
        "table": ("bottleneck", (2, 2)),
        "widths": (4, 4),
        "stem": (3, 2, 16),
    },
    "cifar-resnet-14": {"input_shape": (8, 8, 16), "widths": (16, 16, 16)},
}


def even(name, **options):
    return build(name, **{"classes": 16, **EVEN[name], **options})


def test_residual_networks_start_with_hes_normal_weights():
    found = kernels(even("cifar-resnet-14"))
    convolutions = np.stack([kernel for name, kernel in found.items() if name != "fc"])
    assert convolutions.shape == (13, 3, 3, 16, 16)
    assert_normal(convolutions, np.sqrt(2 / 144))
    assert_normal(found["fc"], np.sqrt(2 / 16))
    for kernel in kernels(even("resnet-50")).values():
        assert 0.5 < kernel.std() / np.sqrt(2 / np.prod(kernel.shape[:-1])) < 1.5


def test_alexnet_starts_as_section_5_says():
    found = kernels(even("alexnet"))
    assert_normal(np.concatenate([kernel.ravel() for kernel in found.values()]), 0.01)
    network = build("alexnet", kernel_initializer="zeros", dense=(8, 8), classes=10)
    ones = ("conv2", "conv4", "conv5", "fc6", "fc7")
    assert biases(network) == {
        **{name: {1} for name in ones},
        **{name: {0} for name in ("conv1", "conv3", "fc8")},
    }


def test_the_reduced_alexnet_starts_with_hes_weights_and_without_biases():
    found = biases(even("alexnet", dense_bias=0.25))
    assert found["fc5"] == found["fc6"] == {0.25} and found["fc7"] == {0}
    network = build("alexnet-reduced")
    assert set.union(*biases(network).values()) == {0}
    for kernel in kernels(network).values():
        deviation = np.sqrt(2 / np.prod(kernel.shape[:-1]))
        assert abs(kernel.std() / deviation - 1) < 5 / np.sqrt(2 * kernel.size)


def test_nin_starts_as_the_released_definition():
    found = kernels(even("nin"))
    assert_normal(np.concatenate([kernel.ravel() for kernel in found.values()]), 0.05)


def test_vgg_and_googlenet_start_with_glorots_weights():
    for name in ("vgg-e", "googlenet-aux"):
        shares = []
        for kernel in kernels(even(name)).values():
            limit = np.sqrt(6 / (np.prod(kernel.shape[:-2]) * sum(kernel.shape[-2:])))
            shares.extend(np.abs(kernel.ravel()) / limit)
        assert max(shares) <= 1 + 1e-6
        assert abs(np.mean(shares) - 0.5) < 5 / np.sqrt(12 * len(shares))
    classifiers = ("linear", "auxiliary_4a", "auxiliary_4d")
    for layer, values in biases(even("googlenet-aux")).items():
        assert values == {np.float32(0 if layer in classifiers else 0.2)}, layer


@pytest.mark.parametrize("name", EVEN)
def test_layers_of_one_shape_start_differently(name):
    # One initializer object, shared, would draw the same numbers for each of them.
    for options in ({}, {"kernel_initializer": keras.initializers.HeNormal()}):
        found = kernels(even(name, **options)).values()
        assert len({kernel.tobytes() for kernel in found}) == len(found)
        assert len({kernel.shape for kernel in found}) < len(found)


@pytest.mark.parametrize("name", ["alexnet", "cifar-resnet-14"])
def test_one_seed_gives_the_same_weights_again(name):
    def start(seed):
        keras.utils.set_random_seed(seed)
        return even(name).get_weights()

    first, again, other = start(0), start(0), start(1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other))


# LeNet-5: LeCun et al. 1998, App. A --------------------------------------------------------------


@pytest.fixture(scope="module")
def lenet5():
    return build("lenet5")


def inputs(network):
    """The weights of LeNet-5's layers, and with each array the inputs of its units."""
    c3 = network.get_layer("c3")
    kernel = keras.ops.convert_to_numpy(c3.dense_kernel())
    for column in range(16):
        linked = c3.linked[:, column]
        yield f"c3 {column}", kernel[:, :, linked, column], 25 * linked.sum()
    for name, fan_in in (("c1", 25), ("c5", 400), ("f6", 120)):
        yield name, network.get_layer(name).kernel.numpy(), fan_in
    for name in ("s2", "s4"):
        yield name, network.get_layer(name).coefficient.numpy(), 4


def test_the_weights_of_lenet5_are_bounded_by_the_fan_in(lenet5):
    shares = {name: weights.ravel() * fan_in / 2.4 for name, weights, fan_in in inputs(lenet5)}
    for name, share in shares.items():
        assert np.abs(share).max() <= 1 + 1e-6, name
        assert np.abs(share).max() > (0.3 if name.startswith("s") else 0.8), name
    # Uniform, in C3 as well: a third is the mean square.
    c3 = np.concatenate([share for name, share in shares.items() if name.startswith("c3")])
    assert c3.size == 1500 and abs(np.mean(c3**2) - 1 / 3) < 5 * np.sqrt(4 / 45 / c3.size)
    assert len({share.tobytes() for share in shares.values()}) == len(shares)


def test_an_initializer_is_that_of_every_layer_of_lenet5():
    for value, expected in (("zeros", 0), (keras.initializers.Constant(2.0), 2)):
        for name, weights, _ in inputs(build("lenet5", kernel_initializer=value)):
            assert (weights == expected).all(), name
    # Its variance too follows the inputs of a unit.
    network = build("lenet5", kernel_initializer="he_normal")
    he = {name: weights * np.sqrt(fan_in / 2) for name, weights, fan_in in inputs(network)}
    c3 = np.concatenate([numbers.ravel() for name, numbers in he.items() if name.startswith("c3")])
    assert abs(c3.std() - 1) < 5 / np.sqrt(2 * c3.size)
    assert len({numbers.tobytes() for numbers in he.values()}) == len(he)
