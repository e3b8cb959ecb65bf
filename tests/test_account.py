"""The account of known networks against published numbers, and of every kind of layer by hand."""

import json
import re

import keras
import numpy as np
import pytest
from keras import layers, ops

import cnnlib
from cnnlib.accounting import account
from cnnlib.accounting.rules import Cost, pool_over, rule

pytestmark = pytest.mark.usefixtures("zero_weights")


def network(*chain, shape=(32, 32, 3)):
    """The model in which each layer follows the one before."""
    x = image = keras.Input(shape, name="image")
    for layer in chain:
        x = layer(x)
    return keras.Model(image, x, name="network")


# LeNet-5 -----------------------------------------------------------------------------------------

LENET5 = """\
layer    kind                      output    parameters     MACs  field  stride
-------------------------------------------------------------------------------
image    InputLayer                32x32x1            0        0      1       1
c1       Conv2D                    28x28x6          156  117,600      5       1
s2       Subsampling               14x14x6           12        0      6       2
c3       PartiallyConnectedConv2D  10x10x16       1,516  150,000     14       2
s4       Subsampling               5x5x16            32        0     16       4
c5       Conv2D                    1x1x120       48,120   48,000     32       4
flatten  Flatten                   120                0        0    all
f6       Dense                     84            10,164   10,080    all
output   RadialBasis               10                 0        0    all
-------------------------------------------------------------------------------
total                                            60,000  325,680     32"""


def test_text_of_lenet5():
    assert str(account(cnnlib.models.build("lenet5"))) == LENET5


# keras.applications ------------------------------------------------------------------------------

# Trainable parameters, MACs and receptive field. The receptive fields of ResNet, Inception and MobileNet
# stand in the table of Araujo, Norris and Sim 2019 (Distill); He et al. 2015 print 3.8 and 11.3 billion
# MACs. keras.applications keeps the biases of ResNet's convolutions.
KNOWN = {
    "VGG16": (138_357_544, 15_470_264_320, 212),
    "VGG19": (143_667_240, 19_632_062_464, 268),
    "ResNet50": (25_583_592, 3_857_973_248, 483),
    "ResNet152": (60_268_520, 11_282_415_616, 1507),
    "InceptionV3": (23_817_352, None, 1311),
    "InceptionResNetV2": (None, None, 3039),
    "MobileNet": (None, None, 315),
}
OTHERS = [
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "MobileNetV2",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50V2",
    "Xception",
]


@pytest.mark.parametrize("name", [*KNOWN, *OTHERS])
def test_keras_applications(name):
    keras.backend.clear_session()
    options = {"input_shape": (224, 224, 3)} if name.startswith("MobileNetV3") else {}
    model = getattr(keras.applications, name)(weights=None, **options)
    result = account(model)
    assert result.parameters == sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert result.parameters + result.frozen == model.count_params()
    assert len(result.rows) >= len(model.layers)
    assert max(map(len, str(result).splitlines())) <= 80
    assert all(row.field and row.macs is not None for row in result.rows)
    for row in result.rows:
        if row.kind in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense"):
            # Each weight is used at least once. (Those of biases are not multiplied.)
            assert row.macs >= row.parameters - row.shape[-1] > 0
    parameters, macs, field = KNOWN.get(name, (None, None, None))
    assert result.parameters == (parameters or result.parameters)
    assert result.macs == (macs or result.macs)
    assert result.receptive_field == (field or result.receptive_field)
    if name == "VGG16":
        assert result.activations == 15_237_608 and result.bytes == 4 * 15_237_608
        assert result.row("flatten").activations == 0


def test_every_application_has_a_relative_in_the_test():
    tested = {getattr(keras.applications, name).__module__ for name in [*KNOWN, *OTHERS]}
    for name in dir(keras.applications):
        builder = getattr(keras.applications, name)
        if name[0].isupper() and callable(builder):
            assert builder.__module__ in tested, name


# Kinds of layers ---------------------------------------------------------------------------------

