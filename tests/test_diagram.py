"""The drawing of a network: what is drawn, to which scale, and whether it can be read."""

import itertools
import math

import keras
import matplotlib.pyplot as plt
import pytest
from keras import layers
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import cnnlib
from cnnlib.accounting import account
from cnnlib.plots.diagram import FILLS, LEGEND, architecture, units

pytestmark = pytest.mark.usefixtures("zero_weights")

NETWORKS = ["lenet5", "alexnet", "nin", "googlenet-aux", "cifar-resnet-56", "resnet-50"]


@pytest.fixture(scope="module", params=NETWORKS)
def drawing(request, zero_weights):
    result = account(cnnlib.models.build(request.param))
    figure = architecture(result)
    figure.canvas.draw()
    return result, figure


def described(model):
    return [(unit.name, unit.kind, unit.sides, unit.maps) for unit in units(account(model))]


def test_units_of_lenet5():
    assert described(cnnlib.models.build("lenet5")) == [
        ("image", "input", (32, 32), 1),
        ("c1", "layer", (28, 28), 6),
        ("s2", "pooling", (14, 14), 6),
        ("c3", "layer", (10, 10), 16),
        ("s4", "pooling", (5, 5), 16),
        ("c5", "layer", (1,), 120),
        ("f6", "layer", (1,), 84),
        ("output", "layer", (1,), 10),
    ]


def test_units_of_blocks():
    found = described(cnnlib.models.build("resnet-50", input_shape=(64, 64, 3), classes=10))
    blocks = [
        f"stage{stage}_block{i}" for stage, n in zip((2, 3, 4, 5), (3, 4, 6, 3)) for i in range(1, n + 1)
    ]
    assert [unit[0] for unit in found] == ["image", "conv1", "pool1", *blocks, "avg_pool", "fc"]
    assert found[-3:] == [
        ("stage5_block3", "layer", (2, 2), 2048),
        ("avg_pool", "pooling", (1,), 2048),
        ("fc", "layer", (1,), 10),
    ]


def test_units_of_branches():
    found = described(cnnlib.models.build("googlenet-aux", classes=10))
    inceptions = [f"inception_{name}" for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")]
    names = [unit[0] for unit in found]
    assert [name for name in names if "inception" in name] == inceptions
    assert not any("auxiliary" in name for name in names)
    assert ("inception_4e", "layer", (14, 14), 832) in found


def test_units_of_a_network_without_names():
    image = keras.Input((3, 9, 12))
    options = {"data_format": "channels_first"}
    x = layers.Conv2D(4, 3, padding="same", name="one", **options)(image)
    y = layers.Conv2D(4, 3, padding="same", name="two", **options)(x)
    x = layers.Add(name="sum")([x, y])
    x = layers.GlobalMaxPooling2D(name="pool", **options)(x)
    assert described(keras.Model(image, layers.Dense(2, name="last")(x)))[1:] == [
        ("one", "layer", (9, 12), 4),
        ("sum", "layer", (9, 12), 4),
        ("pool", "pooling", (1,), 4),
        ("last", "layer", (1,), 2),
    ]


def test_every_cost_is_drawn_once(drawing):
    result, _ = drawing
    found = units(result)
    names = [row.name for unit in found for row in unit.rows]
    assert len(names) == len(set(names))
    left_out = [row for row in result.rows if row.name not in names]
    assert all("auxiliary" in row.name for row in left_out)
    costs = [row.macs for unit in found for row in unit.rows] + [row.macs for row in left_out]
    assert sum(costs) == result.macs


def test_figure_can_be_read(drawing):
    _, figure = drawing
    assert isinstance(figure, Figure)
    width, height = figure.get_size_inches()
    assert width <= 7 and height <= 10
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 9
    boxes = [text.get_window_extent() for text in texts]
    page = figure.bbox
    for box in boxes:
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
    # Neighbouring lines may touch by the height of their capitals, but no two texts lie over one another.
    for (one, a), (other, b) in itertools.combinations(zip(texts, boxes), 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across <= 0 or down <= 0.15 * a.height, (one.get_text(), other.get_text())
    for patch in maps_of(figure):
        box = patch.get_window_extent()
        assert not any(box.padded(-1).overlaps(text) for text in boxes)


def maps_of(figure):
    """The boxes, those of the legend left out."""
    return [p for p in figure.axes[0].patches if isinstance(p, Rectangle)][: -len(LEGEND)]


def test_boxes_are_to_scale():
    figure = architecture(cnnlib.models.build("lenet5"))
    sides, maps = [32, 28, 14, 10, 5, 1, 1, 1], [1, 6, 6, 16, 16, 120, 84, 10]
    drawn = maps_of(figure)
    assert len(drawn) == 8
    for patch, side, number in zip(drawn, sides, maps):
        assert patch.get_height() == pytest.approx(drawn[0].get_height() * math.sqrt(side / 32))
        assert patch.get_width() == pytest.approx(drawn[0].get_width() * math.sqrt(number))


def test_repeated_blocks_are_counted_and_not_all_drawn():
    figure = architecture(cnnlib.models.build("cifar-resnet-56"))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert [text for text in texts if "×9" in text] == ["stage1 ×9", "stage2 ×9", "stage3 ×9"]
    assert texts.count("…") == 3
    assert len(maps_of(figure)) < 20


def test_costs_are_those_of_the_account():
    texts = [text.get_text() for text in architecture(cnnlib.models.build("vgg-d")).axes[0].texts]
    # Of the convolutions at 56 x 56, of the dense layers, and of all.
    assert {"1.48 M", "4.62 G", "124 M", "138 M", "15.5 G"} <= set(texts)


def test_side_outputs_are_named():
    figure = architecture(cnnlib.models.build("googlenet-aux"))
    assert figure.axes[0].texts[-1].get_text() == "Not drawn: auxiliary_4a, auxiliary_4d."


def test_fills_differ_in_grey():
    red, green, blue = 0.2126, 0.7152, 0.0722
    greys = sorted(red * r + green * g + blue * b for r, g, b in map(to_rgb, FILLS.values()))
    assert all(b - a > 0.2 for a, b in itertools.pairwise(greys))


def test_figure_is_closed():
    before = plt.get_fignums()
    architecture(cnnlib.models.build("lenet5-modern"))
    assert plt.get_fignums() == before


@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV2", "NASNetMobile"])
def test_any_network_can_be_drawn(name):
    model = getattr(keras.applications, name)(weights=None)
    figure = architecture(model)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "all" in texts and any(text.startswith("224×224") for text in texts)


def test_small_and_odd_networks():
    vector = keras.Sequential([keras.Input((5,)), layers.Dense(3, name="only")])
    assert [unit.name for unit in units(account(vector))][1:] == ["only"]
    assert isinstance(architecture(vector), Figure)
    sequence = keras.Sequential(
        [keras.Input((20, 3)), layers.Conv1D(4, 3), layers.Flatten(), layers.Dense(2)]
    )
    assert "20" in [text.get_text() for text in architecture(sequence).axes[0].texts]
    strange = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.UpSampling2D(2)])
    texts = [text.get_text() for text in architecture(account(strange, unknown="mark")).axes[0].texts]
    assert "?" in texts


def test_bad_input():
    with pytest.raises(TypeError, match="expected a Keras model, got str"):
        architecture("lenet5")
