"""Drawings: SVG in the page's colours, with words for readers who do not see it; networks drawn whole."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import keras
import pytest
from keras import layers

from cnnlib.models import build, resnet
from cnnlib.plots import Drawing, graph

SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawing):
    return ElementTree.fromstring(drawing.svg())


def texts(drawing):
    return [element.text for element in parsed(drawing).iter(f"{SVG}text")]


def boxes(drawing):
    """(left, top, right, bottom) of the boxes."""
    found = []
    for box in parsed(drawing).iter(f"{SVG}rect"):
        x, y, width, height = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        found.append((x, y, x + width, y + height))
    return found


def ends(drawing):
    """Where the lines start and, with their heads, end."""
    root = parsed(drawing)
    heads = [head.get("points").split()[0] for head in root.iter(f"{SVG}polygon")]
    starts = [line.get("points").split()[0] for line in root.iter(f"{SVG}polyline")]
    return [tuple(tuple(map(float, point.split(","))) for point in pair) for pair in zip(starts, heads)]


def drawn(model):
    return graph(model, title="t", description="d")


def test_every_part_is_in_the_colour_of_the_text():
    drawing = Drawing(200, 100, title="a < b", description="c & d", caption="e > f")
    drawing.box(50, 20, 60, 20, "one\ntwo <3")
    drawing.circle(100, 50, "+")
    drawing.arrow([(0, 0), (0, 40), (60, 40)], "28x28x6")
    drawing.line([(1, 2), (3, 4)], dashed=True)
    drawing.grid(0, 0, [[1, 2], [3, 4]], show=str, shade=lambda value: value / 4)
    root = parsed(drawing)
    assert (root.find(f"{SVG}title").text, root.find(f"{SVG}desc").text) == ("a < b", "c & d")
    assert root.get("aria-labelledby").split() == [
        root.find(f"{SVG}{t}").get("id") for t in ("title", "desc")
    ]
    assert texts(drawing) == ["one", "two <3", "+", "28x28x6", "1", "2", "3", "4"]
    for element in root.iter():
        assert {element.get("fill", "none"), element.get("stroke", "none")} <= {"none", "currentColor"}
    page = drawing._repr_html_()
    assert "<figcaption>e &gt; f</figcaption>" in page
    assert "<figcaption" not in Drawing(1, 1, title="t", description="d")._repr_html_()
    assert repr(drawing) == "<Drawing 'a < b': c & d>"


def test_the_same_drawing_is_the_same_text_and_another_has_other_names():
    first, again, other = (Drawing(9, 9, title="t", description="d") for _ in range(3))
    other.text(1, 1, "x")
    assert first.svg() == again.svg()
    assert parsed(first).get("aria-labelledby") != parsed(other).get("aria-labelledby")


@pytest.mark.parametrize("words", [{"title": "", "description": "d"}, {"title": "t", "description": ""}])
def test_a_drawing_without_words_is_refused(words):
    with pytest.raises(ValueError, match="expected a title and a description"):
        Drawing(1, 1, **words)


def test_an_arrow_ends_at_its_last_point():
    drawing = Drawing(100, 100, title="t", description="d")
    drawing.arrow([(10, 10), (10, 50)])
    assert ends(drawing) == [((10, 10), (10, 50))]


def block(option, maps=16, stride=1):
    image = keras.Input((16, 16, 16), name="image")
    return keras.Model(image, resnet.block(image, maps, stride, option=option, name="block"))


def test_a_residual_block_has_its_shortcut():
    drawing = drawn(block("A"))
    shown = [text for text in texts(drawing) if not re.fullmatch(r"[\dx]+", text)]
    assert shown == [
        "input", "3x3 convolution", "normalisation, ReLU", "3x3 convolution", "normalisation", "+", "ReLU",
    ]  # fmt: skip
    assert texts(drawing).count("16x16x16") == 6
    plain = drawn(block(None))
    assert "+" not in texts(plain) and len(ends(plain)) == 3  # into each layer, and out
    assert len(ends(drawing)) == 6
    # Its line passes right of all boxes.
    (around,) = [
        line.get("points")
        for line in parsed(drawing).iter(f"{SVG}polyline")
        if line.get("points").count(" ") > 3
    ]
    assert max(float(point.split(",")[0]) for point in around.split()) > max(box[2] for box in boxes(drawing))


@pytest.mark.parametrize("option", ["A", "B"])
def test_a_shortcut_that_changes_the_shape_is_drawn_beside_the_branch(option):
    shown = texts(drawn(block(option, maps=32, stride=2)))
    assert ("1x1 convolution, stride 2" in shown) == (option == "B")
    assert ("maps of zeros" in shown) == (option == "A")
    assert "16x16x16" in shown and "8x8x32" in shown and "18x18x16" not in shown


def module():
    image = keras.Input((28, 28, 192))
    branches = [layers.Conv2D(8, 1)(image), layers.Conv2D(6, 3, padding="same")(layers.Conv2D(4, 1)(image))]
    branches.append(layers.Conv2D(5, 1)(layers.MaxPooling2D(3, 1, "same")(image)))
    return keras.Model(image, layers.Concatenate()(branches))


@pytest.mark.parametrize(
    "model",
    [
        lambda: build("lenet5"), lambda: build("lenet5-modern"), module, lambda: block("B", 32, 2),
        lambda: build("cifar-resnet-8", input_shape=(16, 16, 3)),
        lambda: build("cifar-preactivation-8", input_shape=(16, 16, 3)),
        lambda: build("googlenet", input_shape=(64, 64, 3)),
        lambda: build("nin", input_shape=(32, 32, 3)),
    ],
    ids=["lenet5", "lenet5-modern", "module", "block", "resnet", "preactivation", "googlenet", "nin"],
)  # fmt: skip
def test_a_network_is_drawn_whole(model):
    model = model()
    drawing = drawn(model)
    found = boxes(drawing)
    for left, top, right, bottom in found:
        assert 0 <= left < right <= drawing.width and 0 <= top < bottom <= drawing.height
    for (a0, b0, a1, b1), (c0, d0, c1, d1) in itertools.combinations(found, 2):
        assert a1 < c0 or c1 < a0 or b1 < d0 or d1 < b0  # no two boxes overlap
    sums = [layer for layer in model.layers if isinstance(layer, layers.Add)]
    assert texts(drawing).count("+") == len(sums)
    shape = "x".join(map(str, model.output_shape[1:]))
    assert shape in texts(drawing)


def test_the_words_of_a_box_can_be_others():
    drawing = graph(block("A"), title="t", description="d", text=lambda layer: layer.name)
    assert "block_conv1" in texts(drawing)
    same = graph(block("A"), title="t", description="d", text=lambda layer: f"input of {layer.name}")
    assert len(boxes(same)) == len(boxes(drawing))


def test_branches_stand_side_by_side_over_their_concatenation():
    found = boxes(drawn(module()))
    image, *rest = found
    middle = (image[0] + image[2]) / 2
    last = max(rest, key=lambda box: box[3])
    assert (last[0] + last[2]) / 2 == pytest.approx(middle)
