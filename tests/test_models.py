"""Every network held against its paper: counts, sizes, fields, initial weights, options, training.

The counts of COUNTS, MAPS and FIELDS follow from the papers' tables by arithmetic; where a paper or its
public reproductions print one, they agree with it.
"""

import gc
import re
import sys

import keras
import numpy as np
import pytest

import cnnlib
from cnnlib.models import ALIASES, build, cifar_resnet, googlenet, names, vgg

# name: (trainable parameters, multiply-accumulates of one image)
COUNTS = {
    "alexnet": (60_965_224, 724_406_816),
    "alexnet-ungrouped": (62_378_344, 1_135_256_096),
    "cifar-plain-20": (269_722, 40_551_040),
    "cifar-plain-32": (464_154, 68_862_592),
    "cifar-plain-44": (658_586, 97_174_144),
    "cifar-plain-56": (853_018, 125_485_696),
    "cifar-plain-110": (1_727_962, 252_887_680),
    "cifar-plain-1202": (19_421_274, 2_829_238_912),
    "cifar-resnet-20": (269_722, 40_551_040),
    "cifar-resnet-32": (464_154, 68_862_592),
    "cifar-resnet-44": (658_586, 97_174_144),
    "cifar-resnet-56": (853_018, 125_485_696),
    "cifar-resnet-110": (1_727_962, 252_887_680),
    "cifar-resnet-1202": (19_421_274, 2_829_238_912),
    "googlenet": (6_998_552, 1_582_671_872),
    "googlenet-aux": (13_378_280, 1_591_044_096),
    "lenet5": (60_000, 325_680),
    "lenet5-modern": (61_706, 416_520),
    "nin": (966_986, 222_486_528),
    "plain-18": (11_515_688, 1_794_805_760),
    "plain-34": (21_623_848, 3_644_493_824),
    "resnet-18": (11_689_512, 1_814_073_344),
    "resnet-34": (21_797_672, 3_663_761_408),
    "resnet-50": (25_557_032, 3_857_973_248),
    "resnet-101": (44_549_160, 7_570_194_432),
    "resnet-152": (60_192_808, 11_282_415_616),
    "vgg-a": (132_863_336, 7_609_090_048),
    "vgg-a-lrn": (132_863_336, 7_609_090_048),
    "vgg-b": (133_047_848, 11_308_466_176),
    "vgg-c": (133_638_952, 11_770_888_192),
    "vgg-d": (138_357_544, 15_470_264_320),
    "vgg-e": (143_667_240, 19_632_062_464),
}

# Receptive field of the last map before flattening or global pooling, side in input pixels.
FIELDS = {
    **{"alexnet": 195, "alexnet-ungrouped": 195, "lenet5": 32, "lenet5-modern": 32},
    **{"vgg-a": 150, "vgg-a-lrn": 150, "vgg-b": 156, "vgg-d": 212, "vgg-e": 268},
    **{"plain-18": 435, "resnet-18": 435, "plain-34": 899, "resnet-34": 899},
    **{"resnet-50": 483, "resnet-101": 1027, "resnet-152": 1507},
    **{"googlenet": 715, "googlenet-aux": 715},
    **{f"cifar-{kind}-{n}": field for kind in ("plain", "resnet") for n, field in (
        (20, 81), (32, 137), (44, 193), (56, 249), (110, 501)
    )},
}  # fmt: skip

