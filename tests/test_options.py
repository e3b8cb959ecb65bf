"""Options of the networks: what is understood is built, all else is an error that names the option."""

import inspect
import math
import re

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import REDUCED, small

import cnnlib
from cnnlib.models import NETWORKS, alexnet, build, find, lenet5
from cnnlib.models.nin import TABLE as NIN

# Any option: either the network that it describes, or an error by its name -----------------------


def convolution(side, inputs, maps, norm=None):
    """Parameters of a convolution with biases, or with gamma and beta in their place (``norm``)."""
    return side**2 * inputs * maps + maps * (1 if norm is None else 2)


def dense(inputs, *units):
    """Parameters of dense layers, one behind another."""
    return sum((before + 1) * after for before, after in zip((inputs, *units), units))


def count_lenet5(o):
    c1, c3, c5, f6 = o["widths"]
    height, width = (((side - 4) // 2 - 4) // 2 - 4 for side in o["input_shape"][:2])
    links = c1 * c3 if o["table"] is None else "".join(o["table"]).count("X")
    count = convolution(5, o["input_shape"][2], c1) + 25 * links + c3 + convolution(5, c3, c5)
    count += 2 * (c1 + c3) if o["pooling"] == "trainable" else 0
    return count + dense(height * width * c5, f6, *[o["classes"]] * (o["output"] == "dense"))


def count_alexnet(o):
    *sides, before = o["input_shape"]
    count = 0
    for number, (side, stride, maps, groups, _, then) in enumerate(o["table"]):
        count += convolution(side, before // groups, maps)
        sides = [(n - side) // stride + 1 if number == 0 else -(-n // stride) for n in sides]
        pool_side, pool_stride = o["pool"]
        sides = [(n - pool_side) // pool_stride + 1 for n in sides] if "pool" in then else sides
        before = maps
    return count + dense(math.prod(sides) * before, *o["dense"], o["classes"])


def count_vgg(o):
    height, width, before = o["input_shape"]
    count = 0
    for row, maps in zip(o["table"], o["widths"]):
        height, width = height // 2, width // 2
        for side in row:
            if side != "LRN":
                count += convolution(side, before, maps)
                before = maps
    return count + dense(height * width * before, *o["dense"], o["classes"])


def count_nin(o):
    (height, width, before), count = o["input_shape"], 0
    for side, *widths, pool in o["table"]:
        for size, maps in zip((side, 1, 1), widths):
            maps = o["classes"] if maps is None else maps
            count += convolution(size, before, maps)
            before = maps
        if pool in ("max", "average"):
            height, width = -(-height // 2), -(-width // 2)
    return count + (dense(height * width * before, o["classes"]) if pool == "dense" else 0)


def count_googlenet(o):
    (side, stride, maps), (reduced, before) = o["stem"]
    count = convolution(side, o["input_shape"][2], maps)
    count += convolution(1, maps, reduced) + convolution(3, reduced, before)
    sides = [-(-n // stride) for n in o["input_shape"][:2]]
    sides = [-(-n // 2) for n in sides]
    for part, row in o["table"].items():
        if len(row) == 2:
            sides = [-(-n // row[1]) for n in sides]
            continue
        a, b, bb, c, cc, d = row
        count += convolution(1, before, a) if a else 0
        for side, reduce, maps in ((3, b, bb), (5, c, cc)):
            if maps:
                count += 0 if reduce is None else convolution(1, before, reduce)
                count += convolution(side, before if reduce is None else reduce, maps)
        count += convolution(1, before, d) if d else 0
        before = a + bb + cc + (before if d is None else d)
        if part in o["auxiliary"]:
            maps, units = o["auxiliary_widths"]
            positions = math.prod((n - 5) // 3 + 1 for n in sides)
            count += convolution(1, before, maps) + dense(positions * maps, units, o["classes"])
    return count + dense(before, o["classes"])


def count_resnet(o):
    if "depth" in o:
        kind, counts, (side, _, before) = "basic", [(o["depth"] - 2) // 6] * 3, (3, 1, o["widths"][0])
    else:
        (kind, counts), (side, _, before) = o["table"], o["stem"]
    norm = o["batch_normalization"]
    count = convolution(side, o["input_shape"][2], before, norm)
    for stage, (blocks, maps) in enumerate(zip(counts, o["widths"])):
        for block in range(blocks):
            if kind == "basic":
                after = maps
                count += convolution(3, before, maps, norm) + convolution(3, maps, maps, norm)
            else:
                after = 4 * maps
                count += convolution(1, before, maps, norm) + convolution(3, maps, maps, norm)
                count += convolution(1, maps, after, norm)
            changes = before != after or (stage > 0 and block == 0)
            if o["shortcut"] == "C" or (o["shortcut"] == "B" and changes):
                count += convolution(1, before, after, norm)
            before = after
    return count + dense(before, o["classes"])


def tables(*columns, most=3):
    return st.lists(st.tuples(*columns), min_size=1, max_size=most)


MAPS = st.integers(1, 6)
PROJECTION = st.one_of(MAPS, st.none(), st.just(0))
WIDTHS = st.lists(MAPS, min_size=1, max_size=4)
CHANNELS = st.integers(1, 3)
SHARED = {
    "classes": st.integers(1, 12),
    "kernel_initializer": st.sampled_from(["zeros", "he_normal", keras.initializers.Zeros()]),
    "classifier_activation": st.sampled_from([None, "softmax"]),
}


def shapes(*sides):
    return st.tuples(st.sampled_from(sides), st.sampled_from(sides), CHANNELS)


RESIDUAL = {
    **SHARED,
    "shortcut": st.sampled_from([None, "A", "B", "C"]),
    "addition": st.sampled_from(["before-activation", "after-activation"]),
    "zero_last_gamma": st.booleans(),
    "batch_normalization": st.sampled_from([None, {}, {"momentum": 0.5}, {"epsilon": 1e-3}]),
}
# name: (the count of its parameters, options of which each takes part or not)
FAMILIES = {
    "lenet5": (count_lenet5, {
        **SHARED,
        "input_shape": shapes(32, 36, 28),
        "classes": st.sampled_from([10, 3]),
        "widths": st.tuples(MAPS, MAPS, MAPS, st.sampled_from([84, 5])),
        "table": st.sampled_from([None, ("X.X", ".XX"), ("X", "X"), lenet5.C3_TABLE]),
        "pooling": st.sampled_from(["trainable", "average", "max"]),
        "output": st.sampled_from(["rbf", "dense"]),
        "activation": st.sampled_from(["relu", "tanh"]),
    }),
    "alexnet": (count_alexnet, {
        **SHARED,
        "input_shape": shapes(12, 15, 31),
        "table": tables(
            st.integers(1, 5), st.integers(1, 3), st.sampled_from([2, 4]), st.sampled_from([1, 2]),
            st.sampled_from([0, 0.5]), st.sampled_from(["", "normalise", "pool", "normalise pool"]),
        ),
        "pool": st.tuples(st.integers(1, 3), st.integers(1, 2)),
        "activation": st.sampled_from(["relu", "tanh"]),
        "response_normalization": st.sampled_from([None, {}, {"n": 3}, {"alpha": 2, "k": 1.0}]),
        "dense": st.lists(MAPS, max_size=2),
        "dropout": st.sampled_from([0, 0.5]),
    }),
    "vgg-a": (count_vgg, {
        **SHARED,
        "input_shape": shapes(4, 8, 13),
        "table": st.lists(st.lists(st.sampled_from([1, 3, "LRN"]), max_size=3), min_size=1, max_size=3),
        "widths": WIDTHS,
        "dense": st.lists(MAPS, max_size=2),
    }),
    "nin": (count_nin, {
        **SHARED,
        "input_shape": shapes(4, 7),
        "table": st.tuples(
            st.lists(
                st.tuples(
                    st.integers(1, 5), st.lists(MAPS, min_size=1, max_size=3),
                    st.sampled_from(["max", "average"]),
                ).map(lambda row: (row[0], *row[1], row[2])),
                min_size=1, max_size=2,
            ),
            st.tuples(
                MAPS, st.lists(MAPS, max_size=2), st.sampled_from([None, 3]),
                st.sampled_from(["global average", "dense"]),
            ).map(lambda row: (row[0], *row[1], *row[2:])),
        ).map(lambda parts: (*parts[0], parts[1])),
        "map_activation": st.sampled_from(["relu", None]),
    }),
    "googlenet": (count_googlenet, {
        **SHARED,
        "input_shape": shapes(16, 33),
        "stem": st.tuples(st.tuples(MAPS, st.integers(1, 2), MAPS), st.tuples(MAPS, MAPS)),
        "table": st.dictionaries(
            st.sampled_from(["3a", "3b", "4a"]),
            st.one_of(
                st.tuples(MAPS, *[st.one_of(MAPS, st.none()), st.one_of(MAPS, st.just(0))] * 2, PROJECTION),
                st.tuples(st.integers(1, 3), st.integers(1, 2)),
            ),
            max_size=3,
        ),
        "auxiliary": st.lists(st.sampled_from(["3a", "4a"]), max_size=1),
        "auxiliary_widths": st.tuples(MAPS, MAPS),
    }),
    "resnet-18": (count_resnet, {
        **RESIDUAL,
        "input_shape": shapes(8, 15, 16),
        "table": st.tuples(st.sampled_from(["basic", "bottleneck"]), st.lists(st.integers(1, 2), max_size=3)),
        "widths": WIDTHS.map(sorted),
        "stem": st.tuples(MAPS, st.integers(1, 2), MAPS),
        "stride_on": st.sampled_from(["1x1", "3x3"]),
    }),
    "cifar-resnet-8": (count_resnet, {
        **RESIDUAL,
        "input_shape": shapes(4, 9),
        "depth": st.sampled_from([8, 14]),
        "widths": st.lists(MAPS, min_size=3, max_size=3),
    }),
}  # fmt: skip
ODD = st.sampled_from([
    None, True, False, -1, 0, 1, 2.5, math.nan, math.inf, 10**10, 10**40, "", "nonsense", b"x", (), [], {},
    (0,), (1, "a"), ((),), (None, None, 3), {"a": 1}, {1: ()}, {"momentum": 2}, {"epsilon": 0}, np.zeros(3),
    np.array([1, 2, 3]), np.array(3), np.bool_(True), object(), int, keras.initializers.Identity(),
])  # fmt: skip


# JAX compiles whatever has a new shape.
EXAMPLES = 60 if keras.backend.backend() == "tensorflow" else 10


@pytest.mark.parametrize("name", FAMILIES)
@given(data=st.data())
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_network_is_as_its_options_say_or_they_are_named(name, data):
    count, valid = FAMILIES[name]
    _, function, variant = find(name)
    defaults = {key: part.default for key, part in inspect.signature(function).parameters.items()}
    given = REDUCED[name] | data.draw(st.fixed_dictionaries({}, optional=valid))
    if data.draw(st.booleans()):
        given[data.draw(st.sampled_from([*defaults][:-1]))] = data.draw(ODD)
    try:
        network = build(name, **given)
    except (ValueError, TypeError) as error:
        options, _, _ = str(error).partition(":")
        assert set(re.findall(r"\w+", options)) & set(given), f"{given}: {error}"
        return
    options = {**defaults, **variant, **given}
    assert cnnlib.account(network).parameters == count(options)
    assert {output.shape for output in network.outputs} == {(None, options["classes"])}


# Options that were once taken for something else --------------------------------------------------

ROW = (3, 1, 4, 1, 0, "")
STRIDED = (ROW, (3, 2, 4, 1, 0, "pool"), (3, 9, 4, 1, 0, "pool"))
LINES = ("X" * 16,) * 6
BAD = {
    "alexnet": [
        ({"depth": 8}, "has no option depth; known: input_shape, classes, table"),
        ({"input_shape": (66, 227, 3)}, "input_shape: each side must be at least 67 pixels, got 66x227"),
        ({"input_shape": (78, 90, 3), "table": STRIDED}, "input_shape: each side must be at least 79 pixels"),
        ({"table": ()}, "table: expected at least one row"),
        ({"table": 5}, "table: expected a tuple, got 5"),
        ({"table": (ROW[:3],)}, "table: expected rows of side, stride, maps, groups, bias, what follows"),
        ({"table": ((*ROW[:5], "normalize pool"),)}, "what follows: expected one of '', 'normalise', 'pool'"),
        ({"table": ((*ROW[:4], math.nan, ""),)}, "table: bias: expected a finite number, got nan"),
        ({"table": ((3, 1, 4, 2, 0, ""),)}, "table: groups: 2 do not divide 3 and 4 maps"),
        ({"table": (ROW, (3, 1, 5, 2, 0, ""))}, "table: groups: 2 do not divide 4 and 5 maps"),
        ({"pool": (3,)}, "pool: expected a tuple of 2 values, got (3,)"),
        ({"pool": (0, 2)}, "pool: expected a whole number from 1"),
        ({"pool": (5, 2), "input_shape": (69, 69, 3)}, "input_shape: each side must be at least 123 pixels"),
        ({"response_normalization": 5}, "response_normalization: expected None or a dictionary of k, n"),
        ({"response_normalization": {"size": 5}}, "response_normalization: expected one of 'k', 'n'"),
        ({"response_normalization": {"n": 4}}, "response_normalization: n: expected an odd number"),
        ({"dense_bias": math.inf}, "dense_bias: expected a finite number, got inf"),
        ({"activation": "rectified"}, "activation: expected the name of an activation of Keras"),
        ({"dropout": 1.0}, "dropout: expected a finite number of at least 0 and below 1, got 1.0"),
        ({"dense": (0,)}, "dense: expected a whole number from 1"),
    ],
    "vgg-d": [
        ({"input_shape": (31, 31, 3)}, "input_shape: each side must be at least 32 pixels, got 31x31"),
        ({"widths": (8, 8)}, "table and widths: expected one entry a stage, got {'table': 5, 'widths': 2}"),
        ({"table": (), "widths": ()}, "table and widths: expected one entry a stage"),
        ({"table": ((),) * 5}, "table: expected rows of filters' sides"),
        ({"table": (("LRN",),) * 5}, "table: expected rows of filters' sides"),
        ({"table": ((3, "lrn"),) * 5}, "table: side: expected a whole number, got 'lrn'"),
        ({"kernel_initializer": "nothing"}, "kernel_initializer: expected an initializer"),
        ({"kernel_initializer": "identity"}, "kernel_initializer: expected an initializer"),
        ({"classifier_activation": "glu"}, "classifier_activation: expected the name of an activation"),
    ],
    "nin": [
        ({"input_shape": (3, 3, 3)}, "input_shape: each side must be at least 4 pixels, got 3x3"),
        ({"table": ((3, 8, 8, 8, "min"), NIN[-1])}, "table: pooling: expected one of 'max', 'average', got"),
        ({"table": ((3, 8, 8, None, "max"),)}, "table: pooling: expected one of 'global average'"),
        ({"table": ((*NIN[-1][:3], 8, "global average"),)}, "table: maps of the second 1x1: expected one of"),
        ({"table": ((3, 0, 8, None, "global average"),)}, "table: maps: expected a whole number from 1"),
        ({"table": ((3, 8, "global average"), NIN[-1])}, "table: pooling: expected one of 'max', 'average'"),
        ({"table": ((3, 8, "global average"),)}, "table: maps: expected one of None, 10, got 8"),
        ({"table": ((3, 8, 8, 8, 8, "max"), NIN[-1])}, "table: expected rows of side, maps, maps of"),
        ({"table": ((3, "max"), NIN[-1])}, "table: expected rows of side, maps, pooling, got"),
        ({"table": (5, NIN[-1])}, "table: expected rows of side, maps, maps of the first"),
        ({"table": ()}, "table: expected at least one row"),
        ({"map_activation": "tanh"}, "map_activation: expected one of 'relu', None, got 'tanh'"),
    ],
    "googlenet": [
        ({"input_shape": (31, 31, 3)}, "input_shape: each side must be at least 32 pixels"),
        ({"auxiliary": ("4a", "4f")}, "auxiliary: expected one of '3a', '3b'"),
        ({"auxiliary": ("pool2",)}, "auxiliary: expected one of '3a', '3b'"),
        ({"table": {"3a": (1, 2, 3)}}, "table: expected side and stride of a pool or #1x1, #3x3 reduce"),
        ({"table": 5}, "table: expected a dictionary of rows, got 5"),
        ({"table": {"3a": (8, 0, 8, 4, 4, 4)}}, "table: #3x3 reduce: expected a whole number from 1"),
        ({"table": {"3a": (8, 4, None, 4, 4, 4)}}, "table: #3x3: expected a whole number, got None"),
        ({"table": {"3a": (0, 4, 0, 4, 0, 0)}}, "table: expected a branch with maps, got (0, 4, 0, 4, 0, 0)"),
        ({"response_normalization": {"a": 1}}, "response_normalization: expected one of 'k', 'n', 'alpha',"),
        ({"stem": ()}, "stem: expected a tuple of 2 values, got ()"),
    ],
    "googlenet-aux": [
        ({"input_shape": (64, 64, 3)}, "input_shape: each side must be at least 65 pixels, got 64x64"),
    ],
    "lenet5": [
        ({"classifier_activation": "nonsense"}, "classifier_activation: expected the name of an activation"),
        ({"classifier_activation": "softmax"}, "classifier_activation: expected one of None, got 'softmax'"),
        ({"pooling": "median"}, "pooling: expected one of 'trainable', 'average', 'max', got 'median'"),
        ({"output": "svm"}, "output: expected one of 'rbf', 'dense', got 'svm'"),
        ({"classes": 26}, "classes: expected one of 10, got 26"),
        ({"widths": (6, 16, 120, 80)}, "widths: f6: expected one of 84, got 80"),
        ({"widths": (6, 12, 120, 84)}, "table and widths: the table links 6 to 16 maps, got"),
        ({"widths": (6, 16, 120)}, "widths: expected a tuple of 4 values"),
        ({"table": ()}, "table: expected rows of X and dot"),
        ({"table": (*LINES[1:], "X" * 15 + "x")}, "table: expected rows of X and dot"),
        ({"table": (*LINES[1:], "X")}, "table: expected rows of X and dot, all of the same length"),
        ({"table": ("X" * 15 + ".",) * 6}, "table: expected at least one X a column, none in [15]"),
        ({"input_shape": (28, 28, 1)}, "input_shape: each side must be at least 32 pixels, got 28x28"),
    ],
    "resnet-50": [
        ({"input_shape": (31, 32, 3)}, "input_shape: each side must be at least 32 pixels, got 31x32"),
        ({"table": ("wide", (1, 1, 1, 1))}, "table: block: expected one of 'basic', 'bottleneck'"),
        ({"table": ("basic", (1, 1))}, "table and widths: expected one entry a stage"),
        ({"table": ("basic", (-1, 1, 1, 0))}, "table: blocks: expected a whole number from 1"),
        ({"table": ("basic", (10**9, 1, 1, 1))}, "table: blocks: expected a whole number from 1"),
        ({"table": ("basic", (999, 1, 1, 1))}, "table: blocks: expected a whole number from 1 to 1000"),
        ({"stem": ()}, "stem: expected a tuple of 3 values, got ()"),
        ({"stride_on": "5x5"}, "stride_on: expected one of '1x1', '3x3', got '5x5'"),
        ({"shortcut": "D"}, "shortcut: expected one of None, 'A', 'B', 'C', got 'D'"),
        ({"addition": "never"}, "addition: expected one of 'before-activation', 'after-activation'"),
        ({"zero_last_gamma": 1}, "zero_last_gamma: expected one of False, True, got 1"),
        ({"batch_normalization": None, "zero_last_gamma": True}, "zero_last_gamma: expected False without"),
        ({"batch_normalization": True}, "batch_normalization: expected None or a dictionary"),
        *[
            ({"batch_normalization": {"momentum": value}}, "batch_normalization: momentum: expected a finite")
            for value in (2, -1, math.nan, 1)
        ],
        *[
            ({"batch_normalization": {"epsilon": value}}, "batch_normalization: epsilon: expected a finite")
            for value in (-1, 0, math.inf)
        ],
        ({"batch_normalization": {"decay": 1}}, "batch_normalization: expected one of 'momentum', 'epsilon'"),
    ],
    "resnet-18": [
        ({"stride_on": "3x3"}, "stride_on: expected one of '1x1', got '3x3'"),
        ({"shortcut": "A", "widths": (64, 32, 64, 64)}, "widths: shortcut A only adds maps"),
    ],
    "plain-18": [
        ({"addition": "after-activation"}, "addition: expected one of 'before-activation', got"),
        ({"zero_last_gamma": True}, "zero_last_gamma: expected False without a shortcut"),
    ],
    "cifar-resnet-20": [
        ({"normalization": False}, "cifar-resnet-20 has no option normalization"),
        ({"widths": (16, 32)}, "widths: expected a tuple of 3 values, got (16, 32)"),
        ({"depth": "20"}, "depth: expected a whole number, got '20'"),
        ({"depth": 10**9 + 4}, "depth: expected a whole number from 8 to 2000"),
        ({"input_shape": (3, 32, 3)}, "input_shape: each side must be at least 4 pixels, got 3x32"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "message"), [(name, *case) for name, cases in BAD.items() for case in cases]
)
def test_bad_options_are_named(name, options, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        build(name, **options)


# The networks' functions, each by one of its names.
FUNCTIONS = {function: name for name, (function, _) in NETWORKS.items()}


@pytest.mark.parametrize("name", FUNCTIONS.values())
@pytest.mark.parametrize(
    ("option", "value", "error", "message"),
    [
        ("classes", 0, ValueError, "classes: expected a whole number from 1"),
        ("classes", 10**10, ValueError, "classes: expected a whole number from 1 to 131072, got 10000000000"),
        ("classes", 2.5, TypeError, "classes: expected a whole number, got 2.5"),
        ("classes", True, TypeError, "classes: expected a whole number, got True"),
        ("input_shape", (2, 2, 3), ValueError, "input_shape: each side must be at least"),
        ("input_shape", (64, 64), TypeError, r"input_shape: expected \(height, width, channels\)"),
        ("input_shape", (None, None, 3), TypeError, r"input_shape: expected \(height, width, channels\)"),
        ("input_shape", (64, 64, 0), ValueError, "input_shape: expected a whole number from 1"),
        ("kernel_initializer", None, ValueError, "kernel_initializer: expected an initializer"),
        ("colour", 1, TypeError, "has no option colour; known: input_shape, classes"),
    ],
)
def test_options_that_all_share(name, option, value, error, message):
    with pytest.raises(error, match=message):
        build(name, **{option: value})


def test_what_json_makes_of_a_table_and_numpy_of_a_number_is_understood():
    row = [list(part) if isinstance(part, tuple) else part for part in REDUCED["alexnet"]["table"]]
    network = small("alexnet", table=row, classes=np.int64(3), dense=np.array([8, 8]))
    assert network.get_config() == small("alexnet", classes=3).get_config()


def test_the_smallest_input_leaves_one_position():
    network = small("alexnet", input_shape=(79, 79, 3), table=STRIDED)
    assert network.get_layer("pool3").output.shape[1:3] == (1, 1)


def test_dense_layers_are_numbered_behind_the_rows_of_the_table():
    def dense(name, **options):
        layers = small(name, **options).layers
        return [layer.name for layer in layers if isinstance(layer, keras.layers.Dense)]

    assert dense("vgg-d") == ["fc6", "fc7", "fc8"]
    assert dense("vgg-d", table=((3,), (3, 3)), widths=(4, 6)) == ["fc3", "fc4", "fc5"]
    assert dense("alexnet") == ["fc4", "fc5", "fc6"]
    assert dense("alexnet", table=alexnet.TABLE[:1]) == ["fc2", "fc3", "fc4"]


def test_pools_stand_where_the_table_of_googlenet_says():
    table = {"3a": (1, 1, 1, 1, 1, 1), "first": (2, 2), "4a": (2, 1, 1, 1, 1, 1), "second": (3, 3)}
    network = small("googlenet", table=table)
    sides = [network.get_layer(name).output.shape[1] for name in ("inception_3a", "first", "second")]
    assert sides == [18, 9, 3]


def test_a_row_of_googlenet_leaves_out_what_it_says():
    """Fig. 2a has no 1x1 before the 3x3, before the 5x5 and behind the pool, which keeps all its maps."""
    table = {"3a": (6, None, 8, None, 4, None), "3b": (0, 5, 7, 5, 0, 0)}
    network = small("googlenet", table=table, response_normalization=None)
    names = {layer.name.removeprefix("inception_") for layer in network.layers if "inception" in layer.name}
    assert names == {"3a", "3a_1x1", "3a_3x3", "3a_5x5", "3a_pool", "3b", "3b_3x3_reduce", "3b_3x3"}
    before = network.get_layer("conv2").output.shape[-1]
    assert network.get_layer("inception_3a").output.shape[-1] == 6 + 8 + 4 + before
    assert network.get_layer("inception_3a_5x5").kernel.shape == (5, 5, before, 4)
    assert network.get_layer("inception_3b").output.shape[-1] == 7
    assert not [layer.name for layer in network.layers if "norm" in layer.name]
    assert small("googlenet").get_layer("norm2").alpha == 1e-4


def test_every_public_function_has_type_hints_and_documents_its_options():
    for function in FUNCTIONS:
        parameters = inspect.signature(function).parameters
        assert set(function.__annotations__) == {*parameters, "return"}
        text = function.__doc__ + build.__doc__
        missing = [name for name in parameters if name != "name" and not re.search(rf"\b{name}\b", text)]
        assert not missing, (function, missing)


# Names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("alexnet2", "did you mean 'alexnet'"),
        ("lenet-5", "did you mean 'lenet5'"),
        ("vgg-f", "did you mean 'vgg-"),
        ("vgg_16", "did you mean 'vgg16'"),
        ("resnet50", "did you mean 'resnet-50'"),
        ("cifar-resnet-", "did you mean 'cifar-resnet-"),
        ("cifar-resnet-08", "did you mean 'cifar-resnet-"),
        ("cifar-resnet-\u0668", "unknown network"),  # an Arabic eight
        ("cifar-resnet-8\n", "unknown network"),
        ("", "known: alexnet"),
        (16, "unknown network 16"),
        (None, "unknown network None"),
        (["lenet5"], r"unknown network ['lenet5']"),
        ({}, r"unknown network {}"),
    ],
)
def test_unknown_names_list_the_known_ones(name, hint):
    for look_up in (find, build):
        with pytest.raises(ValueError, match=r"unknown network.*known: alexnet, .*vgg-e, vgg16") as error:
            look_up(name)
        assert hint in str(error.value)


@pytest.mark.parametrize(("depth", "message"), [
    (21, r"depth: expected 6k \+ 2 layers \(8, 14, 20, ...\), got 21; try 20 or 26"),
    (1201, "got 1201; try 1196 or 1202"),
    (7, "depth: expected a whole number from 8 to 2000, got 7"),
    (2006, "depth: expected a whole number from 8 to 2000, got 2006"),
    (10**9 + 4, "depth: expected a whole number from 8 to 2000, got 1000000004"),
])  # fmt: skip
def test_depths_that_there_are_not(depth, message):
    for kind in ("plain", "resnet"):
        with pytest.raises(ValueError, match=message):
            find(f"cifar-{kind}-{depth}")


def test_find_gives_the_canonical_name():
    assert find("vgg16")[::2] == ("vgg-d", NETWORKS["vgg-d"][1])
    name, function, options = find("cifar-plain-26")
    assert (name, options) == ("cifar-plain-26", {"shortcut": None, "depth": 26})
    assert function is NETWORKS["cifar-plain-20"][0]
