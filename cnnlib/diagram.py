"""A network drawn to scale from its account: ``architecture(model)``."""

import itertools
import math
import os.path
from dataclasses import dataclass, field

from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath

from cnnlib.accounting import Account, account

# Inches.
BORDER = 0.08
SIDES, COSTS = 0.85, 0.78  # width of the column of the sides, and of each of the two columns of costs
GAP, BETWEEN = 0.04, 0.2  # between two maps of a group, between two groups
TALLEST, WIDEST = 0.95, 1.3  # the largest side, the largest number of maps
TEXT = 0.16  # from one line of text to the next

SIZE = 9.5  # points
MOST = 5  # maps of a group that are drawn; dots stand for the others
FILLS = {"input": "white", "layer": "#0072B2", "pooling": "#E69F00"}
LEGEND = {"input": "input", "layer": "layer or block with weights", "pooling": "pooling"}


# What to draw ------------------------------------------------------------------------------------


@dataclass
class Unit:
    """A map to draw: its sides, its number, and the rows of the account that make it."""

    name: str
    kind: str
    sides: tuple
    maps: int
    rows: list = field(default_factory=list)


def units(result):
    """The maps of an account that every path from the input to the first output passes through, in order.

    In a plain network these are the outputs of all layers, in a network of blocks those of the blocks.
    Normalisation, activations and the like are drawn with the layer before them, padding with the one behind.
    """
    path = _path(result)
    place = {row.name: i for i, row in enumerate(path)}
    last_use = {place[name]: i for i, row in enumerate(path) for name in row.inputs}  # later rows overwrite
    channels_first = any(span.axis == 2 for span in path[0].field[:1] or ()) if path[0].field else False

    found, waiting, in_use = [], [], 0
    for i, row in enumerate(path):
        waiting.append(row)
        passes_all = in_use <= i  # nothing made before this row is used behind it
        in_use = max(in_use, last_use.get(i, i))
        if not passes_all:
            continue
        sides, maps = _sides(row.shape, channels_first)
        before = found[-1] if found else None
        moved = before is None or (row.receptive_field, row.stride) != (
            before.rows[-1].receptive_field,
            before.rows[-1].stride,
        )
        works = any(r.macs for r in waiting)
        if before and not works and not moved:
            if "Padding" in row.kind or "Cropping" in row.kind:
                continue
            if (sides, maps) == (before.sides, before.maps) or not row.activations:
                before.rows += waiting
                waiting = []
                continue
        kind = "input" if before is None else "pooling" if moved and not works else "layer"
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


def _common(names):
    """What names have in common, up to a "_" or "/" in each or to its end; it may be nothing."""
    common = os.path.commonprefix(names)
    while common and not all(name[len(common) :][:1] in ("", "_", "/") for name in names):
        common = common[: max(common.rfind("_"), common.rfind("/"), 0)]
    return common.rstrip("_/")


@dataclass
class Group:
    """Units side by side under one label."""

    units: list

    @property
    def label(self):
        """Name, with the number of units, and number of maps."""
        first, last = self.units[0], self.units[-1]
        name = first.name
        if len(self.units) > 1:
            name = os.path.commonprefix([unit.name for unit in self.units]).rstrip("_/").removesuffix("_block")
            name = f"{name or first.name} ×{len(self.units)}"
        maps = f"{first.maps}" if first.maps == last.maps else f"{first.maps}–{last.maps}"
        return name, maps

    def drawn(self):
        """The units that are drawn, None for those left out."""
        return self.units if len(self.units) <= MOST else [*self.units[:3], None, self.units[-1]]


def _groups(line):
    """Neighbours of one kind whose names begin with the same word."""
    groups = itertools.groupby(line, key=lambda unit: (unit.kind, unit.name.replace("/", "_").split("_")[0]))
    return [Group(list(members)) for _, members in groups]


# Drawing -----------------------------------------------------------------------------------------


