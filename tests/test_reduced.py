"""The networks with small tables, and residual blocks by themselves: what they compute, train and save."""

import inspect
import re

import keras
import numpy as np
import pytest
from networks import REDUCED, images, outputs, reduced, small

import cnnlib
from cnnlib.models import build, cifar_resnet, googlenet, names, resnet


@pytest.fixture
def compiled():
    """JAX keeps every function that it has compiled, unless told not to."""
    yield
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()


def test_a_reduced_version_of_each_is_tested():
    # Networks that differ in nothing but the number of blocks share one.
    shared = {"plain-34": "plain-18", "resnet-34": "resnet-18"}
    shared |= {f"resnet-{n}": "resnet-50" for n in (101, 152)}
    shared |= {name: name.rstrip("0123456789") + "8" for name in names() if name.startswith("cifar")}
    assert {shared.get(name, name) for name in names()} == set(REDUCED)


@pytest.mark.parametrize("name", REDUCED)
def test_one_step_of_training_lowers_the_loss(name, compiled):
    network = reduced(name)
    x, labels = images(network), np.arange(16) % 10
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if name == "lenet5":  # distances: the smallest one wins
        loss = cnnlib.models.lenet5.map_loss
    heads = len(network.outputs)
    network.compile(
        keras.optimizers.SGD(0.001),
        [loss] * heads if heads > 1 else loss,
        loss_weights=list(googlenet.LOSS_WEIGHTS) if heads > 1 else None,
        # Two steps: TensorFlow takes them sooner than it makes a graph of them.
        run_eagerly=keras.backend.backend() == "tensorflow",
    )
    before = [weight.numpy() for weight in network.trainable_weights]
    target = [labels] * heads if heads > 1 else labels
    losses = [np.ravel(network.train_on_batch(x, target))[0] for _ in range(2)]
    assert losses[1] < losses[0]
    for weight, old in zip(network.trainable_weights, before):
        assert not np.array_equal(weight.numpy(), old), weight.path


@pytest.mark.parametrize("name", REDUCED)
def test_save_load_predict(name, tmp_path, compiled):
    network = reduced(name)
    x = images(network, 2)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert again.name == name
    for found, expected in zip(again(x, training=False), network(x, training=False)):
        found, expected = keras.ops.convert_to_numpy(found), keras.ops.convert_to_numpy(expected)
        np.testing.assert_array_equal(found, expected)
        assert np.ptp(expected) > 0


@pytest.mark.parametrize("name", ["alexnet", "vgg-a", "nin", "googlenet-aux", "resnet-18", "cifar-plain-8"])
def test_classifier_activation_gives_probabilities(name):
    logits, probabilities = reduced(name), reduced(name, classifier_activation="softmax")
    x = images(logits, 3)
    scores, chances = logits(x, training=False), probabilities(x, training=False)
    if name != "googlenet-aux":
        scores, chances = [scores], [chances]
    for score, chance in zip(scores, chances):
        expected = np.exp(keras.ops.convert_to_numpy(score).astype(float))
        expected /= expected.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(chance), expected, rtol=1e-4)


def test_the_auxiliary_outputs_follow_the_main_one():
    network = reduced("googlenet-aux")
    assert [output.shape for output in network.outputs] == [(None, 10)] * 3
    assert network.output_names == ["linear", "auxiliary_4a", "auxiliary_4d"]
    assert googlenet.LOSS_WEIGHTS == (1.0, 0.3, 0.3)


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("alexnet", {"dropout6": 0.5, "dropout7": 0.5}),
        ("vgg-d", {"dropout6": 0.5, "dropout7": 0.5}),
        ("nin", {"dropout1": 0.5, "dropout2": 0.5}),
        ("googlenet-aux", {"dropout": 0.4, "auxiliary_4a_dropout": 0.7, "auxiliary_4d_dropout": 0.7}),
        ("resnet-18", {}),
        ("cifar-resnet-8", {}),
    ],
)
def test_dropout_is_the_papers(name, rates):
    options = {option: value for option, value in REDUCED[name].items() if "dropout" not in option}
    if name == "alexnet":
        options = {"dense": (8, 8)}  # the numbers of the last layers go on from the whole table's
    network = build(name, **options, kernel_initializer="zeros")
    found = {layer.name: layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)}
    assert found == rates


