"""A Sphinx extension: what belongs together stays on one line.

A browser may break a line between a formula and the full stop behind it, between a number and its unit, and
behind every hyphen of a short name in code. On a phone it does so often. What a cell prints it does not break
at all: sentences get the class ``sentences`` here, so that it may, and columns do not.
"""

import html
import re
from pathlib import Path

ARTICLE = re.compile(r"(<article\b.*?</article>)", re.DOTALL)
# Text lies between these; what is inside them is left alone.
LEFT_ALONE = re.compile(r"<(pre|script|style|svg|code)\b.*?</\1>|<[^>]+>|\\\(.*?\\\)|\\\[.*?\\\]", re.DOTALL)

FORMULA = re.compile(
    r"""([(\[“‘]*)(<span\ class="math\ [^"]*">[^<]*</span>)((?:\ ?%)?[^\s<>&]{0,12})""", re.VERBOSE
)
NUMBER_AND_UNIT = re.compile(r"(?<=\d) (?=(?:%|[KMG]|ms|[MG]i?B)(?!\w))")
NAME_AND_NUMBER = re.compile(r"\b([Cc]hapter|[Ss]ection|[Ee]quation|Table|Fig\.) (?=[\dIVX])")
NUMBER_OF_A_FIGURE = re.compile(r"Fig\. [\d.]+ ")
CODE = re.compile(r'<span class="pre">([^<]{4,})</span>')
PRINTED = re.compile(
    r'(<div class="output (?:stream|text_plain)\b[^"]*)("><div class="highlight"><pre>)(.*?)(?=</pre>)',
    re.DOTALL,
)
TAG = re.compile("<[^>]+>")
COLUMNS = re.compile(r"\S {2,}\S|-{10,}")
# As many characters of code fit on a phone beside a bullet.
SHORT = 22
TIED = "\N{NO-BREAK SPACE}"


def text_kept(text):
    """Plain text with the spaces at which no line may end."""
    if NUMBER_OF_A_FIGURE.fullmatch(text):  # in front of its caption
        return text
    text = NUMBER_AND_UNIT.sub(TIED, text)
    return NAME_AND_NUMBER.sub(rf"\1{TIED}", text)


def formula_kept(found):
    before, formula, behind = found.groups()
    return f'<span class="together">{found[0]}</span>' if before or behind else formula


def code_kept(found):
    """Code that is not broken where it is short; a long option may be broken behind its name."""
    parts = re.split("(?<==)(?!=)", found[1], maxsplit=1)
    if len(html.unescape(found[1])) <= SHORT:
        parts = [found[1]]
    kinds = ["pre short" if len(html.unescape(part)) <= SHORT else "pre" for part in parts]
    return "<wbr/>".join(f'<span class="{kind}">{part}</span>' for kind, part in zip(kinds, parts))


def printed_kept(found):
    """What a cell prints, marked if it has no columns."""
    lines = html.unescape(TAG.sub("", found[3])).splitlines()
    kind = "" if any(COLUMNS.search(line) for line in lines) else " sentences"
    return found[1] + kind + found[2] + found[3]


def kept_together(page):
    """The HTML of a page, its article with what belongs together on one line."""

    def article(found):
        parts, position = [], 0
        for tag in LEFT_ALONE.finditer(found[0]):
            parts += [text_kept(found[0][position : tag.start()]), tag[0]]
            position = tag.end()
        text = "".join(parts) + text_kept(found[0][position:])
        return PRINTED.sub(printed_kept, CODE.sub(code_kept, FORMULA.sub(formula_kept, text)))

    return ARTICLE.sub(article, page)


def keep_pages_together(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).glob("*.html"):
        text = page.read_text("utf-8")
        if (new := kept_together(text)) != text:
            page.write_text(new, "utf-8")


def setup(app):
    app.connect("build-finished", keep_pages_together)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
