"""Weights of the networks of ``keras.applications``, carried into ours, give the same outputs.

Theirs are built here with random weights, so nothing is downloaded: the files have the formats of the
published ones.
"""

import gc

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from cnnlib import weights
from cnnlib.models import build

SIDE, CLASSES = 32, 5
REDUCED = {"input_shape": (SIDE, SIDE, 3), "classes": CLASSES, "kernel_initializer": "zeros"}


def published(name, classes=CLASSES, side=SIDE):
    """The network of keras.applications with random weights, biases and batch statistics."""
    source = getattr(keras.applications, weights.PUBLISHED[name])(
        weights=None, input_shape=(side, side, 3), classes=classes, classifier_activation=None
    )
    generator = np.random.default_rng(0)
    for weight in source.weights:
        if weight.name in ("bias", "beta", "moving_mean"):
            weight.assign(generator.normal(0, 0.3, weight.shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(generator.uniform(0.3, 1.2, weight.shape))
    return source


def images(number=2, side=SIDE):
    return np.random.default_rng(1).normal(0, 1, (number, side, side, 3)).astype("float32")


def output(network, x):
    return keras.ops.convert_to_numpy(network(x, training=False))


def assert_same_function(source, network, x):
    expected, found = output(source, x), output(network, x)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.fixture(autouse=True)
def memory_back():
    yield
    keras.backend.clear_session()
    gc.collect()


@pytest.mark.parametrize("name", weights.PUBLISHED)
def test_the_same_function(name):
    source = published(name)
    network = build(name, **REDUCED)
    x = images()
    assert not np.allclose(output(source, x), output(network, x))
    weights.carry(source, network)
    assert_same_function(source, network, x)
    # As many numbers as theirs, without the biases that batch normalisation subtracts.
    biases = [layer for layer in source.layers if isinstance(layer, keras.layers.Conv2D)]
    without = 0 if name.startswith("vgg") else sum(layer.filters for layer in biases)
    assert network.count_params() == source.count_params() - without


def test_intermediate_maps_agree():
    source, network = published("resnet-50"), build("resnet-50", **REDUCED)
    weights.carry(source, network)
    pairs = {"conv1_relu": "conv1_relu", "pool1": "pool1_pool", "avg_pool": "avg_pool"}
    pairs |= {
        f"stage{s}_block{b}": f"conv{s}_block{b}_out" for s, b in ((2, 1), (2, 3), (3, 1), (4, 6), (5, 1))
    }
    theirs = keras.Model(source.input, [source.get_layer(name).output for name in pairs.values()])
    ours = keras.Model(network.input, [network.get_layer(name).output for name in pairs])
    for name, expected, found in zip(pairs, theirs(images()), ours(images())):
        expected, found = keras.ops.convert_to_numpy(expected), keras.ops.convert_to_numpy(found)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.max(), err_msg=name)


def test_another_epsilon_is_carried_exactly():
    # Small variances, where a tenth more or less would show.
    source = published("resnet-50")
    for layer in source.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(0.05 + layer.moving_variance)
    network = build("resnet-50", **REDUCED, batch_normalization={"epsilon": 0.1})
    weights.carry(source, network)
    assert_same_function(source, network, images())


def old_format(source, path):
    """A file in the format of the published ones, which newer releases of Keras only read."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, source)


def new_format(source, path):
    source.save_weights(path)


@pytest.mark.parametrize("name", ["vgg16", "resnet-50"])
@pytest.mark.parametrize(("write", "file"), [(old_format, "w.h5"), (new_format, "w.weights.h5")])
def test_from_a_file(name, write, file, tmp_path):
    source = published({"vgg16": "vgg-d"}.get(name, name))
    write(source, tmp_path / file)
    for path in (tmp_path / file, str(tmp_path / file)):
        network = build(name, **REDUCED, weights=path)
        assert_same_function(source, network, images())


def test_options_that_change_no_weight(tmp_path):
    source = published("resnet-50")
    new_format(source, tmp_path / "w.weights.h5")
    options = {**REDUCED, "input_shape": (40, 48, 3), "classifier_activation": "softmax"}
    network = build("resnet-50", **options, weights=tmp_path / "w.weights.h5")
    x = np.random.default_rng(0).normal(size=(2, 40, 48, 3)).astype("float32")
    np.testing.assert_allclose(output(network, x).sum(axis=1), [1, 1], rtol=1e-5)


def test_imagenet_takes_the_published_file(monkeypatch):
    asked = []

    def resnet50(weights, classifier_activation):
        asked.append((weights, classifier_activation))
        return source

    source = published("resnet-50")
    monkeypatch.setattr(keras.applications, "ResNet50", resnet50)
    network = build("resnet-50", **REDUCED, weights="imagenet")
    assert asked == [("imagenet", None)]
    assert_same_function(source, network, images())


def test_no_connection_says_what_to_do(monkeypatch):
    def resnet50(**options):
        raise Exception("URL fetch failure on https://example.org: None -- no route to host")

    monkeypatch.setattr(keras.applications, "ResNet50", resnet50)
    with pytest.raises(ConnectionError, match="ResNet50.*no route to host.*path of a copy.*weights="):
        build("resnet-50", **REDUCED, weights="imagenet")


# Bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alexnet", "vgg-a", "resnet-18", "cifar-resnet-20", "googlenet"])
def test_networks_without_published_weights(name):
    with pytest.raises(ValueError, match=f"none for '{name}', only for vgg-d, vgg-e, resnet-50"):
        build(name, weights="imagenet")


@pytest.mark.parametrize(
    "options",
    [{"stride_on": "3x3"}, {"shortcut": "C"}, {"addition": "after-activation"}, {"normalization": False}],
)
def test_options_that_make_another_function(options):
    with pytest.raises(ValueError, match=f"published ones are for resnet-50 without {next(iter(options))}"):
        build("resnet-50", **options, weights="imagenet")


@pytest.mark.parametrize("value", ["nowhere.h5", "image-net", ""])
def test_a_file_that_is_not_there(value):
    with pytest.raises(FileNotFoundError, match=f'expected "imagenet" or the path of a file, got {value!r}'):
        build("resnet-50", **REDUCED, weights=value)


@pytest.mark.parametrize("value", [True, 3, ["a.h5"]])
def test_weights_of_a_wrong_type(value):
    with pytest.raises(TypeError, match="weights: expected"):
        build("resnet-50", **REDUCED, weights=value)


@pytest.mark.parametrize("file", ["w.h5", "w.weights.h5", "w.txt"])
def test_a_file_that_holds_something_else(file, tmp_path):
    (tmp_path / file).write_bytes(b"not weights at all")
    with pytest.raises(ValueError, match=rf"{file} does not hold those of ResNet50"):
        build("resnet-50", **REDUCED, weights=tmp_path / file)


@pytest.mark.parametrize(("write", "file"), [(old_format, "w.h5"), (new_format, "w.weights.h5")])
def test_weights_of_another_network(write, file, tmp_path):
    write(published("resnet-50"), tmp_path / file)
    with pytest.raises(ValueError, match=f"{file} does not hold those of VGG16"):
        build("vgg16", **REDUCED, weights=tmp_path / file)
    with pytest.raises(ValueError, match=f"{file} does not hold those of ResNet101"):
        build("resnet-101", **REDUCED, weights=tmp_path / file)
    with pytest.raises(ValueError, match=f"{file} does not hold those of ResNet50"):
        build("resnet-50", **{**REDUCED, "classes": 6}, weights=tmp_path / file)


def test_carry_names_what_does_not_fit():
    source = published("resnet-50")
    with pytest.raises(ValueError, match=r"for fc expected the shapes .*\(2048, 6\).*got .*\(2048, 5\)"):
        weights.carry(source, build("resnet-50", **{**REDUCED, "classes": 6}))
    with pytest.raises(
        ValueError, match="resnet50 has no layer conv2_block2_0_conv for our stage2_block2_shortcut"
    ):
        weights.carry(source, build("resnet-50", **REDUCED, shortcut="C"))
    with pytest.raises(ValueError, match="no layer like cccp1"):
        weights.carry(source, build("nin", kernel_initializer="zeros"))