def test_alexnets_response_normalization_has_the_constants_given_and_the_papers_for_the_rest():
    def constants(**options):
        found = small("alexnet", **options).layers
        kind = cnnlib.layers.LocalResponseNormalization
        return [(norm.k, norm.n, norm.alpha, norm.beta) for norm in found if isinstance(norm, kind)]

    assert constants() == [(2, 5, 1e-4, 0.75)]
    assert constants(response_normalization={"alpha": 0.5, "n": 3}) == [(2, 3, 0.5, 0.75)]
    assert constants(response_normalization=None) == []


def test_the_reduced_alexnet_normalises_as_the_papers_does_other_units_apart():
    """Pixels from 0 to 1 in place of 255, alpha 255^2 times as large: 255 times smaller, all else equal."""
    alpha = cnnlib.models.alexnet.REDUCED["response_normalization"]["alpha"]
    maps = np.abs(np.random.default_rng(0).normal(0, 90, (2, 4, 4, 16))).astype("float32")
    norm = cnnlib.layers.LocalResponseNormalization
    large, one = norm()(maps), norm(alpha=alpha)(maps / 255)
    assert np.ptp(keras.ops.convert_to_numpy(large) / maps) > 0.1  # it does something
    np.testing.assert_allclose(*(keras.ops.convert_to_numpy(part) for part in (large / 255, one)), rtol=1e-5)


def test_alexnets_activation_stands_in_all_layers_but_the_last():
    weighted = [layer for layer in small("alexnet", activation="tanh").layers if hasattr(layer, "kernel")]
    assert [layer.activation.__name__ for layer in weighted] == ["tanh"] * 5 + ["linear"]


def test_alexnets_pools_are_as_the_option_says():
    options = {"table": REDUCED["alexnet"]["table"], "input_shape": (35, 35, 3), "dense": ()}
    networks = [reduced("alexnet", **options, pool=pool) for pool in ((3, 2), (2, 2))]
    x = images(networks[0], 2)
    # 16, 7 or 8, 3 or 4: a window of 3 is a square of 2 with a row and a column more.
    for network, sides in zip(networks, ((7, 3), (8, 4))):
        assert [network.get_layer(f"pool{i}").output.shape[1] for i in (1, 2)] == list(sides)
        maps = keras.Model(network.input, [network.get_layer(f"{name}1").output for name in ("norm", "pool")])
        before, after = (keras.ops.convert_to_numpy(part) for part in maps(x))
        side = network.get_layer("pool1").pool_size[0]
        windows = np.lib.stride_tricks.sliding_window_view(before, (side, side), (1, 2))[:, ::2, ::2]
        np.testing.assert_array_equal(after, windows.max(axis=(-2, -1)))


@pytest.mark.parametrize("name", REDUCED)
def test_nothing_in_a_network_is_named_by_a_counter(name):
    # A checkpoint finds its network again by its configuration, in a cell that is run twice as well.
    first, again = small(name).get_config(), small(name).get_config()
    assert first == again


# Residual blocks ---------------------------------------------------------------------------------


def convolutions(network):
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]


def test_each_part_of_a_residual_network_is_usable_alone():
    image = keras.Input((8, 8, 16))
    parts = {
        resnet.convolution: ((16, 3), {}, (8, 8, 16)),
        resnet.basic: ((16,), {}, (8, 8, 16)),
        resnet.bottleneck: ((16,), {}, (8, 8, 64)),
        resnet.shortcut: ((32, 2), {}, (4, 4, 32)),
        resnet.block: ((16, 1), {}, (8, 8, 16)),
        resnet.stage: ((24, 2, 2), {"kind": "bottleneck", "stride_on": "3x3"}, (4, 4, 96)),
    }
    for part, (arguments, options, shape) in parts.items():
        network = keras.Model(image, part(image, *arguments, **options, name="part"))
        assert network.output_shape == (None, *shape)
        for layer in convolutions(network):  # the same options as within a network
            assert not layer.use_bias and layer.kernel_initializer.distribution == "untruncated_normal"
            norm = network.get_layer(f"{layer.name}_norm")
            assert (norm.momentum, norm.epsilon) == (0.9, 1e-5)