# Output of the stages, side and maps, as the papers' tables and figures have them.
RESNET_BASIC = {
    "conv1": (112, 64),
    "pool1": (56, 64),
    "stage2_block1": (56, 64),
    "stage3_block1": (28, 128),
    "stage4_block1": (14, 256),
    "stage5_block1": (7, 512),
    "stage5_block2": (7, 512),
    "avg_pool": (512,),
    "fc": (1000,),
}
RESNET_BOTTLENECK = {
    "conv1": (112, 64),
    "pool1": (56, 64),
    "stage2_block1": (56, 256),
    "stage3_block1": (28, 512),
    "stage4_block1": (14, 1024),
    "stage5_block1": (7, 2048),
    "stage5_block3": (7, 2048),
    "avg_pool": (2048,),
    "fc": (1000,),
}
VGG = {f"pool{b}": (side, maps) for b, side, maps in zip(range(1, 6), (112, 56, 28, 14, 7), vgg.WIDTHS)}
VGG |= {"conv1_1": (224, 64), "conv3_2": (56, 256), "conv5_2": (14, 512)}
VGG |= {"fc6": (4096,), "fc7": (4096,), "fc8": (1000,)}
GOOGLENET = {
    "conv1": (112, 64),
    "pool1": (56, 64),
    "conv2_reduce": (56, 64),
    "conv2": (56, 192),
    "pool2": (28, 192),
    "inception_3a": (28, 256),
    "inception_3b": (28, 480),
    "pool3": (14, 480),
    "inception_4a": (14, 512),
    "inception_4b": (14, 512),
    "inception_4c": (14, 512),
    "inception_4d": (14, 528),
    "inception_4e": (14, 832),
    "pool4": (7, 832),
    "inception_5a": (7, 832),
    "inception_5b": (7, 1024),
    "avg_pool": (1024,),
    "linear": (1000,),
}
ALEXNET = {
    "conv1": (55, 96),
    "norm1": (55, 96),
    "pool1": (27, 96),
    "conv2": (27, 256),
    "norm2": (27, 256),
    "pool2": (13, 256),
    "conv3": (13, 384),
    "conv4": (13, 384),
    "conv5": (13, 256),
    "pool5": (6, 256),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (1000,),
}
MAPS = {
    "alexnet": ALEXNET,
    "alexnet-ungrouped": ALEXNET,
    "vgg-a": {name: size for name, size in VGG.items()},
    "vgg-a-lrn": {**VGG, "norm1": (224, 64)},
    "vgg-b": {**VGG, "conv2_2": (112, 128)},
    "vgg-c": {**VGG, "conv5_3": (14, 512)},
    "vgg-d": {**VGG, "conv3_3": (56, 256), "conv5_3": (14, 512)},
    "vgg-e": {**VGG, "conv3_4": (56, 256), "conv5_4": (14, 512)},
    "nin": {
        "conv1": (32, 192), "cccp1": (32, 160), "cccp2": (32, 96), "pool1": (16, 96),
        "conv2": (16, 192), "cccp3": (16, 192), "cccp4": (16, 192), "pool2": (8, 192),
        "conv3": (8, 192), "cccp5": (8, 192), "cccp6": (8, 10), "pool3": (10,),
    },
    "googlenet": GOOGLENET,
    "googlenet-aux": {
        **GOOGLENET,
        "auxiliary_4a_pool": (4, 512), "auxiliary_4a_conv": (4, 128), "auxiliary_4a_fc": (1024,),
        "auxiliary_4d_pool": (4, 528), "auxiliary_4d_conv": (4, 128), "auxiliary_4d_fc": (1024,),
        "auxiliary_4a": (1000,), "auxiliary_4d": (1000,),
    },
    "plain-18": RESNET_BASIC,
    "plain-34": {**RESNET_BASIC, "stage4_block6": (14, 256)},
    "resnet-18": RESNET_BASIC,
    "resnet-34": {**RESNET_BASIC, "stage4_block6": (14, 256)},
    "resnet-50": {**RESNET_BOTTLENECK, "stage4_block6": (14, 1024)},
    "resnet-101": {**RESNET_BOTTLENECK, "stage4_block23": (14, 1024)},
    "resnet-152": {**RESNET_BOTTLENECK, "stage3_block8": (28, 512), "stage4_block36": (14, 1024)},
    "lenet5": {"c1": (28, 6), "s2": (14, 6), "c3": (10, 16), "s4": (5, 16), "c5": (1, 120), "f6": (84,)},
    "lenet5-modern": {"c1": (28, 6), "s2": (14, 6), "c3": (10, 16), "s4": (5, 16), "c5": (1, 120)},
    **{
        f"cifar-{kind}-{depth}": {
            "conv1": (32, 16),
            "stage1_block1": (32, 16), f"stage1_block{(depth - 2) // 6}": (32, 16),
            "stage2_block1": (16, 32), f"stage2_block{(depth - 2) // 6}": (16, 32),
            "stage3_block1": (8, 64), f"stage3_block{(depth - 2) // 6}": (8, 64),
            "avg_pool": (64,), "fc": (10,),
        }
        for kind in ("plain", "resnet")
        for depth in cifar_resnet.DEPTHS
    },
}  # fmt: skip