def architecture(model):
    """A figure of a network to scale, lines of maps from the input down, as wide as a page of the book.

    The height of a box is the side of its maps and its width their number, both on a square-root scale;
    each line has the maps of one size and what they cost. Drawn are the maps that everything passes through,
    layers of a plain network and blocks of others; side outputs are left out and named.

    Args:
        model: a Keras model, or its ``Account``.

    Returns:
        A closed ``matplotlib.figure.Figure``.

    Raises:
        TypeError, ValueError: as ``cnnlib.account``.
    """
    from cnnlib.plots import WIDTH, figure  # not above: cnnlib.plots has this function, too

    result = model if isinstance(model, Account) else account(model)
    drawn = units(result)
    lines = [(sides, _groups(line)) for sides, line in itertools.groupby(drawn, key=lambda unit: unit.sides)]
    room = WIDTH - 2 * BORDER - SIDES - 2 * COSTS
    tall = TALLEST / math.sqrt(max(max(unit.sides) for unit in drawn))
    wide = min(_scale(groups, room) for _, groups in lines)
    placed = [(sides, _wrap(groups, wide, room)) for sides, groups in lines]
    notes = _notes(result, drawn)
    heights = [len(rows) * (tall * math.sqrt(sides[0]) + 2 * TEXT + 0.16) for sides, rows in placed]
    height = 2 * BORDER + 0.3 + sum(heights) + 0.35 + TEXT * (len(notes) + 1.8)

    with figure(height=height) as (fig, axes):
        fig.set_layout_engine("none")
        axes.set_position([0, 0, 1, 1])
        axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        axes.axis("off")
        pen = _Pen(axes, WIDTH)
        y = BORDER + 0.12
        pen.columns(y, "maps", "parameters", "MACs")
        y += 0.18
        for (sides, rows), space in zip(placed, heights):
            pen.rule(y)
            members = [row for groups in rows for group in groups for unit in group.units for row in unit.rows]
            label = "×".join(map(str, sides if len(sides) > 1 else sides * 1))
            each = space / len(rows)
            pen.columns(
                y + 0.08 + tall * math.sqrt(sides[0]) / 2,
                f"{sides[0]}×1" if sides == (1,) else label,
                _short(sum(row.parameters for row in members)),
                _short(None if any(row.macs is None for row in members) else sum(row.macs for row in members)),
            )
            for groups in rows:
                pen.line(y + 0.08, groups, tall * math.sqrt(sides[0]), wide)
                y += each
        pen.rule(y)
        y += 0.16
        path = [row for unit in drawn for row in unit.rows]
        pen.columns(
            y,
            "all",
            _short(sum(row.parameters for row in path)),
            _short(None if any(row.macs is None for row in path) else sum(row.macs for row in path)),
        )
        y += 0.2
        pen.legend(y)
        for note in notes:
            y += TEXT
            pen.text(BORDER, y + 0.08, note, ha="left")
    return fig


def _text_width(text):
    """Inches."""
    return TextPath((0, 0), text, size=SIZE).get_extents().width / 72


def _group_width(group, wide):
    boxes = [0.2 if unit is None else wide * math.sqrt(unit.maps) for unit in group.drawn()]
    return sum(boxes) + GAP * (len(boxes) - 1)


def _scale(groups, room):
    """Inches for the root of the number of maps such that the boxes of these groups fit into ``room``."""
    roots = [math.sqrt(unit.maps) for group in groups for unit in group.drawn() if unit]
    fixed = sum(_group_width(group, 0) for group in groups) + BETWEEN * (len(groups) - 1)
    return min(WIDEST / max(roots), max(room - fixed, 0.3 * room) / sum(roots))


def _wrap(groups, wide, room):
    """The groups on as many rows as they and their labels need."""
    rows, used = [[]], 0
    for group in groups:
        width = max(_group_width(group, wide), *map(_text_width, group.label))
        if rows[-1] and used + BETWEEN + width > room:
            rows.append([])
            used = 0
        used += width + (BETWEEN if rows[-1] else 0)
        rows[-1].append(group)
    return rows


def _short(number):
    """Three digits and a unit."""
    if number is None:
        return "?"
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= unit * 0.9995:
            digits = 2 - min(2, int(math.log10(number / unit * 1.0005)))
            return f"{number / unit:.{digits}f}{name}"
    return f"{number}"


def _notes(result, drawn):
    notes = ["Height: side of the maps. Width: number of maps. Square-root scales."]
    if len(result.outputs) > 1:
        notes.append(f"Not drawn: {', '.join(result.outputs[1:])}.")
    return notes


class _Pen:
    """Draws on axes whose unit is the inch."""

    def __init__(self, axes, width):
        self.axes, self.width = axes, width

    def text(self, x, y, text, **options):
        self.axes.text(x, y, text, fontsize=SIZE, va="center", **options)

    def columns(self, y, first, *costs):
        self.text(BORDER, y, first, ha="left")
        for i, cost in enumerate(reversed(costs)):
            self.text(self.width - BORDER - i * COSTS, y, cost, ha="right")

    def rule(self, y):
        self.axes.plot([BORDER, self.width - BORDER], [y, y], color="#bbbbbb", linewidth=0.6)

    def line(self, y, groups, tall, wide):
        """Groups side by side, each with its label below."""
        x = BORDER + SIDES
        for group in groups:
            width = _group_width(group, wide)
            label = group.label
            all_width = max(width, *map(_text_width, label))
            at = x + (all_width - width) / 2
            for unit in group.drawn():
                if unit is None:
                    self.text(at + 0.1, y + tall / 2, "…", ha="center")
                    at += 0.2 + GAP
                    continue
                box = wide * math.sqrt(unit.maps)
                self.axes.add_patch(
                    Rectangle((at, y), box, tall, facecolor=FILLS[unit.kind], edgecolor="black", linewidth=0.6)
                )
                at += box + GAP
            for i, text in enumerate(label):
                self.text(x + all_width / 2, y + tall + 0.1 + i * TEXT, text, ha="center")
            x += all_width + BETWEEN

    def legend(self, y):
        x = BORDER
        for kind, text in LEGEND.items():
            self.axes.add_patch(
                Rectangle((x, y - 0.06), 0.16, 0.12, facecolor=FILLS[kind], edgecolor="black", linewidth=0.6)
            )
            self.text(x + 0.22, y, text, ha="left")
            x += 0.22 + _text_width(text) + 0.25
