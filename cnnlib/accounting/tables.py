"""Tables as text and as HTML, from a dict: column -> cells, first the heading, last the total."""

import html
import math
from collections.abc import Iterable, Sequence


def as_text(table: dict[str, list[str]], left: Sequence[str], width: int | None, notes: Iterable[str]) -> str:
    """Lines of fixed width, without trailing spaces.

    Args:
        table: column -> its cells.
        left: the columns that are flush left.
        width: of a line at most, None for no limit: if need be the column "kind" is cut, then left out, and
            what "name" has too much loses its middle.
        notes: lines below the table.
    """

    def excess():
        return sum(max(map(len, cells)) + 2 for cells in table.values()) - 2 - (width or math.inf)

    table = dict(table)
    if "kind" in table and excess() > 0:
        table["kind"] = [cell if len(cell) <= 12 else cell[:11] + "…" for cell in table["kind"]]
        if excess() > 0:
            del table["kind"]
    if "name" in table and excess() > 0:
        longest = max(8, max(map(len, table["name"])) - excess())
        table["name"] = [_without_middle(cell, longest) for cell in table["name"]]

    widths = {column: max(map(len, cells)) for column, cells in table.items()}
    aligned = [
        [cell.ljust(widths[column]) if column in left else cell.rjust(widths[column]) for cell in cells]
        for column, cells in table.items()
    ]
    heading, *lines, total = ("  ".join(cells).rstrip() for cells in zip(*aligned))
    line = "-" * (sum(widths.values()) + 2 * (len(widths) - 1))
    return "\n".join([heading, line, *lines, line, total, *notes])


def _without_middle(text, width):
    """The text, or its beginning and end around an ellipsis."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[len(text) - end :]}"


def as_html(table: dict[str, list[str]], left: Sequence[str], title: str, notes: Iterable[str]) -> str:
    """A table in a box of its own that scrolls; it has no colours, so that it takes those of the page.

    Args:
        table, left, notes: as for ``as_text``.
        title: of the table, for those who do not see it.
    """
    style = "white-space:nowrap;padding:.15em .6em;text-align:"
    styles = [
        style + ("left" if column in left else "right;font-variant-numeric:tabular-nums") for column in table
    ]

    def line(cells, tag="td"):
        cells = (f'<{tag} style="{s}">{html.escape(cell)}</{tag}>' for s, cell in zip(styles, cells))
        return f"<tr>{''.join(cells)}</tr>"

    heading, *lines, total = zip(*table.values())
    label = f'role="group" tabindex="0" aria-label="{html.escape(title)}"'  # the box can be scrolled by keys
    return (
        f'<div {label} style="overflow:auto;max-height:36em">'
        '<table style="border-collapse:collapse;color:inherit;font-size:.9em;width:auto">'
        f"<thead>{line(heading, 'th')}</thead><tbody>{''.join(map(line, lines))}</tbody>"
        f'<tfoot style="font-weight:bold;border-top:1px solid">{line(total)}</tfoot></table>'
        f"{''.join(f'<p>{html.escape(note)}</p>' for note in notes)}</div>"
    )