# Layers with weights as the papers count depth: convolutions and dense layers, shortcuts left out.
DEPTHS = {
    **{"alexnet": 8, "vgg-a": 11, "vgg-b": 13, "vgg-c": 16, "vgg-d": 16, "vgg-e": 19},
    **{f"{kind}-{n}": n for kind in ("plain", "resnet") for n in (18, 34)},
    **{f"resnet-{n}": n for n in (50, 101, 152)},
    **{f"cifar-{kind}-{n}": n for kind in ("plain", "resnet") for n in cifar_resnet.DEPTHS},
}


# Families whose convolutions batch normalisation follows.
NORMALISED = tuple(name for name in COUNTS if name.startswith(("plain", "resnet", "cifar")))


def parameters(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def forget():
    """Give the memory of the last networks back before the next ones."""
    keras.backend.clear_session()
    gc.collect()


@pytest.fixture
def compiled():
    """Small as a network is: JAX keeps every function that it has compiled, unless told not to."""
    yield
    if keras.backend.backend() == "jax":
        import jax

        forget()
        jax.clear_caches()


@pytest.fixture(scope="module")
def paper(request):
    """A network at its full size and its account; zeros for weights save time and memory."""
    network = build(request.param, kernel_initializer="zeros")
    yield network, cnnlib.account(network)
    large = parameters(network) > 10**7
    del network
    if large:
        forget()


def of_each(networks):
    """Run a test on these networks, each of which is built once for all tests."""
    return pytest.mark.parametrize("paper", sorted(networks), indirect=True)


# The papers' own networks ------------------------------------------------------------------------


def test_no_network_is_missing():
    assert set(COUNTS) == set(MAPS) == set(names())


@of_each(COUNTS)
def test_counts(paper):
    network, account = paper
    assert (account.parameters, account.macs) == COUNTS[network.name]
    assert parameters(network) == COUNTS[network.name][0]


@of_each(MAPS)
def test_sizes_of_the_named_maps(paper):
    network, _ = paper
    expected = {
        name: (size[0], size[0], size[1]) if len(size) == 2 else size
        for name, size in MAPS[network.name].items()
    }
    assert {name: network.get_layer(name).output.shape[1:] for name in expected} == expected


@of_each(FIELDS)
def test_receptive_field(paper):
    network, account = paper
    assert account.receptive_field == FIELDS[network.name]


@of_each(DEPTHS)
def test_depth(paper):
    network, _ = paper
    kinds = (keras.layers.Conv2D, keras.layers.Dense)
    counted = [layer for layer in network.layers if isinstance(layer, kinds) and "shortcut" not in layer.name]
    assert len(counted) == DEPTHS[network.name]


@of_each(COUNTS)
def test_a_convolution_has_biases_unless_batch_normalisation_follows(paper):
    network, _ = paper
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.use_bias for layer in convolutions} == {network.name not in NORMALISED}
    assert len(norms) == (len(convolutions) if network.name in NORMALISED else 0)


@of_each([name for name in COUNTS if name.startswith(("plain", "resnet", "googlenet"))])
def test_the_first_layers_are_padded_on_both_sides(paper):
    network, account = paper
    assert account.row("conv1").offset == -3
    # A border of one position, two input pixels, where the pool is padded as well.
    assert account.row("pool1").offset == (-3 if network.name.startswith("googlenet") else -5)


@of_each([name for name in COUNTS if name.startswith("cifar")])
def test_strided_layers_are_padded_on_both_sides(paper):
    network, account = paper
    # Every 3x3 layer up to this one reaches one pixel further out, the strided one included.
    row = account.row("stage2_block1_conv1")
    layers = 2 + (int(network.name.split("-")[-1]) - 2) // 3
    assert (row.offset, row.receptive_field, row.stride) == (-layers, 2 * layers + 1, 2)


# Variants ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("resnet-18", {"shortcut": "A"}, COUNTS["plain-18"]),
        ("resnet-34", {"shortcut": "A"}, COUNTS["plain-34"]),
        ("resnet-18", {"shortcut": "C"}, (12_043_816, 1_878_298_624)),
        ("resnet-34", {"shortcut": "C"}, (22_716_840, 3_830_747_136)),
        ("cifar-resnet-20", {"shortcut": "B"}, (269_722 + 2_752, 40_551_040 + 262_144)),
        ("cifar-resnet-56", {"shortcut": "B"}, (853_018 + 2_752, 125_485_696 + 262_144)),
        # Biases of the convolutions instead of gamma and beta: half as many.
        ("cifar-resnet-20", {"normalization": False}, (269_722 - 688, 40_551_040)),
    ],
)
def test_counts_of_variants(name, options, expected):
    account = cnnlib.account(build(name, kernel_initializer="zeros", **options))
    assert (account.parameters, account.macs) == expected