# A chain on 32x32x3 images, and of its last layer: output, parameters, MACs, field, stride, offset.
CHAINS = {
    "same padding": ([layers.Conv2D(8, 5, padding="same")], ((32, 32, 8), 608, 614_400, 5, 1, -2)),
    "same padding, even input, stride 2: nothing before": (
        [layers.Conv2D(8, 3, strides=2, padding="same")],
        ((16, 16, 8), 224, 55_296, 3, 2, 0),
    ),
    "groups": ([layers.Conv2D(6, 3, groups=3)], ((30, 30, 6), 60, 48_600, 3, 1, 0)),
    "dilation": (
        [layers.Conv2D(4, 3, dilation_rate=4, padding="same")],
        ((32, 32, 4), 112, 110_592, 9, 1, -4),
    ),
    "rectangles": (
        [layers.Conv2D(4, (1, 7), padding="same"), layers.Conv2D(4, (3, 1), strides=(2, 2))],
        ((15, 16, 4), 52, 11_520, (3, 7), 2, (0, -3)),
    ),
    "depthwise": (
        [layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)],
        ((30, 30, 6), 54, 48_600, 3, 1, 0),
    ),
    "separable": (
        [layers.SeparableConv2D(10, 3, depth_multiplier=2)],
        ((30, 30, 10), 124, 102_600, 3, 1, 0),
    ),
    "pools overlap": (
        [layers.MaxPooling2D(3, 2), layers.AveragePooling2D(3, 2, padding="same")],
        ((8, 8, 3), 0, 0, 7, 4, -2),
    ),
    "border": (
        [layers.ZeroPadding2D(((1, 2), (3, 4))), layers.Conv2D(2, 5, strides=2, use_bias=False)],
        ((16, 18, 2), 150, 43_200, 5, 2, (-1, -3)),
    ),
    "cropping after a stride": (
        [layers.AveragePooling2D(2), layers.Cropping2D(((1, 0), (2, 0)))],
        ((15, 14, 3), 0, 0, 2, 2, (2, 4)),
    ),
    "global pooling": ([layers.Conv2D(4, 3), layers.GlobalMaxPooling2D()], ((4,), 0, 0, 32, 0, 0)),
    "average over the whole map": (
        [layers.Conv2D(4, 3), layers.AveragePooling2D(30)],
        ((1, 1, 4), 0, 0, 32, 0, 0),
    ),
    "dense on a map is a 1x1 convolution": (
        [layers.Conv2D(4, 3), layers.Dense(10)],
        ((30, 30, 10), 50, 36_000, 3, 1, 0),
    ),
    "dense over a row": (
        [layers.Permute((1, 3, 2)), layers.Dense(4)],
        ((32, 3, 4), 132, 12_288, (1, 32), (1, 0), 0),
    ),
    "dense after flatten": ([layers.Flatten(), layers.Dense(2)], ((2,), 6_146, 6_144, 32, 0, 0)),
    "softmax of channels": ([layers.Conv2D(4, 3, activation="softmax")], ((30, 30, 4), 112, 97_200, 3, 1, 0)),
    "softmax over a row": ([layers.Softmax(axis=2)], ((32, 32, 3), 0, 0, (1, 32), (1, 0), 0)),
    "layer normalisation": ([layers.LayerNormalization()], ((32, 32, 3), 6, 0, 1, 1, 0)),
    "layer normalisation of the image": (
        [layers.LayerNormalization(axis=[1, 2, 3])],
        ((32, 32, 3), 6_144, 0, 32, 0, 0),
    ),
    "group normalisation": ([layers.GroupNormalization(3)], ((32, 32, 3), 6, 0, 32, 0, 0)),
    "parametric rectifier": ([layers.PReLU(shared_axes=[1, 2])], ((32, 32, 3), 3, 0, 1, 1, 0)),
    "permuted sides": (
        [layers.Conv2D(4, (1, 5)), layers.Permute((2, 1, 3)), layers.MaxPooling2D((2, 1), (2, 1))],
        ((14, 32, 4), 0, 0, (1, 6), (1, 2), 0),
    ),
    "shuffled channels": (
        [
            layers.Conv2D(6, 3),
            layers.Reshape((30, 30, 2, 3)),
            layers.Permute((1, 2, 4, 3)),
            layers.Reshape((30, 30, 6)),
            layers.Conv2D(6, 3, groups=3),
        ],
        ((28, 28, 6), 114, 84_672, 5, 1, 0),
    ),
    "patches in a row": (
        [layers.Conv2D(8, 8, 8), layers.Reshape((16, 8)), layers.Dense(8)],
        ((16, 8), 72, 1_024, 32, 0, 0),
    ),
    "rows of patches": (
        [layers.Conv2D(8, 8, 8), layers.Reshape((4, 32))],
        ((4, 32), 0, 0, (8, 32), (8, 0), 0),
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_layer(name):
    chain, expected = CHAINS[name]
    chain = [layer.from_config(layer.get_config()) for layer in chain]  # a fresh copy each time
    model = network(*chain)
    row = account(model).rows[-1]
    assert model.outputs[0].shape[1:] == row.shape
    assert (row.shape, row.parameters, row.macs, row.receptive_field, row.stride, row.offset) == expected


def test_centre():
    row = account(network(layers.Conv2D(4, 4, padding="same"), layers.Conv2D(4, 3, strides=2))).rows[-1]
    assert (row.receptive_field, row.offset, row.centre) == (6, -1, 1.5)


@pytest.mark.parametrize("classes", [layers.Conv1D, layers.Conv3D])
def test_one_and_three_sides(classes):
    shape, sides = ((20, 2), 1) if classes is layers.Conv1D else ((8, 9, 10, 2), 3)
    row = account(network(classes(5, 3, strides=2, padding="same"), shape=shape)).rows[-1]
    assert row.receptive_field == 3
    assert len(row.field) == sides
    assert row.macs == np.prod(row.shape) * 3**sides * 2


def test_causal_convolution_sees_the_past():
    row = account(network(layers.Conv1D(5, 3, dilation_rate=2, padding="causal"), shape=(20, 2))).rows[-1]
    assert (row.receptive_field, row.offset, row.shape) == (5, -4, (20, 5))


def test_channels_first():
    options = {"data_format": "channels_first"}
    model = network(layers.Conv2D(4, (3, 5), **options), layers.MaxPooling2D(2, **options), shape=(3, 20, 24))
    last = account(model).rows[-1]
    assert last.shape == (4, 9, 10)
    assert (last.receptive_field, last.stride) == ((4, 6), 2)
    assert account(model).macs == 4 * 18 * 20 * 3 * 3 * 5


def test_vectors_have_no_field():
    result = account(network(layers.Dense(5), layers.Dense(2), shape=(7,)))
    assert (result.parameters, result.macs, result.receptive_field) == (52, 45, None)
    assert result.rows[-1].field == ()
    assert str(result).splitlines()[-1].split() == ["total", "52", "45"]


def test_frozen_layers_are_not_trainable():
    model = network(layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(), layers.Conv2D(2, 1))
    model.get_layer("conv").trainable = False
    result = account(model)
    assert (result.parameters, result.frozen) == (8 + 10, 112 + 8)
    assert "and 120 parameters that are not trained" in str(result)


def test_half_precision_takes_half_the_bytes():
    for dtype in ("float16", "bfloat16"):
        row = account(network(layers.Conv2D(4, 3, dtype=dtype))).rows[-1]
        assert row.bytes == 2 * row.activations == 2 * 30 * 30 * 4


# Graphs ------------------------------------------------------------------------------------------


def test_branches_of_different_fields():
    image = keras.Input((28, 28, 192))
    one = layers.Conv2D(64, 1)(image)
    five = layers.Conv2D(16, 1)(image)
    five = layers.Conv2D(32, 5, padding="same")(five)
    three = layers.MaxPooling2D(3, 1, padding="same")(image)
    result = account(keras.Model(image, layers.Concatenate(name="all")([one, five, three])))
    row = result.row("all")
    assert (row.receptive_field, row.stride, row.offset, row.shape) == (5, 1, -2, (28, 28, 288))
    assert row.inputs == tuple(tensor._keras_history.operation.name for tensor in (one, five, three))
    # The 5x5 branch of inception (3a), by hand: 2,408,448 + 10,035,200.
    assert result.macs == 28 * 28 * 64 * 192 + 12_443_648


def test_merged_windows_that_do_not_overlap():
    image = keras.Input((20, 20, 1))
    left = layers.Cropping2D(((0, 10), (0, 10)))(image)
    right = layers.Cropping2D(((10, 0), (8, 2)))(image)
    row = account(keras.Model(image, layers.Add()([left, right]))).rows[-1]
    assert (row.receptive_field, row.offset) == ((11, 9), 0)


def test_merged_branches_of_different_strides():
    image = keras.Input((20, 20, 1))
    strided = layers.MaxPooling2D(2)(image)
    cropped = layers.Cropping2D(((0, 10), (5, 5)))(image)
    row = account(keras.Model(image, layers.Add()([strided, cropped]))).rows[-1]
    assert not row.is_map
    assert (row.receptive_field, row.offset) == (20, 0)


def test_squeeze_and_excitation_sees_all():
    image = keras.Input((32, 32, 4))
    x = layers.Conv2D(4, 3, name="before")(image)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Dense(4, activation="sigmoid")(gate)
    x = layers.Multiply(name="gated")([x, gate])
    result = account(keras.Model(image, layers.Conv2D(4, 3, name="after")(x)))
    assert result.row("gated").sees_all and result.row("after").sees_all
    assert result.receptive_field == 3


def test_broadcast_map():
    image = keras.Input((8, 8, 2))
    one = layers.Conv2D(2, 8)(image)
    row = account(keras.Model(image, layers.Add()([image, one]))).rows[-1]
    assert row.sees_all


def test_largest_field_of_several_heads():
    image = keras.Input((32, 32, 1))
    trunk = layers.Conv2D(2, 3)(image)
    side = layers.GlobalMaxPooling2D()(trunk)
    main = layers.GlobalMaxPooling2D()(layers.Conv2D(2, 5)(trunk))
    assert account(keras.Model(image, [side, main])).receptive_field == 7


def test_shared_layer_counts_its_parameters_once():
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    result = account(network(shared, shared, shared))
    assert [row.name for row in result.rows[1:]] == ["shared", "shared (call 2)", "shared (call 3)"]
    assert [row.parameters for row in result.rows[1:]] == [84, 0, 0]
    assert [row.receptive_field for row in result.rows[1:]] == [3, 5, 7]
    assert result.macs == 3 * 32 * 32 * 3 * 3 * 9


def test_nested_models():
    block = network(layers.Conv2D(3, 3, name="conv"), layers.BatchNormalization(name="norm"))
    block.name = "block"
    head = keras.Sequential([layers.GlobalAveragePooling2D(name="pool"), layers.Dense(5)], name="head")
    model = network(layers.MaxPooling2D(1, name="first"), block, head)
    result = account(model)
    assert [row.name for row in result.rows][:4] == ["image", "first", "block/conv", "block/norm"]
    assert result.rows[-2].name == "head/pool"
    assert result.parameters + result.frozen == model.count_params()
    assert result.macs == 30 * 30 * 3 * 27 + 15


def test_nested_model_called_twice_and_on_another_size():
    inside = keras.Input((None, None, 3))
    block = keras.Model(inside, layers.Conv2D(3, 3, strides=2, padding="same", name="conv")(inside), name="b")
    result = account(network(block, block))
    assert [row.name for row in result.rows[1:]] == ["b/conv", "b/conv (call 2)"]
    assert [row.shape for row in result.rows[1:]] == [(16, 16, 3), (8, 8, 3)]
    assert [row.receptive_field for row in result.rows[1:]] == [3, 7]
    assert (result.parameters, result.macs) == (84, (16 * 16 + 8 * 8) * 81)


def test_sequential():
    model = keras.Sequential([keras.Input((10, 10, 1)), layers.Conv2D(2, 3), layers.Flatten()])
    assert account(model).receptive_field == 3


def test_two_images_of_one_size_and_a_vector():
    one, two, vector = keras.Input((16, 16, 1)), keras.Input((16, 16, 1)), keras.Input((2,))
    tower = layers.Conv2D(4, 3)
    both = layers.Subtract()([tower(one), tower(two)])
    joined = layers.Concatenate()([layers.Flatten()(both), vector])
    result = account(keras.Model([one, two, vector], layers.Dense(1, name="last")(joined)))
    assert result.parameters == 40 + 14 * 14 * 4 + 2 + 1
    assert result.row("last").sees_all


def test_images_of_two_sizes_have_no_common_pixels():
    one, two = keras.Input((16, 16, 1)), keras.Input((8, 8, 1))
    pooled = layers.MaxPooling2D(2)(one)
    result = account(keras.Model([one, two], layers.Add(name="sum")([pooled, two])))
    assert result.row("sum").field is None and result.row("sum").macs == 0
    assert result.receptive_field is None and result.macs == 0


def test_operations_without_layers():
    image = keras.Input((32, 32, 4), name="image")
    x = layers.Conv2D(4, 3, padding="same")(image)
    short = ops.pad(image[:, ::2, 1::2], [[0, 0], [0, 0], [0, 0], [2, 2]])
    y = layers.Conv2D(8, 3, strides=2, padding="same")(x)
    y = ops.relu(y + short) * 2.0
    model = keras.Model(image, ops.mean(y, axis=(1, 2)))
    result = account(model)
    fields = {row.kind: (row.receptive_field, row.stride, row.offset) for row in result.rows}
    assert fields["GetItem"] == (1, 2, (0, 1))
    # Its padding is behind only, so that the window starts where that of the first convolution does.
    assert fields["Add"] == (5, 2, -1)
    assert fields["Mean"] == (35, 0, -1)
    assert result.receptive_field == 5
    joined = ops.concatenate([image, image[:, :, ::-1]], axis=-1)
    with pytest.raises(ValueError, match="GetItem"):
        account(keras.Model(image, joined))


# What comes out ----------------------------------------------------------------------------------


def test_dictionary_is_json():
    result = account(cnnlib.models.build("lenet5"))
    data = json.loads(json.dumps(result.to_dict()))
    assert data["parameters"] == 60_000 and data["connections"] == 340_908
    assert data["rows"][3] == {
        "name": "c3",
        "kind": "PartiallyConnectedConv2D",
        "shape": [10, 10, 16],
        "parameters": 1_516,
        "frozen": 0,
        "macs": 150_000,
        "connections": 151_600,
        "activations": 1_600,
        "bytes": 6_400,
        "receptive_field": 14,
        "stride": 2,
        "offset": 0,
        "centre": 6.5,
        "inputs": ["s2"],
    }
    assert data["outputs"] == ["output"] and data["unknown"] == []


def test_text_of_other_columns():
    result = account(network(layers.Conv2D(4, (3, 5), padding="same", name="conv")))
    assert result.text(["name", "field", "stride", "offset", "connections"]).splitlines() == [
        "layer  field  stride  offset  connections",
        "-----------------------------------------",
        "image      1       1       0",
        "conv     3x5       1   -1,-2      188,416",
        "-----------------------------------------",
        "total    3x5                      188,416",
    ]
    with pytest.raises(ValueError, match=r"unknown column 'colour'; known: name, kind, .*bytes"):
        result.text(["colour"])


def test_text_stays_within_its_width():
    long = "a_name_that_" + "goes_on_" * 8 + "and_ends"
    result = account(network(layers.Conv2D(4, 3, name=long), layers.GlobalAveragePooling2D()))
    for width in (60, 80):
        lines = result.text(width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert re.match(r"a_name_\S*…\S*nd_ends ", lines[3])
    assert long in result.text(width=None) and "GlobalAveragePooling2D" in result.text(width=None)
    assert all(line == line.rstrip() for line in str(result).splitlines())


def test_html_has_no_colours_and_escapes_names():
    model = network(layers.Conv2D(64, 3, name="a<b"), layers.Flatten())
    page = account(model)._repr_html_()
    assert "a&lt;b" in page and "a<b" not in page
    assert "1,792" in page and "1,555,200" in page
    assert "overflow:auto" in page and "text-align:right" in page and "<th " in page
    assert not re.search(r"color(?!:inherit)|background|#[0-9a-fA-F]{3}", page)


# Bad input, and layers that nobody has told of ---------------------------------------------------


@keras.saving.register_keras_serializable("test_account")
class Mixing(keras.layers.Layer):
    """A layer that the account cannot know: each row is multiplied by a matrix."""

    def build(self, input_shape):
        side = input_shape[2]
        self.matrix = self.add_weight(shape=(side, side), name="matrix")

    def call(self, x):
        return ops.einsum("bhwc,wv->bhvc", x, self.matrix)


class Halving(layers.Conv2D):
    """A convolution that does more than a convolution."""

    def call(self, x):
        return super().call(x)[:, ::2]


@pytest.mark.parametrize("layer", [Mixing, layers.UpSampling2D, lambda name: Halving(4, 3, name=name)])
def test_unknown_layer_is_an_error_that_names_it(layer):
    with pytest.raises(
        ValueError, match=r"'strange' \((Mixing|UpSampling2D|Halving)\).*cnnlib\.accounting\.rules.*'mark'"
    ):
        account(network(layer(name="strange")))


def test_unknown_layer_marked():
    result = account(network(layers.Conv2D(3, 3), Mixing(name="mixing"), layers.Conv2D(2, 3)), unknown="mark")
    assert result.unknown == ("mixing",)
    assert (result.macs, result.receptive_field, result.connections) == (None, None, None)
    row = result.row("mixing")
    assert (row.parameters, row.macs, row.field, row.shape) == (900, None, None, (30, 30, 3))
    # What comes behind it has known costs and an unknown field.
    assert result.rows[-1].macs == 28 * 28 * 2 * 27 and result.rows[-1].field is None
    assert str(result).splitlines()[4].split()[-3:] == ["?", "?", "?"]
    assert str(result).splitlines()[-1] == "? because of layers without a rule: mixing"
    assert json.dumps(result.to_dict())


def test_a_layer_joins_in_with_a_rule():
    class Known(Mixing):
        pass

    @rule.register
    def _(layer: Known, call):
        return Cost(pool_over(call.field, call.shape, [2]), macs=call.size * call.shape[2])

    result = account(network(layers.Conv2D(3, 3), Known()))
    assert result.rows[-1].macs == 30 * 30 * 3 * 30
    assert result.rows[-1].receptive_field == (3, 32)


def test_a_registered_layer_defined_anew_keeps_its_rule():
    def define():
        @keras.saving.register_keras_serializable("test_account")
        class Anew(Mixing):
            pass

        return Anew

    rule.register(define(), lambda layer, call: Cost(call.field, macs=7))
    assert account(network(define()())).macs == 7


def test_unknown_row_lists_the_known():
    with pytest.raises(ValueError, match=r"'c4'; known: image, c1, s2, c3"):
        account(cnnlib.models.build("lenet5")).row("c4")


@pytest.mark.parametrize("value", ["lenet5", None, layers.Conv2D(1, 1), keras.Model])
def test_not_a_model(value):
    with pytest.raises(TypeError, match=r"model: expected a Keras model, got (str|NoneType|Conv2D|type)"):
        account(value)


class OwnCall(keras.Model):
    """Functional, with a graph, and run in another way."""

    def call(self, x):
        return ops.tanh(super().call(x))


class OwnNothing(keras.Model):
    """Functional, and nothing else."""


def test_a_subclass_that_is_run_by_its_graph():
    image = keras.Input((8, 8, 1))
    assert account(OwnNothing(image, layers.Conv2D(2, 3)(image))).macs == 36 * 9 * 2


def test_models_without_a_graph():
    class Own(keras.Model):
        def call(self, x):
            return x

    own = Own()
    own(np.zeros((1, 4)))
    with pytest.raises(ValueError, match=r"'own.*' has no graph.*keras\.Model\(inputs, outputs\)"):
        account(own)
    with_graph = OwnCall(inside := keras.Input((4,)), layers.Dense(3)(inside), name="other_graph")
    with pytest.raises(
        ValueError, match=r"'other_graph' has no graph.*OwnCall is a subclass with its own call"
    ):
        account(with_graph)
    with pytest.raises(ValueError, match=r"'other_graph' \(OwnCall\): the account does not know"):
        account(network(layers.Dense(4), with_graph, shape=(4,)))
    assert account(keras.Sequential([inside, with_graph]), unknown="mark").unknown == ("other_graph",)
    with pytest.raises(ValueError, match=r"has no graph.*build it first"):
        account(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ValueError, match=r"\(Own\): the account does not know"):
        account(network(own))


def test_undefined_size():
    with pytest.raises(ValueError, match=r"'image'.*\(None, None, 3\): build .* for example \(224, 224, 3\)"):
        account(network(layers.Conv2D(4, 3), shape=(None, None, 3)))


def test_unknown_option():
    with pytest.raises(ValueError, match=r"unknown: expected 'error' or 'mark', got 'ignore'"):
        account(network(layers.Conv2D(4, 3)), unknown="ignore")