@pytest.mark.parametrize("part", [
    resnet.convolution, resnet.basic, resnet.bottleneck, resnet.shortcut, resnet.block, resnet.stage,
    resnet.resnet, cifar_resnet.cifar_resnet,
])  # fmt: skip
def test_a_page_holds_each_part(part):
    decorator = re.compile(r"^@.*\n")
    options = re.compile(r"\n    Args:.*?(?=    \"{3})", re.DOTALL)  # after the docstring's first paragraph
    lines = options.sub("", decorator.sub("", inspect.getsource(part))).splitlines()
    assert len(lines) <= 30 and max(map(len, lines)) <= 86


def test_a_file_holds_the_residual_networks():
    assert len(inspect.getsource(resnet).splitlines()) <= 180


def test_a_block_alone_takes_what_a_network_takes():
    image = keras.Input((8, 8, 16))
    options = {"kernel_initializer": keras.initializers.HeNormal(), "batch_normalization": None}
    network = keras.Model(image, resnet.block(image, 16, 1, **options, name="block"))
    first, second = convolutions(network)
    assert first.use_bias and not np.array_equal(first.kernel, second.kernel)
    zeros = keras.Model(image, resnet.block(image, 16, gamma="zeros", name="block"))
    x = np.abs(images(zeros))
    np.testing.assert_array_equal(zeros(x), x)
    half = resnet.block(image, 16, batch_normalization={"momentum": 0.5}, name="block")
    norm = keras.Model(image, half).get_layer("block_conv1_norm")
    assert (norm.momentum, norm.epsilon) == (0.5, 1e-5)
    with pytest.raises(TypeError, match="sise"):
        resnet.block(image, 16, sise=1, name="block")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "wide"}, "table: block: expected one of 'basic', 'bottleneck', got 'wide'"),
        ({"option": "D"}, "shortcut: expected one of None, 'A', 'B', 'C', got 'D'"),
        ({"addition": "never"}, "addition: expected one of 'before-activation', 'after-activation'"),
        ({"stride_on": "3x3"}, "stride_on: expected one of '1x1', got '3x3'"),
        ({"gamma": "twos"}, "gamma: expected one of 'ones', 'zeros'"),
        ({"maps": 0}, "maps: expected a whole number from 1"),
        ({"stride": 0}, "stride: expected a whole number from 1"),
        ({"batch_normalization": {"momentum": 1}}, "batch_normalization: momentum: .* below 1, got 1"),
        ({"batch_normalization": None, "gamma": "zeros"}, "zero_last_gamma: expected False without"),
        ({"option": None, "addition": "after-activation"}, "addition: expected one of 'before-activation'"),
    ],
)
def test_a_block_alone_names_a_bad_option(options, message):
    with pytest.raises(ValueError, match=message):
        resnet.block(**{"x": keras.Input((8, 8, 16)), "maps": 16, "name": "block", **options})


def test_a_shortcut_alone_names_a_bad_option():
    with pytest.raises(ValueError, match="shortcut: expected one of 'A', 'B', 'C', got 'D'"):
        resnet.shortcut(keras.Input((8, 8, 16)), 16, option="D", name="x")


@pytest.mark.parametrize("name", ["plain-18", "resnet-50", "cifar-resnet-8"])
def test_batch_normalisation_settings(name):
    def settings(**options):
        layers = small(name, **options).layers
        norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
        return {(norm.momentum, norm.epsilon) for norm in norms}

    assert settings() == {(0.9, 1e-5)}
    assert settings(batch_normalization={"momentum": 0.99}) == {(0.99, 1e-5)}
    assert settings(batch_normalization={"momentum": 0.5, "epsilon": 0.1}) == {(0.5, 0.1)}
    assert settings(batch_normalization=None) == set()