@pytest.mark.parametrize(
    ("name", "macs", "field"),
    [
        ("resnet-50", 4_089_184_256, 427),
        ("resnet-101", 7_801_405_440, 971),
        ("resnet-152", 11_513_626_624, 1451),
    ],
)
def test_the_stride_on_3x3(name, macs, field):
    account = cnnlib.account(build(name, kernel_initializer="zeros", stride_on="3x3"))
    assert (account.parameters, account.macs) == (COUNTS[name][0], macs)
    assert account.receptive_field == field


@pytest.mark.parametrize("kind", ["plain", "resnet"])
@pytest.mark.parametrize("depth", [8, 14, 26, 74])
def test_every_depth_of_the_cifar_family(kind, depth):
    network = build(f"cifar-{kind}-{depth}", kernel_initializer="zeros")
    k = (depth - 2) // 6
    kernels = 9 * (3 * 16 + 2 * k * 16**2 + 16 * 32 + (2 * k - 1) * 32**2 + 32 * 64 + (2 * k - 1) * 64**2)
    norms = 2 * (16 + 2 * k * (16 + 32 + 64))
    assert parameters(network) == kernels + norms + 650
    assert network.name == f"cifar-{kind}-{depth}"


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(alias):
    network = build(alias, input_shape=(32, 32, 3), dense=(8,), kernel_initializer="zeros")
    assert network.name == ALIASES[alias]
    assert len([layer for layer in network.layers if "conv" in layer.name]) == int(alias[3:]) - 3


def test_the_depth_of_1202_leaves_pythons_limit_as_it_was():
    limit = sys.getrecursionlimit()
    with cifar_resnet.recursion_for(1202):
        assert sys.getrecursionlimit() >= 1000 + 5 * 1202
    assert sys.getrecursionlimit() == limit


# Reduced versions: the same functions with smaller tables ----------------------------------------

SMALL_ALEXNET = {
    "input_shape": (39, 39, 3),
    "table": ((5, 2, 8, 1, 0, "normalise pool"), (5, 1, 8, 2, 1, "pool"), (3, 1, 8, 2, 1, "")),
    "dense": (8, 8),
    "dropout": 0,
}
SMALL_VGG = {"input_shape": (32, 32, 3), "widths": (4, 6, 8, 8, 8), "dense": (8, 8), "dropout": 0}
SMALL_RESNET = {"input_shape": (32, 32, 3), "widths": (4, 6, 8, 10), "stem": (7, 2, 4)}
SMALL_GOOGLENET = {
    "input_shape": (36, 36, 3),
    "stem": ((3, 1, 8), (8, 12)),
    "table": {
        "3a": (6, 8, 8, 6, 6, 6),
        "4a": (6, 8, 8, 6, 6, 8),
        "4d": (8, 6, 8, 6, 6, 6),
        "5b": (8, 8, 8, 6, 6, 8),
    },
    "auxiliary_widths": (8, 16),
    "dropout": 0,
    "auxiliary_dropout": 0,
}
UNGROUPED = tuple((*row[:3], 1, *row[4:]) for row in SMALL_ALEXNET["table"])
REDUCED = {
    "alexnet": SMALL_ALEXNET,
    "alexnet-ungrouped": {**SMALL_ALEXNET, "table": UNGROUPED},
    **{f"vgg-{column}": SMALL_VGG for column in vgg.TABLE},
    "nin": {
        "input_shape": (12, 12, 3),
        "table": ((5, 12, 10, 8, "max"), (3, 12, 12, 12, "average"), (3, 12, 12, None, "global average")),
        "dropout": 0,
    },
    "googlenet": SMALL_GOOGLENET,
    "googlenet-aux": SMALL_GOOGLENET,
    "plain-18": {**SMALL_RESNET, "table": ("basic", (1, 1, 2, 1))},
    "resnet-18": {**SMALL_RESNET, "table": ("basic", (1, 1, 2, 1))},
    "resnet-50": {**SMALL_RESNET, "table": ("bottleneck", (2, 1, 1, 1))},
    **{f"cifar-{kind}-8": {"input_shape": (16, 16, 3), "widths": (4, 6, 8)} for kind in ("plain", "resnet")},
    "lenet5": {},
    "lenet5-modern": {},
}


