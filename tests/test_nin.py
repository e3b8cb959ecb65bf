"""Network in network: rows with fewer 1x1 layers, and what becomes of the class maps."""

import keras
import numpy as np

from cnnlib.models import build

TABLE = ((3, 6, 5, 4, "max"), (3, 6, None, "global average"))
SMALL = {"input_shape": (8, 8, 3), "classes": 5, "table": TABLE, "kernel_initializer": "he_normal"}


def images(count=4, side=8):
    return np.random.default_rng(1).normal(size=(count, side, side, 3)).astype("float32")


def outputs(network, x):
    return keras.ops.convert_to_numpy(network(x, training=False))


def test_a_row_has_as_many_1x1_layers_as_it_has_numbers():
    table = ((3, 6, "max"), (3, 6, 4, "average"), (3, None, "global average"))
    network = build("nin", **{**SMALL, "table": table})
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.name for layer in convolutions] == ["conv1", "conv2", "cccp3", "conv3"]
    assert [layer.kernel_size[0] for layer in convolutions] == [3, 3, 1, 3]
    assert [layer.filters for layer in convolutions] == [6, 6, 4, 5]


def test_only_class_maps_that_are_not_rectified_give_negative_scores():
    keras.utils.set_random_seed(0)
    rectified, plain = build("nin", **SMALL), build("nin", **SMALL, map_activation=None)
    plain.set_weights(rectified.get_weights())
    x = images(20)
    assert outputs(rectified, x).min() >= 0 > outputs(plain, x).min()
    # All other layers are rectified in both.
    assert [layer.activation.__name__ for layer in plain.layers if hasattr(layer, "kernel")] == [
        "relu", "relu", "relu", "relu", "linear",
    ]  # fmt: skip


def test_the_average_is_a_dense_layer_whose_weights_are_fixed():
    keras.utils.set_random_seed(0)
    averaged = build("nin", **SMALL)
    dense = build("nin", **{**SMALL, "table": (TABLE[0], (*TABLE[1][:-1], "dense"))})
    assert dense.count_params() - averaged.count_params() == 4 * 4 * 5 * 5 + 5
    # One place after the other, at each the five classes: each class gets a sixteenth of its own map.
    average = np.tile(np.eye(5), (16, 1)) / 16
    dense.set_weights([*averaged.get_weights(), average, np.zeros(5)])
    np.testing.assert_allclose(outputs(dense, images()), outputs(averaged, images()), rtol=1e-4, atol=1e-6)


def test_the_averages_weights_take_an_image_of_any_size():
    keras.utils.set_random_seed(0)
    small = build("nin", **SMALL)
    large = build("nin", **{**SMALL, "input_shape": (12, 20, 3)})
    large.set_weights(small.get_weights())
    assert outputs(large, np.zeros((1, 12, 20, 3))).shape == (1, 5)
