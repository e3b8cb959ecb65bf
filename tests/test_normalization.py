"""The fused batch normalisation against Keras' own: outputs, gradients, statistics, weights, saving."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from cnnlib.layers import FusedBatchNormalization

SETTINGS = {"momentum": 0.8, "epsilon": 1e-5, "name": "norm"}


def networks(shape=(5, 4, 3), **settings):
    """The same small network with each of the two layers, and the same weights."""
    built = []
    for kind in (layers.BatchNormalization, FusedBatchNormalization):
        image = keras.Input(shape)
        x = layers.Conv2D(4, 3, use_bias=False, name="conv")(image)
        model = keras.Model(image, layers.Dense(2)(layers.Flatten()(kind(**{**SETTINGS, **settings})(x))))
        built.append(model)
    generator = np.random.default_rng(0)
    weights = [np.abs(generator.normal(size=w.shape)).astype("float32") + 0.1 for w in built[0].get_weights()]
    for model in built:
        model.set_weights(weights)
    return built


def assert_close(one, two, **tolerance):
    np.testing.assert_allclose(
        ops.convert_to_numpy(one), ops.convert_to_numpy(two), **{"rtol": 1e-4, "atol": 1e-5, **tolerance}
    )


def test_names_weights_and_settings_are_keras_own():
    keras_s, ours = (model.get_layer("norm") for model in networks())
    assert [w.path.split("/")[-1] for w in ours.weights] == [w.path.split("/")[-1] for w in keras_s.weights]
    assert [w.shape for w in ours.weights] == [w.shape for w in keras_s.weights]
    assert ours.get_config() == keras_s.get_config()


@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_moving_statistics(training):
    images = np.random.default_rng(1).normal(2, 3, (6, 5, 4, 3)).astype("float32")
    keras_s, ours = networks()
    for _ in range(3):
        assert_close(ours(images, training=training), keras_s(images, training=training))
    for one, two in zip(ours.weights, keras_s.weights, strict=True):
        assert_close(one, two)


def test_the_moving_variance_is_the_biased_one():
    """Of 2 x 2 x 1 values the unbiased one is 4/3 of it."""
    image = keras.Input((2, 1, 1))
    model = keras.Model(image, FusedBatchNormalization(momentum=0.5)(image))
    values = np.array([1.0, 2.0, 3.0, 6.0], "float32")
    model(values.reshape(2, 2, 1, 1), training=True)
    mean, variance = model.layers[-1].non_trainable_variables
    assert_close(mean, [0.5 * 3.0])
    assert_close(variance, [0.5 + 0.5 * values.var(ddof=0)])


@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_of_training_is_the_same(frozen):
    generator = np.random.default_rng(2)
    images = generator.normal(1, 2, (64, 5, 4, 3)).astype("float32")
    labels = generator.integers(0, 2, 64)
    keras_s, ours = networks()
    for model in (keras_s, ours):
        model.get_layer("norm").trainable = not frozen
        model.compile(
            keras.optimizers.SGD(0.1), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        )
        model.fit(images, labels, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for one, two in zip(ours.weights, keras_s.weights, strict=True):
        assert_close(one, two, rtol=2e-3, atol=2e-4)
    start = networks()[0].get_layer("norm").get_weights()
    moved = [not np.array_equal(a, b) for a, b in zip(ours.get_layer("norm").get_weights(), start)]
    assert moved == [not frozen] * 4


@pytest.mark.parametrize(
    ("settings", "shape"),
    [({"scale": False}, (5, 4, 3)), ({"center": False}, (5, 4, 3)), ({"axis": 1}, (5, 4, 3))],
)
def test_other_settings_go_keras_way(settings, shape):
    images = np.random.default_rng(1).normal(size=(6, *shape)).astype("float32")
    keras_s, ours = networks(shape, **settings)
    assert_close(ours(images, training=True), keras_s(images, training=True))
    for one, two in zip(ours.weights, keras_s.weights, strict=True):
        assert_close(one, two)


def test_vectors_go_keras_way():
    values = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")
    ours, keras_s = FusedBatchNormalization(**SETTINGS), layers.BatchNormalization(**SETTINGS)
    assert_close(ours(values, training=True), keras_s(values, training=True))


def test_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        keras_s, ours = networks()
    finally:
        keras.config.set_dtype_policy("float32")
    images = np.random.default_rng(1).normal(size=(6, 5, 4, 3)).astype("float32")
    found, expected = (ops.cast(m(images, training=True), "float32") for m in (ours, keras_s))
    # bfloat16 has 8 bits.
    assert_close(found, expected, rtol=0.05, atol=0.1)
    assert ours.get_layer("norm").output.dtype == "bfloat16"
    for one, two in zip(ours.weights, keras_s.weights, strict=True):
        assert one.dtype == "float32"
        assert_close(one, two, rtol=0.02, atol=0.02)


def test_save_and_load(tmp_path):
    images = np.random.default_rng(1).normal(size=(6, 5, 4, 3)).astype("float32")
    _, ours = networks()
    ours(images, training=True)
    ours.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again.get_layer("norm")) is FusedBatchNormalization
    assert_close(again(images), ours(images))


def test_it_is_one_operation_on_tensorflow():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the fused operation is TensorFlow's")
    import tensorflow as tf

    _, ours = networks()
    graph = tf.function(lambda x: ours(x, training=True)).get_concrete_function(tf.zeros((6, 5, 4, 3))).graph
    assert "FusedBatchNormV3" in {operation.type for operation in graph.get_operations()}