def small(name, **options):
    """A network of its reduced size, with zeros for kernels unless asked otherwise."""
    return build(name, **{"classes": 10, "kernel_initializer": "zeros", **REDUCED[name], **options})


def reduced(name, **options):
    """The same with random weights, biases and batch statistics."""
    network = small(name, **options)
    generator = np.random.default_rng(0)
    for weight in network.weights:
        shape = weight.shape
        if len(shape) > 1:
            value = generator.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        elif weight.name in ("gamma", "moving_variance", "coefficient"):
            value = generator.uniform(0.5, 1.5, shape)
        else:
            value = generator.uniform(-0.2, 0.2, shape)
        weight.assign(value.astype("float32"))
    return network


def images(network, number=16):
    shape = (number, *network.input_shape[1:])
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def outputs(network, x, *layers):
    """Outputs of the named layers, as NumPy arrays."""
    maps = keras.Model(network.input, [network.get_layer(name).output for name in layers])
    return [keras.ops.convert_to_numpy(y) for y in maps(x, training=False)]


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


@pytest.mark.parametrize("name", [name for name in REDUCED if not name.startswith("lenet5")])
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


# Initial weights ---------------------------------------------------------------------------------


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
    "nin": {"input_shape": (4, 4, 16), "table": ((1, 16, 16, 16, "max"), (1, 16, 16, 16, ""))},
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


# Residual blocks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain-18", "resnet-50", "cifar-resnet-8"])
def test_batch_normalisation_settings(name):
    def settings(**options):
        layers = small(name, **options).layers
        norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
        return {(norm.momentum, norm.epsilon) for norm in norms}

    assert settings() == {(0.9, 1e-5)}
    assert settings(batch_normalization={"momentum": 0.99}) == {(0.99, 1e-5)}
    assert settings(batch_normalization={"momentum": 0.5, "epsilon": 0.1}) == {(0.5, 0.1)}
    assert settings(normalization=False) == set()


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
        layers = small("resnet-50", stride_on=stride_on).layers
        convolutions = [found for found in layers if isinstance(found, keras.layers.Conv2D)]
        strided = [found.name for found in convolutions if found.strides == (2, 2)]
        assert strided[:1] == ["conv1"] and layer in strided
        assert len([name for name in strided if name.startswith("stage3")]) == 2  # and the shortcut


def test_a_residual_network_has_the_weights_of_its_plain_twin():
    plain, residual = reduced("cifar-plain-8"), reduced("cifar-resnet-8")
    assert [w.shape for w in plain.get_weights()] == [w.shape for w in residual.get_weights()]
    residual.set_weights(plain.get_weights())
    x = images(plain)
    assert not np.allclose(plain(x, training=False), residual(x, training=False))


# Bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("alexnet2", "did you mean 'alexnet'"),
        ("vgg-f", "did you mean 'vgg-"),
        ("vgg_16", "did you mean 'vgg16'"),
        ("resnet50", "did you mean 'resnet-50'"),
        ("cifar-resnet-", "did you mean 'cifar-resnet-"),
        ("", "known: alexnet"),
        (16, "unknown network 16"),
        (None, "unknown network None"),
    ],
)
def test_unknown_names_list_the_known_ones(name, hint):
    with pytest.raises(ValueError, match=r"unknown network.*known: alexnet, .*vgg-e, vgg16, vgg19") as error:
        build(name)
    assert hint in str(error.value)


@pytest.mark.parametrize(
    ("depth", "near"), [(21, "20 or 26"), (7, "8 or 14"), (0, "8 or 14"), (1201, "1196 or 1202")]
)
@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_depths_that_are_not_6k_plus_2(kind, depth, near):
    with pytest.raises(ValueError, match=rf"6k \+ 2 layers \(8, 14, 20, ...\), got {depth}; try {near}"):
        build(f"cifar-{kind}-{depth}")


