"""Every network at its full size held against its paper: counts, sizes, fields, depth, padding.

The counts of COUNTS, MAPS and FIELDS follow from the papers' tables by arithmetic; where a paper or its
public reproductions print one, they agree with it.
"""

import gc
import sys

import keras
import numpy as np
import pytest

import cnnlib
from cnnlib.models import ALIASES, build, checks, cifar_resnet, names, preactivation, vgg

# name: (trainable parameters, multiply-accumulates of one image)
COUNTS = {
    "alexnet": (60_965_224, 724_406_816),
    "alexnet-reduced": (378_058, 5_203_296),
    "alexnet-ungrouped": (62_378_344, 1_135_256_096),
    "cifar-preactivation-110": (1_727_962, 252_887_680),
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
    "googlenet-reduced": (48_501, 2_162_624),
    "googlenet-aux-reduced": (69_833, 2_189_888),
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
    **{"alexnet": 195, "alexnet-reduced": 163, "alexnet-ungrouped": 195, "lenet5": 32, "lenet5-modern": 32},
    **{"vgg-a": 150, "vgg-a-lrn": 150, "vgg-b": 156, "vgg-d": 212, "vgg-e": 268},
    **{"plain-18": 435, "resnet-18": 435, "plain-34": 899, "resnet-34": 899},
    **{"resnet-50": 483, "resnet-101": 1027, "resnet-152": 1507},
    **{"googlenet": 715, "googlenet-aux": 715, "googlenet-reduced": 61, "googlenet-aux-reduced": 61},
    **{f"cifar-{kind}-{n}": field for kind in ("plain", "resnet") for n, field in (
        (20, 81), (32, 137), (44, 193), (56, 249), (110, 501)
    )},
    "cifar-preactivation-110": 501,
}  # fmt: skip

CIFAR_DEPTHS = {
    "plain": cifar_resnet.DEPTHS,
    "resnet": cifar_resnet.DEPTHS,
    "preactivation": preactivation.DEPTHS,
}

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
GOOGLENET_REDUCED = {
    "conv1": (16, 16), "pool1": (8, 16), "conv2": (8, 24), "inception_3a": (8, 32), "inception_4a": (8, 64),
    "inception_4d": (8, 66), "pool4": (4, 66), "inception_5b": (4, 128), "linear": (10,),
}  # fmt: skip
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
    "alexnet-reduced": {
        "conv1": (15, 32), "pool1": (7, 32), "conv2": (7, 64), "pool2": (3, 64), "conv5": (3, 64),
        "fc6": (256,), "fc8": (10,),
    },
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
    "googlenet-reduced": GOOGLENET_REDUCED,
    "googlenet-aux-reduced": {
        **GOOGLENET_REDUCED,
        "auxiliary_4a_pool": (2, 64), "auxiliary_4a_conv": (2, 16), "auxiliary_4a_fc": (128,),
        "auxiliary_4d_pool": (2, 66), "auxiliary_4d": (10,),
    },
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
        for kind, depths in CIFAR_DEPTHS.items()
        for depth in depths
    },
}  # fmt: skip

# Layers with weights as the papers count depth: convolutions and dense layers, shortcuts left out.
DEPTHS = {
    **{"alexnet": 8, "alexnet-reduced": 8, "vgg-a": 11, "vgg-b": 13, "vgg-c": 16, "vgg-d": 16, "vgg-e": 19},
    **{f"{kind}-{n}": n for kind in ("plain", "resnet") for n in (18, 34)},
    **{f"resnet-{n}": n for n in (50, 101, 152)},
    **{f"cifar-{kind}-{n}": n for kind, depths in CIFAR_DEPTHS.items() for n in depths},
}


# Families whose convolutions batch normalisation follows.
NORMALISED = tuple(name for name in COUNTS if name.startswith(("plain", "resnet", "cifar")))


def parameters(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


@pytest.fixture(scope="module")
def paper(request):
    """A network at its full size and its account; zeros for weights save time and memory."""
    network = build(request.param, kernel_initializer="zeros")
    yield network, cnnlib.account(network)
    large = parameters(network) > 10**7
    del network
    if large:  # its memory back before the next one
        keras.backend.clear_session()
        gc.collect()


def of_each(networks):
    """Run a test on these networks, each of which is built once for all tests.

    Of the two with 1202 layers only the paper's own: ten seconds each. The other differs by its name.
    """
    built = sorted(set(networks) - {"cifar-plain-1202"})
    return pytest.mark.parametrize("paper", built, indirect=True)


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


PAPERS_STEM = ("plain", "resnet", "googlenet")


@of_each([name for name in COUNTS if name.startswith(PAPERS_STEM) and "reduced" not in name])
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
        ("cifar-resnet-20", {"batch_normalization": None}, (269_722 - 688, 40_551_040)),
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


def counted(depth):
    """Parameters of a network of section 4.2, by arithmetic."""
    k = (depth - 2) // 6
    kernels = 9 * (3 * 16 + 2 * k * 16**2 + 16 * 32 + (2 * k - 1) * 32**2 + 32 * 64 + (2 * k - 1) * 64**2)
    return kernels + 2 * (16 + 2 * k * (16 + 32 + 64)) + 650


@pytest.mark.parametrize("kind", CIFAR_DEPTHS)
def test_every_depth_of_the_cifar_family(kind):
    for depth in CIFAR_DEPTHS[kind]:
        assert COUNTS[f"cifar-{kind}-{depth}"] == COUNTS[f"cifar-resnet-{depth}"]
        assert COUNTS[f"cifar-{kind}-{depth}"][0] == counted(depth)
    for depth in (8, 26):
        network = build(f"cifar-{kind}-{depth}", kernel_initializer="zeros")
        assert (network.name, parameters(network)) == (f"cifar-{kind}-{depth}", counted(depth))


def test_nothing_but_additions_between_the_first_relu_and_the_last():
    """Fig. 1(b): what the blocks add reaches the end unchanged."""
    network = build("cifar-preactivation-14", input_shape=(8, 8, 3), kernel_initializer="zeros")
    layer, trunk = network.get_layer("stage3_block2"), []
    while isinstance(layer, keras.layers.Add):
        trunk.append(layer.name)
        shortcut, _ = layer.input
        layer = shortcut._keras_history.operation
        while layer.name.endswith(("_zeros", "_subsample")):  # option A
            layer = layer.input._keras_history.operation
    assert trunk == [f"stage{stage}_block{block}" for stage in (3, 2, 1) for block in (2, 1)]
    assert layer.name == "conv1_relu"
    with pytest.raises(ValueError, match="batch_normalization: expected momentum and epsilon, got None"):
        build("cifar-preactivation-8", batch_normalization=None)


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(alias):
    network = build(alias, input_shape=(32, 32, 3), dense=(8,), kernel_initializer="zeros")
    assert network.name == ALIASES[alias]
    assert len([layer for layer in network.layers if "conv" in layer.name]) == int(alias[3:]) - 3


@pytest.mark.parametrize("name", ["cifar-plain-8", "resnet-18"])
def test_pythons_limit_of_recursion_stays_as_it_was(name):
    limit = sys.getrecursionlimit()
    with checks.room_for_recursion():
        assert sys.getrecursionlimit() >= 1000 + 5 * 1202
    build(name, input_shape=(32, 32, 3), kernel_initializer="zeros")
    assert sys.getrecursionlimit() == limit
