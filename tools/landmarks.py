"""A Sphinx extension: what readers who hear a page need and the theme leaves out.

- The column on the left, with the book's title in it, is a landmark.
- The corner cell of a table whose rows have names is no heading.
"""

from pathlib import Path

COLUMN = '<div class="bd-sidebar-primary bd-sidebar"'
CORNER = '<th class="head"><p></p></th>'


def name_parts(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    for path in Path(app.outdir).glob("*.html"):
        text = path.read_text("utf-8")
        named = text.replace(f"{COLUMN}>", f'{COLUMN} role="complementary" aria-label="The book">')
        path.write_text(named.replace(CORNER, "<td></td>"), "utf-8")


def setup(app):
    app.connect("build-finished", name_parts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
