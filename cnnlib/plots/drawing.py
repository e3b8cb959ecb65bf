"""Drawings for derivations: boxes, arrows and grids as SVG within the page, in the colours of its theme.

    d = Drawing(420, 160, title="A residual block", description="A box with an arrow around it.")
    d.box(210, 40, 120, 36, "layer")
    d.arrow([(210, 58), (210, 110)], "8x8x16")
    d  # as the last line of a cell

Lengths are in units of which a wide column of text holds 640; a phone shows a drawing of that width at
little more than half its size. y grows downwards. ``graph`` draws a built model.
"""

import collections
import html
import itertools
import math
import zlib
from collections.abc import Callable, Sequence

import keras

SIZE = 14  # of letters
LETTER = 0.56  # width of a letter, of its size: an estimate on the safe side
LINE = 1.3  # from one line of text to the next, of its size
HEAD = 8  # of an arrow
FONT = "font-family='system-ui, sans-serif'"
# For text over lines: a ring of the page's colour around its letters.
HALO = " style='paint-order:stroke;stroke:var(--pst-color-background,transparent);stroke-width:5px'"


class Drawing:
    """A drawing to which its methods add; as the last line of a cell it is shown.

    Args:
        width, height: in units.
        title: what it is, in a few words.
        description: what one sees, for readers who do not.
        caption: what it means: shown under the drawing.

    Raises:
        ValueError: no title or no description.
    """

    def __init__(self, width: float, height: float, *, title: str, description: str, caption: str = ""):
        if not title or not description:
            raise ValueError(f"expected a title and a description, got {title!r} and {description!r}")
        self.width, self.height = width, height
        self.title, self.description, self.caption = title, description, caption
        self.parts: list[str] = []

    def box(
        self, x: float, y: float, width: float, height: float, text: str = "", *, shade: float = 0.08,
        size: float = SIZE, corner: float = 4, dashed: bool = False,
    ) -> None:  # fmt: skip
        """A box around its centre (x, y) with lines of text; ``shade`` is how dark it is, 0 to 1."""
        dash = " stroke-dasharray='4 3'" if dashed else ""
        self.parts.append(
            f"<rect x='{x - width / 2:g}' y='{y - height / 2:g}' width='{width:g}' height='{height:g}' "
            f"rx='{corner:g}' fill='currentColor' fill-opacity='{shade:g}' stroke='currentColor'{dash}/>"
        )
        self.text(x, y, text, size=size)

    def circle(self, x: float, y: float, text: str = "", *, radius: float = 13, shade: float = 0.08) -> None:
        """A circle around (x, y), of an addition for instance."""
        self.parts.append(
            f"<circle cx='{x:g}' cy='{y:g}' r='{radius:g}' fill='currentColor' fill-opacity='{shade:g}' "
            "stroke='currentColor'/>"
        )
        self.text(x, y, text, size=1.4 * radius)

    def line(self, points: Sequence, *, width: float = 1.5, dashed: bool = False) -> None:
        """A line through points (x, y)."""
        dash = " stroke-dasharray='4 3'" if dashed else ""
        where = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(
            f"<polyline points='{where}' fill='none' stroke='currentColor' stroke-width='{width:g}' "
            f"stroke-linejoin='round'{dash}/>"
        )

    def arrow(
        self, points: Sequence, label: str = "", *, size: float = SIZE - 1, width: float = 1.5,
        dashed: bool = False,
    ) -> None:  # fmt: skip
        """A line through points (x, y) with a head at the last one; the label stands beside its longest part.

        To the right of a part that goes up or down, above one that goes to the side.
        """
        (x0, y0), (x1, y1) = points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        bx, by = x1 - HEAD * ux, y1 - HEAD * uy
        self.line([*points[:-1], (bx, by)], width=width, dashed=dashed)
        half = 0.45 * HEAD
        corners = [(x1, y1), (bx - half * uy, by + half * ux), (bx + half * uy, by - half * ux)]
        self.parts.append(
            f"<polygon points='{' '.join(f'{x:g},{y:g}' for x, y in corners)}' fill='currentColor'/>"
        )
        if label:
            (x0, y0), (x1, y1) = max(itertools.pairwise(points), key=lambda part: math.dist(*part))
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            if abs(y1 - y0) >= abs(x1 - x0):
                self.text(x + 7, y, label, size=size, anchor="start", halo=True)
            else:
                self.text(x, y - 0.8 * size, label, size=size, halo=True)

    def text(
        self, x: float, y: float, text: str, *, size: float = SIZE, anchor: str = "middle",
        bold: bool = False, halo: bool = False,
    ) -> None:  # fmt: skip
        """Lines of text, their middle at height y; at x is their ``anchor``: start, middle or end.

        ``halo``: with a ring of the page's colour, over lines of the drawing.
        """
        if not text:
            return
        lines = text.split("\n")
        style = (" font-weight='600'" if bold else "") + (HALO if halo else "")
        first = y - (len(lines) - 1) / 2 * LINE * size
        for number, line in enumerate(lines):
            self.parts.append(
                f"<text x='{x:g}' y='{first + number * LINE * size:g}' dy='.35em' text-anchor='{anchor}' "
                f"font-size='{size:g}' fill='currentColor'{style}>{html.escape(line)}</text>"
            )

    def grid(
        self, x: float, y: float, values: Sequence, *, cell: float = 20, show: Callable | None = None,
        shade: Callable = lambda value: 0.0, size: float = 12,
    ) -> None:  # fmt: skip
        """Rows of squares, the upper left corner at (x, y).

        Args:
            values: rows of values.
            cell: side of a square.
            show: the text that stands for a value; None: no text.
            shade: how dark a value is, 0 to 1.
        """
        for row, line in enumerate(values):
            for column, value in enumerate(line):
                middle = x + (column + 0.5) * cell, y + (row + 0.5) * cell
                text = "" if show is None else show(value)
                self.box(*middle, cell, cell, text, shade=float(shade(value)), size=size, corner=0)

    def svg(self) -> str:
        """The drawing alone, as an SVG element."""
        # The same drawing has the same names in every run; another one on the page has others.
        key = f"d{zlib.crc32(''.join([self.title, *self.parts]).encode()):x}"
        return (
            f"<svg viewBox='0 0 {self.width:g} {self.height:g}' role='img' "
            f"aria-labelledby='{key}t {key}d' xmlns='http://www.w3.org/2000/svg' {FONT} "
            f"style='width:100%;max-width:{self.width:g}px;height:auto'>"
            f"<title id='{key}t'>{html.escape(self.title)}</title>"
            f"<desc id='{key}d'>{html.escape(self.description)}</desc>{''.join(self.parts)}</svg>"
        )

    def _repr_html_(self):
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        return f"<figure class='drawing'>{self.svg()}{caption}</figure>"

    def __repr__(self):
        """What there is to see where nothing is drawn."""
        return f"<Drawing {self.title!r}: {self.description}>"