@pytest.mark.parametrize(
    ("name", "last", "shortcut", "addition"),
    [
        ("resnet-18", "conv2", "A", "before-activation"),
        ("resnet-18", "conv2", "B", "after-activation"),
        ("resnet-18", "conv2", "C", "before-activation"),
        ("resnet-50", "conv3", "A", "after-activation"),
        ("resnet-50", "conv3", "B", "before-activation"),
        ("resnet-50", "conv3", "C", "after-activation"),
    ],
)
def test_a_block_adds_its_shortcut(name, last, shortcut, addition):
    table = (REDUCED[name]["table"][0], (1, 1))
    network = reduced(name, table=table, widths=(4, 6), shortcut=shortcut, addition=addition)
    x = images(network, 2)
    block = "stage3_block1"  # stride 2 and more maps than before
    side = "_zeros" if shortcut == "A" else "_shortcut_norm"
    a, z, s, found = outputs(network, x, "stage2_block1", f"{block}_{last}_norm", block + side, block)
    if shortcut == "A":
        np.testing.assert_array_equal(s[..., : a.shape[-1]], a[:, ::2, ::2])
        assert not s[..., a.shape[-1] :].any()
    expected = np.maximum(z + s, 0) if addition == "before-activation" else np.maximum(z, 0) + s
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert (z < 0).any() and (z > 0).any()  # so that the two places differ


def test_shortcuts_stand_where_the_options_say():
    def projections(name, **options):
        layers = [layer.name for layer in small(name, **options).layers]
        return [layer for layer in layers if layer.endswith("_shortcut")]

    assert projections("resnet-18", shortcut="A") == projections("plain-18") == []
    # The first stage of basic blocks keeps its shape; that of bottlenecks widens its maps.
    assert projections("resnet-18") == [f"stage{s}_block1_shortcut" for s in (3, 4, 5)]
    assert projections("resnet-50") == [f"stage{s}_block1_shortcut" for s in (2, 3, 4, 5)]
    blocks = ("stage2_block1", "stage3_block1", "stage4_block1", "stage4_block2", "stage5_block1")
    assert projections("resnet-18", shortcut="C") == [f"{block}_shortcut" for block in blocks]


@pytest.mark.parametrize(("name", "block", "before"), [
    ("resnet-18", "stage4_block2", "stage4_block1"),
    ("resnet-50", "stage2_block2", "stage2_block1"),
    ("cifar-resnet-8", "stage1_block1", "conv1_relu"),
])  # fmt: skip
def test_a_block_whose_last_gamma_is_zero_is_the_identity(name, block, before):
    network = small(name, zero_last_gamma=True)
    for weight in network.weights:
        if len(weight.shape) > 1:
            weight.assign(np.random.default_rng(0).normal(size=weight.shape).astype("float32"))
    a, found = outputs(network, images(network), before, block)
    np.testing.assert_array_equal(found, a)
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    zero = [norm.name for norm in norms if not norm.gamma.numpy().any()]
    last = "_conv3_norm" if name == "resnet-50" else "_conv2_norm"
    assert zero == [norm.name for norm in norms if norm.name.endswith(last)]


def test_the_stride_stands_where_the_option_says():
    for stride_on, layer in (("1x1", "stage3_block1_conv1"), ("3x3", "stage3_block1_conv2")):
        found = convolutions(small("resnet-50", stride_on=stride_on))
        strided = [layer.name for layer in found if layer.strides == (2, 2)]
        assert strided[:1] == ["conv1"] and layer in strided
        assert len([name for name in strided if name.startswith("stage3")]) == 2  # and the shortcut


def test_a_residual_network_has_the_weights_of_its_plain_twin():
    plain, residual = reduced("cifar-plain-8"), reduced("cifar-resnet-8")
    assert [w.shape for w in plain.get_weights()] == [w.shape for w in residual.get_weights()]
    residual.set_weights(plain.get_weights())
    x = images(plain)
    assert not np.allclose(plain(x, training=False), residual(x, training=False))
