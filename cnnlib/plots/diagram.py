"""A network drawn to scale from its account: ``architecture(model)``."""

import functools
import itertools
import math
from dataclasses import dataclass, field

import keras
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath

from cnnlib.accounting import Account, account
from cnnlib.plots.style import WIDTH, figure

SIZE = 9.5  # points; all other lengths are inches
BORDER = 0.06
SIDES, COSTS = 0.76, 0.74  # width of the column of the sides, and of each of the two columns of costs
GAP, BETWEEN = 0.04, 0.18  # between two maps of a group, between two groups
TALLEST, WIDEST = 0.85, 1.25  # the largest side, the largest number of maps
TEXT = 0.16  # from one line of text to the next

MOST = 5  # maps of a group that are drawn; dots stand for the others
FILLS = {"input": "white", "layer": "#0072B2", "pooling": "#E69F00"}
LEGEND = {"input": "input", "layer": "layer or block", "pooling": "pooling"}


# What to draw ------------------------------------------------------------------------------------


@dataclass
class Unit:
    """A map to draw: its sides, its number, and the rows of the account that make it."""

    name: str
    kind: str
    sides: tuple
    maps: int
    rows: list = field(default_factory=list)


def units(result: Account) -> list[Unit]:
    """The maps of an account that every path from the input to the first output passes through, in order.

    In a plain network these are the outputs of all layers, in a network of blocks those of the blocks.
    Normalisation, activations and the like are drawn with the layer before them, padding with the one behind.
    """
    path = _path(result)
    place = {row.name: i for i, row in enumerate(path)}
    last_use = {place[name]: i for i, row in enumerate(path) for name in row.inputs}
    channels_first = bool(path[0].field) and path[0].field[0].axis == 2

    found, waiting, in_use = [], [], 0
    for i, row in enumerate(path):
        waiting.append(row)
        passes_all = in_use <= i  # nothing that was made before this row is used behind it
        in_use = max(in_use, last_use.get(i, i))
        if not passes_all:
            continue
        sides, maps = _sides(row.shape, channels_first)
        kind = "input" if not found else "layer"
        if found and not any(r.macs for r in waiting):
            before = found[-1]
            seen = before.rows[-1]
            moved = (row.receptive_field, row.stride) != (seen.receptive_field, seen.stride)
            pads = not moved and ("Padding" in row.kind or "Cropping" in row.kind)
            if pads:
                continue
            if not row.activations or (not moved and (sides, maps) == (before.sides, before.maps)):
                before.rows += waiting
                waiting = []
                continue
            kind = "pooling" if moved or sides != before.sides else "layer"
        found.append(Unit(row.name, kind, sides, maps, waiting))
        waiting = []
    for unit in found:
        unit.name = _common([row.name for row in unit.rows]) or unit.name
    return found


def _path(result):
    """The rows on which the first output depends."""
    rows = {row.name: row for row in result.rows}
    needed, stack = set(), [result.outputs[0]]
    while stack:
        name = stack.pop()
        if name not in needed:
            needed.add(name)
            stack.extend(rows[name].inputs)
    return [row for row in result.rows if row.name in needed]


def _sides(shape, channels_first):
    """The sides of maps and their number; the values of a vector are maps of side 1."""
    if len(shape) == 1:
        return (1,), shape[0]
    sides, maps = (shape[1:], shape[0]) if channels_first else (shape[:-1], shape[-1])
    return (1,) if set(sides) == {1} else tuple(sides), maps


def _beginning(names):
    """The characters that all names begin with."""
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*names))
    return "".join(letters[0] for letters in alike)


def _common(names):
    """What names have in common, up to a "_" or "/" in each or to its end; it may be nothing."""
    common = _beginning(names)
    while common and not all(name[len(common) :][:1] in ("", "_", "/") for name in names):
        common = common[: max(common.rfind("_"), common.rfind("/"), 0)]
    return common.rstrip("_/")


@dataclass
class Group:
    """Units side by side over one label."""

    units: list[Unit]

    @property
    def label(self) -> tuple[str, str]:
        """Two lines: name, with the number of units if there are several, and number of maps."""
        first, last = self.units[0], self.units[-1]
        name = first.name
        if len(self.units) > 1:
            common = _beginning([unit.name for unit in self.units])
            name = f"{common.rstrip('_/').removesuffix('_block') or name} ×{len(self.units)}"
        return name, f"{first.maps}" if first.maps == last.maps else f"{first.maps}–{last.maps}"

    def drawn(self) -> list[Unit | None]:
        """The units that are drawn; None stands for those left out."""
        return self.units if len(self.units) <= MOST else [*self.units[:3], None, self.units[-1]]

    def boxes(self, wide: float) -> list[float]:
        """Widths of what is drawn; ``wide`` is that of a single map."""
        return [0.2 if unit is None else wide * math.sqrt(unit.maps) for unit in self.drawn()]

    def width(self, wide: float) -> float:
        """Width of boxes and label together."""
        boxes = self.boxes(wide)
        return max(sum(boxes) + GAP * (len(boxes) - 1), *map(_text_width, self.label))


def _groups(line):
    """Neighbours of one kind whose names begin with the same word."""
    groups = itertools.groupby(line, key=lambda unit: (unit.kind, unit.name.replace("/", "_").split("_")[0]))
    return [Group(list(members)) for _, members in groups]


@dataclass
class Line:
    """The groups whose maps have the same sides, on one row or on several."""

    sides: tuple
    rows: list[list[Group]]
    costs: tuple


