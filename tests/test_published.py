"""Weights of the networks of ``keras.applications``, carried into ours, give the same outputs.

Theirs are built here with random weights, so nothing is downloaded; the files written here have the two
formats of theirs.
"""

import h5py
import keras
import numpy as np
import pytest
from keras.src.applications.resnet import ResNet, stack_residual_blocks_v1
from keras.src.legacy.saving import legacy_h5_format

from cnnlib.models import build
from cnnlib.models import published as weights
from cnnlib.models.resnet import resnet

SMALL = {"input_shape": (32, 32, 3), "classes": 5}
SAMPLES = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")


def spread(source):
    """Give the biases and the batch statistics values of their own, which they have not at the start."""
    generator = np.random.default_rng(0)
    for weight in source.weights:
        if weight.name in ("bias", "beta", "moving_mean"):
            weight.assign(generator.normal(0, 0.3, weight.shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(generator.uniform(0.3, 1.2, weight.shape))
    return source


def published(name):
    """The network of keras.applications for ``name``, without a download."""
    network = getattr(keras.applications, weights.PUBLISHED[name])
    return spread(network(weights=None, classifier_activation=None, **SMALL))


def assert_same_maps(source, network, pairs):
    """The maps of our layers, the keys of ``pairs``, are those of theirs, the values."""
    ours = keras.Model(network.input, [network.get_layer(name).output for name in pairs])
    theirs = keras.Model(source.input, [source.get_layer(name).output for name in pairs.values()])
    for name, found, expected in zip(pairs, ours(SAMPLES, training=False), theirs(SAMPLES, training=False)):
        found, expected = keras.ops.convert_to_numpy(found), keras.ops.convert_to_numpy(expected)
        assert np.ptp(expected) > 1e-3
        tolerance = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=tolerance, err_msg=name)


# The five networks -------------------------------------------------------------------------------

VGG_MAPS = {"conv1_1": "block1_conv1", **{f"pool{b}": f"block{b}_pool" for b in range(1, 6)}}
VGG_MAPS |= {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}
RESNET_MAPS = {"conv1_relu": "conv1_relu", "pool1": "pool1_pool"}
RESNET_MAPS |= {f"stage{s}_block{b}": f"conv{s}_block{b}_out" for s in (2, 3, 4, 5) for b in (1, 3)}
RESNET_MAPS |= {"avg_pool": "avg_pool", "fc": "predictions"}


@pytest.mark.parametrize("name", weights.PUBLISHED)
def test_the_same_function(name, memory_back):
    source, network = published(name), build(name, kernel_initializer="zeros", **SMALL)
    weights.carry(source, network)
    assert_same_maps(source, network, VGG_MAPS if name.startswith("vgg") else RESNET_MAPS)
    # As many numbers as theirs, without the biases that batch normalisation subtracts.
    convolutions = [layer for layer in source.layers if isinstance(layer, keras.layers.Conv2D)]
    without = 0 if name.startswith("vgg") else sum(layer.filters for layer in convolutions)
    assert network.count_params() == source.count_params() - without


def old_format(source, path):
    """A file in the format of the published ones, which newer releases of Keras only read."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, source)
    return path


def new_format(source, path):
    source.save_weights(path)
    return path


@pytest.mark.parametrize(
    ("name", "alias", "write", "file"),
    [("vgg-d", "vgg16", old_format, "w.h5"), ("resnet-50", "resnet-50", new_format, "w.weights.h5")],
)
def test_from_a_file(name, alias, write, file, tmp_path, memory_back):
    source = published(name)
    path = write(source, tmp_path / file)
    network = build(alias, weights=path, kernel_initializer="zeros", **SMALL)
    assert_same_maps(source, network, VGG_MAPS if name.startswith("vgg") else RESNET_MAPS)


# A small one -------------------------------------------------------------------------------------

BLOCKS, WIDTHS = (1, 2), (4, 6)
SMALL_MAPS = {"stage3_block2": "conv3_block2_out", "fc": "predictions"}


def small_source(weights=None, input_shape=(32, 32, 3), classes=5, classifier_activation=None):
    """A network by the code of keras.applications, with fewer and smaller blocks than ResNet50."""

    def stages(x):
        x = stack_residual_blocks_v1(x, WIDTHS[0], BLOCKS[0], stride1=1, name="conv2")
        return stack_residual_blocks_v1(x, WIDTHS[1], BLOCKS[1], name="conv3")

    options = {"input_shape": input_shape, "classes": classes, "classifier_activation": classifier_activation}
    source = ResNet(stages, preact=False, use_bias=True, weights=None, name="resnet50", **options)
    return spread(source)


def small_network(**options):
    table = ("bottleneck", BLOCKS)
    return resnet(**{**SMALL, "table": table, "widths": WIDTHS, "name": "resnet-50", **options})


@pytest.fixture
def small(monkeypatch):
    """Put the small network in the place of ResNet50, and return one."""
    monkeypatch.setattr(keras.applications, "ResNet50", small_source)
    return small_source()


@pytest.mark.parametrize(("write", "file"), [(old_format, "w.h5"), (new_format, "w.weights.h5")])
def test_both_formats(small, write, file, tmp_path):
    for path in (write(small, tmp_path / file), str(tmp_path / file)):
        network = small_network()
        weights.load_published(network, path)
        assert_same_maps(small, network, SMALL_MAPS)


def test_imagenet_takes_the_published_weights(monkeypatch):
    asked = []

    def resnet50(**options):
        asked.append(options)
        return source

    source = small_source()
    monkeypatch.setattr(keras.applications, "ResNet50", resnet50)
    network = small_network()
    weights.load_published(network, "imagenet")
    assert asked == [{"weights": "imagenet", "classifier_activation": None}]
    assert_same_maps(source, network, SMALL_MAPS)


def test_the_published_weights_fit_images_of_any_size(small, tmp_path):
    path = new_format(small, tmp_path / "w.weights.h5")
    network = small_network(input_shape=(40, 48, 3), classifier_activation="softmax")
    weights.load_published(network, path)
    x = np.random.default_rng(0).normal(size=(2, 40, 48, 3)).astype("float32")
    found = keras.ops.convert_to_numpy(network(x, training=False))
    np.testing.assert_allclose(found.sum(axis=1), [1, 1], rtol=1e-5)


def test_biases_and_epsilon_move_into_the_statistics():
    image = keras.Input((4, 4, 2))
    layers = keras.layers
    x = layers.Conv2D(3, 3, name="conv1_conv")(image)
    source = spread(keras.Model(image, layers.BatchNormalization(epsilon=0.001, name="conv1_bn")(x)))
    x = layers.Conv2D(3, 3, use_bias=False, name="conv1")(image)
    network = keras.Model(image, layers.BatchNormalization(epsilon=0.1, name="conv1_norm")(x))
    weights.carry(source, network)
    samples = np.random.default_rng(0).normal(size=(5, 4, 4, 2)).astype("float32")
    found, expected = network(samples, training=False), source(samples, training=False)
    found, expected = keras.ops.convert_to_numpy(found), keras.ops.convert_to_numpy(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    mean, variance = (w.numpy() for w in network.layers[-1].weights[2:])
    bias = source.layers[1].bias.numpy()
    np.testing.assert_allclose(mean, source.layers[2].moving_mean.numpy() - bias, rtol=1e-5)
    np.testing.assert_allclose(variance, source.layers[2].moving_variance.numpy() - 0.099, rtol=1e-5)


# Bad input ---------------------------------------------------------------------------------------


def test_no_connection_says_what_to_do(monkeypatch):
    def resnet50(**options):
        raise Exception("URL fetch failure on https://example.org: None -- no route to host")

    monkeypatch.setattr(keras.applications, "ResNet50", resnet50)
    with pytest.raises(ConnectionError, match=r"ResNet50 .*no route to host.*path of a copy .*weights="):
        weights.load_published(small_network(), "imagenet")


@pytest.mark.parametrize("name", ["alexnet", "vgg-a", "resnet-18", "cifar-resnet-20", "googlenet"])
def test_networks_without_published_weights(name):
    with pytest.raises(ValueError, match=f"none for '{name}', only for vgg-d, vgg-e, resnet-50"):
        build(name, weights="imagenet")


@pytest.mark.parametrize(
    "options",
    [{"stride_on": "3x3"}, {"shortcut": "C"}, {"widths": (64, 128, 256, 512)}, {"batch_normalization": None}],
)
def test_options_that_make_another_function(options):
    with pytest.raises(ValueError, match=f"published ones are for resnet-50 without {next(iter(options))}"):
        build("resnet-50", **options, weights="imagenet")


def test_imagenet_has_a_thousand_classes():
    with pytest.raises(ValueError, match="1000 classes, got classes=10"):
        build("resnet-50", weights="imagenet", classes=10)


@pytest.mark.parametrize("value", ["nowhere.h5", "image-net", ""])
def test_a_file_that_is_not_there(value):
    with pytest.raises(FileNotFoundError, match=f'expected "imagenet" or the path of a file, got {value!r}'):
        build("resnet-50", weights=value)


@pytest.mark.parametrize("value", [True, 3, ["a.h5"]])
def test_weights_of_a_wrong_type(value):
    with pytest.raises(TypeError, match='weights: expected "imagenet" or the path of a file, got'):
        build("resnet-50", weights=value)


@pytest.mark.parametrize("file", ["w.h5", "w.weights.h5", "w.txt"])
def test_a_file_that_holds_something_else(small, file, tmp_path):
    (tmp_path / file).write_bytes(b"not weights at all")
    with pytest.raises(ValueError, match=rf"{file} does not hold those of ResNet50"):
        weights.load_published(small_network(), tmp_path / file)


@pytest.mark.parametrize(("write", "file"), [(old_format, "w.h5"), (new_format, "w.weights.h5")])
def test_weights_of_another_network(small, write, file, tmp_path):
    path = write(small, tmp_path / file)
    before = (network := small_network(classes=6)).get_weights()
    with pytest.raises(ValueError, match=rf"{file} does not hold those of ResNet50"):
        weights.load_published(network, path)
    for old, new in zip(before, network.get_weights()):
        np.testing.assert_array_equal(old, new)
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=rf"{file} does not hold those of ResNet50"):
        weights.load_published(small_network(), write(other, tmp_path / file))


def test_carry_names_what_does_not_fit(small):
    with pytest.raises(ValueError, match=r"for fc expected the shapes .*\(24, 6\).*got .*\(24, 5\)"):
        weights.carry(small, small_network(classes=6))
    with pytest.raises(ValueError, match=r"no layer conv3_block2_0_conv for our stage3_block2_shortcut"):
        weights.carry(small, small_network(shortcut="C"))
    with pytest.raises(ValueError, match=r"no layer like cccp1"):
        weights.source_name("cccp1")