# A built model ------------------------------------------------------------------------------------

GAP, LANE, EDGE = 26, 34, 46  # between two boxes of a row, for a line around boxes, from row to row
PASSED = ("ZeroPadding2D", "Flatten", "Reshape")  # a line goes through them
FOLDED = ("BatchNormalization", "FusedBatchNormalization", "ReLU", "Activation", "Dropout", "Softmax")


def words(layer: keras.Layer) -> str:
    """What a box says of a layer."""
    kind = type(layer).__name__
    sides = getattr(layer, "kernel_size", getattr(layer, "pool_size", ()))
    side = "x".join(map(str, (sides, sides) if isinstance(sides, int) else sides))
    strides = getattr(layer, "strides", (1, 1))
    step = f", stride {strides[0]}" if kind != "Dense" and max(strides) > 1 else ""
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    behind = "" if activation == "linear" else f"\n{ {'relu': 'ReLU'}.get(activation, activation) }"
    if kind.endswith("Conv2D"):
        return f"{side} convolution{step}{behind}"
    if kind == "Dense":
        return f"dense{behind}"
    if kind == "MaxPooling2D" and side == "1x1":
        return f"1 of {strides[0]} rows,\n1 of {strides[0]} columns"
    names = {
        "ZeroChannels": "maps of zeros",
        "MaxPooling2D": f"{side} maximum{step}", "AveragePooling2D": f"{side} average{step}",
        "GlobalAveragePooling2D": "average of each map", "BatchNormalization": "normalisation",
        "FusedBatchNormalization": "normalisation", "Concatenate": "concatenation", "InputLayer": "input",
        "Subsampling": "sum of each 2x2,\nweighted, squashed", "RadialBasis": "distances",
    }  # fmt: skip
    return names.get(kind, activation if kind == "Activation" else kind)