def _wrap(groups, wide, room):
    """The groups on as many rows as they need."""
    rows, used = [[]], 0
    for group in groups:
        width = group.width(wide)
        if rows[-1] and used + BETWEEN + width > room:
            rows.append([])
            used = 0
        used += width + (BETWEEN if rows[-1] else 0)
        rows[-1].append(group)
    return rows


def _lines(found, room):
    """The lines, and the width of a single map: the largest that fits and needs the fewest rows."""
    lines = [
        (sides, list(members)) for sides, members in itertools.groupby(found, key=lambda unit: unit.sides)
    ]
    groups = [_groups(members) for _, members in lines]
    largest = WIDEST / math.sqrt(max(unit.maps for unit in found))

    def badness(wide):
        too_wide = sum(group.width(wide) > room for line in groups for group in line)
        return too_wide, sum(len(_wrap(line, wide, room)) for line in groups)

    wide = min((largest * (1 - step / 20) for step in range(16)), key=badness)
    return [
        Line(sides, _wrap(line, wide, room), _costs(members)) for (sides, members), line in zip(lines, groups)
    ], wide


def _costs(members):
    """Parameters and MACs of units, short."""
    rows = [row for unit in members for row in unit.rows]
    macs = None if any(row.macs is None for row in rows) else sum(row.macs for row in rows)
    return _short(sum(row.parameters for row in rows)), _short(macs)


def _short(number):
    """Three digits and a unit."""
    if number is None:
        return "?"
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= 0.9995 * unit:
            value = float(f"{number / unit:.3g}")
            return f"{value:.{max(0, 2 - int(math.log10(value)))}f}{name}"
    return f"{number}"


@functools.cache
def _text_width(text):
    return TextPath((0, 0), text, size=SIZE).get_extents().width / 72


# Drawing -----------------------------------------------------------------------------------------


def architecture(model: keras.Model | Account) -> Figure:
    """A figure of a network to scale, lines of maps from the input down, as wide as a page of the book.

    The height of a box is the side of its maps and its width their number, both on square-root scales;
    each line has the maps of one size and what they cost. Drawn are the maps that everything passes
    through, layers of a plain network and blocks of others; side outputs are left out and named.

    Args:
        model: a Keras model, or its ``Account``.

    Returns:
        A closed ``matplotlib.figure.Figure``.

    Raises:
        TypeError, ValueError: as ``cnnlib.account``.
    """
    result = model if isinstance(model, Account) else account(model)
    found = units(result)
    lines, wide = _lines(found, room=WIDTH - 2 * BORDER - SIDES - 2 * COSTS)
    unit = TALLEST / math.sqrt(max(line.sides[0] for line in lines))
    notes = ["Height: side of the maps. Width: their number, below the name. Square-root scales."]
    if len(result.outputs) > 1:
        notes.append(f"Not drawn: {', '.join(result.outputs[1:])}.")

    def tall(line):
        return unit * math.sqrt(line.sides[0])

    def step(line):
        return tall(line) + 2 * TEXT + 0.14

    height = 0.26 + sum(len(line.rows) * step(line) for line in lines) + 0.5 + TEXT * len(notes) + 0.08
    with figure(height=height) as (fig, axes):
        fig.set_layout_engine("none")
        axes.set_position([0, 0, 1, 1])
        axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        axes.axis("off")

        y = _columns(axes, 0.14, WIDTH, "maps", "parameters", "MACs") + 0.12
        for line in lines:
            _rule(axes, y, WIDTH)
            sides = (1, 1) if line.sides == (1,) else line.sides
            middle = y + 0.08 + max(tall(line), 0.12) / 2
            _columns(axes, middle, WIDTH, "×".join(map(str, sides)), *line.costs)
            for groups in line.rows:
                x = BORDER + SIDES
                for group in groups:
                    _draw(axes, x, y + 0.08, group, tall(line), wide)
                    x += group.width(wide) + BETWEEN
                y += step(line)
        _rule(axes, y, WIDTH)
        y = _columns(axes, y + 0.14, WIDTH, "all", *_costs(found)) + 0.24
        x = BORDER
        for kind, text in LEGEND.items():
            _box(axes, x, y - 0.06, 0.16, 0.12, kind)
            _text(axes, x + 0.22, y, text, "left")
            x += 0.22 + _text_width(text) + 0.25
        for note in notes:
            y += TEXT
            _text(axes, BORDER, y + 0.04, note, "left")
    return fig


def _draw(axes, x, y, group, tall, wide):
    """A group and its label, beginning at x and y."""
    boxes, width = group.boxes(wide), group.width(wide)
    at = x + (width - sum(boxes) - GAP * (len(boxes) - 1)) / 2
    for unit, box in zip(group.drawn(), boxes):
        if unit is None:
            _text(axes, at + box / 2, y + tall / 2, "…", "center")
        else:
            _box(axes, at, y, box, tall, unit.kind)
        at += box + GAP
    for i, text in enumerate(group.label):
        _text(axes, x + width / 2, y + tall + 0.1 + i * TEXT, text, "center")


def _box(axes, x, y, width, height, kind):
    axes.add_patch(Rectangle((x, y), width, height, facecolor=FILLS[kind], edgecolor="black", linewidth=0.6))


def _text(axes, x, y, text, align):
    axes.text(x, y, text, fontsize=SIZE, va="center", ha=align)


def _rule(axes, y, width):
    axes.plot([BORDER, width - BORDER], [y, y], color="#bbbbbb", linewidth=0.6)


def _columns(axes, y, width, first, *costs):
    """The columns beside the maps; returns y."""
    _text(axes, BORDER, y, first, "left")
    for i, cost in enumerate(reversed(costs)):
        _text(axes, width - BORDER - i * COSTS, y, cost, "right")
    return y