BAD = [
    ("alexnet", {"depth": 8}, TypeError, "alexnet has no option depth; known: input_shape, classes, table"),
    ("alexnet", {"input_shape": (66, 227, 3)}, ValueError, "at least 67 pixels, got 66x227"),
    ("alexnet", {"table": ()}, ValueError, "table: expected at least one row"),
    ("alexnet", {"table": ((3, 1, 4),)}, ValueError, "table: expected rows of side, stride.*got (3, 1, 4)"),
    ("alexnet", {"table": ((3, 1, 4, 2, 0, ""),)}, ValueError, "groups=2, but the input has 3 channels"),
    ("alexnet", {"table": ((3, 1, 4, 1, 0, ""), (3, 1, 5, 2, 0, ""))}, ValueError, "groups=2, filters=5"),
    ("alexnet", {"dropout": 1.5, "dense": (8,)}, ValueError, "1.5"),
    ("vgg-d", {"input_shape": (31, 31, 3)}, ValueError, "at least 32 pixels, got 31x31"),
    ("vgg-d", {"widths": (8, 8)}, ValueError, "{'table': 5, 'widths': 2}"),
    ("vgg-d", {"table": (), "widths": ()}, ValueError, "{'table': 0, 'widths': 0}"),
    ("vgg-d", {"kernel_initializer": "nothing"}, ValueError, "nothing"),
    ("nin", {"input_shape": (3, 3, 3)}, ValueError, "at least 4 pixels, got 3x3"),
    ("nin", {"table": ((3, 8, 8, 8, "min"), (3, 8, 8, None, ""))}, ValueError, "'max', 'average', got 'min'"),
    ("nin", {"table": ((3, 8, 8, 8, ""),)}, ValueError, "last maps: expected one of 10, got 8"),
    ("googlenet", {"input_shape": (31, 31, 3)}, ValueError, "at least 32 pixels"),
    ("googlenet-aux", {"input_shape": (64, 64, 3)}, ValueError, "at least 65 pixels, got 64x64"),
    ("googlenet", {"auxiliary": ("4a", "4f")}, ValueError, "auxiliary: expected one of '3a', .*got '4f'"),
    ("googlenet", {"table": {"3a": (1, 2)}}, ValueError, "table: expected rows of #1x1, .*got (1, 2)"),
    ("resnet-50", {"input_shape": (31, 32, 3)}, ValueError, "at least 32 pixels, got 31x32"),
    ("resnet-50", {"table": ("wide", (1, 1, 1, 1))}, ValueError, "'basic', 'bottleneck', got 'wide'"),
    ("resnet-50", {"table": ("basic", (1, 1))}, ValueError, "{'blocks': 2, 'widths': 4}"),
    ("resnet-50", {"stride_on": "5x5"}, ValueError, "stride_on: expected one of '1x1', '3x3', got '5x5'"),
    ("resnet-50", {"shortcut": "D"}, ValueError, "shortcut: expected one of None, 'A', 'B', 'C', got 'D'"),
    ("resnet-50", {"addition": "never"}, ValueError, "'before-activation', 'after-activation', got 'never'"),
    ("resnet-50", {"batch_normalization": {"decay": 1}}, ValueError, "'momentum', 'epsilon', got 'decay'"),
    ("resnet-50", {"normalization": "batch"}, ValueError, "normalization: expected one of True, False"),
    ("resnet-50", {"normalization": False, "zero_last_gamma": True}, ValueError, "zero_last_gamma: without"),
    ("resnet-18", {"shortcut": "A", "widths": (64, 32, 64, 64)}, ValueError, "at most 32 maps, but.* has 64"),
    ("cifar-resnet-20", {"widths": (16, 32)}, ValueError, "{'stages': 3, 'widths': 2}"),
    ("cifar-resnet-20", {"depth": "20"}, TypeError, "depth: expected a whole number, got '20'"),
    ("cifar-resnet-20", {"input_shape": (3, 32, 3)}, ValueError, "at least 4 pixels, got 3x32"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "error", "message"), BAD)
def test_bad_options_are_named(name, options, error, message):
    with pytest.raises(error, match=re.escape(message).replace(r"\.\*", ".*")):
        build(name, **options)


@pytest.mark.parametrize("name", [name for name in REDUCED if not name.startswith("lenet5")])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"classes": 0}, ValueError, "classes: expected at least 1, got 0"),
        ({"classes": 2.5}, TypeError, "classes: expected a whole number, got 2.5"),
        ({"input_shape": (2, 2, 3)}, ValueError, "input_shape: each side must be at least"),
        ({"input_shape": (64, 64)}, TypeError, "input_shape: expected .height, width, channels."),
        ({"input_shape": (None, None, 3)}, TypeError, "input_shape: expected .height, width, channels."),
        ({"input_shape": (64, 64, 0)}, ValueError, "at least 1 channel"),
        ({"colour": 1}, TypeError, "has no option colour; known: input_shape, classes"),
    ],
)
def test_options_that_all_share(name, options, error, message):
    with pytest.raises(error, match=message):
        small(name, **options)