def graph(
    model: keras.Model, *, title: str, description: str, caption: str = "", text: Callable = words,
    size: float = SIZE,
) -> Drawing:  # fmt: skip
    """A built model from its input, at the top, down: boxes for layers, sizes on the arrows between them.

    Normalisation and activation stand in the box of the layer before them; padding, flattening and the like
    are left out. A sum is a circle. A line that passes other boxes goes around them on the right.

    Args:
        model: a functional model of one input.
        title, description, caption: as of ``Drawing``.
        text: gives the words of a layer.
        size: of the letters.

    Returns:
        A ``Drawing``.
    """
    boxes, edges, stands_for = _boxes(model, text)
    before = {name: [start for start, end, _ in edges if end == name] for name in boxes}
    rank, column, above = {}, {}, {}
    for name, starts in before.items():
        rank[name] = 1 + max((rank[start] for start in starts), default=-1)
        above[name] = set(starts).union(*(above[start] for start in starts))
        if len(starts) == 1:
            beside = [end for start, end, _ in edges if start == starts[0] and len(before[end]) == 1]
            column[name] = column[starts[0]] + beside.index(name) - (len(beside) - 1) / 2
        else:
            # Under the middle of its branches; a shortcut from where they fork is none.
            ends = [s for s in starts if not any(s in above[other] for other in starts)]
            column[name] = sum(column[end] for end in ends) / max(len(ends), 1)
    sizes = {name: _size(text, size) for name, text in boxes.items()}
    wide = max(width for width, _ in sizes.values()) + GAP
    rows = [
        max(sizes[name][1] for name in boxes if rank[name] == row) for row in range(max(rank.values()) + 1)
    ]
    tops = [sum(rows[:row]) + EDGE * row + 4 for row in range(len(rows))]
    left = min(column[name] * wide - sizes[name][0] / 2 for name in boxes) - 4
    place = {name: (column[name] * wide - left, tops[rank[name]] + rows[rank[name]] / 2) for name in boxes}
    right = max(place[name][0] + sizes[name][0] / 2 for name in boxes)

    lines = []
    for start, end, label in edges:
        (x0, y0), (x1, y1) = place[start], place[end]
        y0, y1 = y0 + sizes[start][1] / 2, y1 - sizes[end][1] / 2
        passed = [name for name in boxes if rank[start] < rank[name] < rank[end]]
        passed = [name for name in passed if column[name] == column[start]]
        if passed:  # around them
            lane = max(place[name][0] + sizes[name][0] / 2 for name in passed) + LANE
            right = max(right, lane)
            entry = x1 + sizes[end][0] / 2, place[end][1]
            points = [(x0, y0 + 12), (lane, y0 + 12), (lane, entry[1]), entry]
            beside = lane, (y0 + entry[1]) / 2
        elif len(before[end]) > 1:  # down, and to the sum at the end
            points = [*([] if x0 == x1 else [(x0, y1 - 16), (x1, y1 - 16)]), (x1, y1)]
            beside = x0, y0 + 15
        else:
            points = [*([] if x0 == x1 else [(x0, y0 + 12), (x1, y0 + 12)]), (x1, y1)]
            beside = x1, (y0 + y1) / 2 + (0 if x0 == x1 else 4)
        lines.append(([(x0, y0), *points], beside, label))
    bottom = tops[-1] + rows[-1]
    for tensor in model.outputs:
        end = stands_for[tensor._keras_history.operation.name][0]
        x, y = place[end]
        y += sizes[end][1] / 2
        lines.append(([(x, y), (x, y + EDGE)], (x, y + EDGE / 2), _shape(tensor)))
        bottom = max(bottom, y + EDGE)
    room = max((LETTER * size * len(label) for *_, label in lines)) + 12
    drawing = Drawing(right + room, bottom + 4, title=title, description=description, caption=caption)
    for name, words_ in boxes.items():
        if words_ == "+":
            drawing.circle(*place[name], "+")
        else:
            drawing.box(*place[name], *sizes[name], words_, size=size)
    for points, _, _ in lines:
        drawing.arrow(points)
    for _, (x, y), label in lines:
        drawing.text(x + 7, y, label, size=size - 1, anchor="start", halo=True)
    return drawing


def _size(text, size):
    """Width and height of the box around a text."""
    if text == "+":
        return 26, 26
    lines = text.split("\n")
    return max(map(len, lines)) * LETTER * size + 20, len(lines) * LINE * size + 12


def _boxes(model, text):
    """What there is to draw, from the top.

    Layer name -> text of its box; edges (from, to, the shape that the first one gives); and for each layer
    the one in whose box it stands, with the shape that it gives.
    """
    boxes, edges, stands_for = {}, [], {}
    uses = collections.Counter(name for layer in model.layers for name in _inputs(layer))
    for layer in model.layers:
        starts = [stands_for[name] for name in _inputs(layer)]
        kind, label = type(layer).__name__, _shape(layer.output)
        if starts and kind in PASSED:
            stands_for[layer.name] = starts[0]
            continue
        name = starts[0][0] if starts else None
        apart = (keras.layers.InputLayer, keras.layers.Add)
        folds = name and kind in FOLDED and not isinstance(model.get_layer(name), apart)
        if folds and uses[_inputs(layer)[0]] == 1:
            joint = ", " if "\n" in boxes[name] else "\n"
            boxes[name] += joint + text(layer)
            stands_for[layer.name] = name, label
            continue
        boxes[layer.name] = "+" if kind == "Add" else text(layer)
        edges += [(start, layer.name, shape_) for start, shape_ in starts]
        stands_for[layer.name] = layer.name, label
    return boxes, edges, stands_for


def _shape(tensor):
    """28x28x6 of a tensor (batch, 28, 28, 6)."""
    return "x".join(map(str, tensor.shape[1:]))


def _inputs(layer):
    """The names of the layers whose outputs a layer of a functional model takes."""
    if isinstance(layer, keras.layers.InputLayer):
        return []
    tensors = layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]
    return [tensor._keras_history.operation.name for tensor in tensors]
