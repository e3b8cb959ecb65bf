"""A Sphinx extension: pages that are whole by themselves, also when they are opened from disk, and light.

The theme brings Thebe, whose script lives on another host, and puts it in twice, which is an error in
the browser's console. It also asks for its fonts ahead of time in a way that browsers refuse to a page
opened from disk; the style sheet asks for them again, and gets them. And it brings all two thousand icons of
Font Awesome as a script of 1.5 MB, of which the pages use fifteen: these become a style sheet. Of MathJax
the pages load the parts that they use, not the whole with a menu of 0.4 MB.
"""

import re
import shutil
from pathlib import Path

PRELOADED_FONT = re.compile(r'\s*<link rel="preload" as="font"[^>]*>')
FONT_AWESOME = re.compile(
    r'\s*<link[^>]*/vendor/fontawesome/[^>]*>|\s*<script[^>]*/vendor/fontawesome/[^>]*></script>'
    r'|\s*<link rel="preload"[^>]*/vendor/fontawesome/[^>]*>'
)  # fmt: skip
ICON = re.compile(r'\bfa(?:s|b|r|-solid|-brands|-regular) fa-([a-z-]+)')
TITLE = "</title>"
# assistive-mml: MathML for screen readers, which the whole loads by itself.
MATHJAX = {
    "loader": {"load": ["core", "input/tex-base", "[tex]/ams", "output/chtml", "a11y/assistive-mml"]},
    "tex": {"packages": {"[+]": ["ams"]}},
}
LICENCE = """/* Icons of Font Awesome Free 6 by @fontawesome, https://fontawesome.com, CC BY 4.0
   (https://creativecommons.org/licenses/by/4.0/), as masks: an icon has the colour of the text around it. */
"""


def load_parts_of_mathjax(app, config):
    """Take MathJax's loader in place of all of it in one file."""
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = MATHJAX


def leave_out_thebe(app, page, template, context, doctree):
    """Keep Thebe's scripts and style off a page, and every other script from standing there twice."""
    for kind in ("script_files", "css_files"):
        kept = {}
        for asset in context.get(kind, []):
            name = str(getattr(asset, "filename", asset) or "")
            body = getattr(asset, "attributes", {}).get("body", "")
            if "thebe" not in (name + body).lower():
                kept.setdefault((name, body), asset)
        context[kind] = list(kept.values())


def icons(names, script):
    """A style sheet of these icons, their paths taken from Font Awesome's script."""
    rules = [
        LICENCE + ":is(.fas, .fab, .far, .fa-solid, .fa-brands, .fa-regular)::before {\n"
        "  background-color: currentColor;\n  content: '';\n  display: inline-block;\n  height: 1em;\n"
        "  mask: var(--icon) center / contain no-repeat;\n  vertical-align: -0.125em;\n  width: 1.1em;\n}\n"
        ".fa-lg {\n  font-size: 1.25em;\n}\n"
    ]
    for name in sorted(names):
        found = re.search(rf'[{{,]"?{name}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]', script)
        if not found:
            raise ValueError(f"a page uses the icon {name!r}, which Font Awesome's script does not have")
        width, height, path = found.groups()
        size = f"xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'"
        image = f"<svg {size}><path d='{path}'/></svg>"
        image = image.replace("<", "%3C").replace(">", "%3E")
        rules.append(f'.fa-{name} {{\n  --icon: url("data:image/svg+xml,{image}");\n}}\n')
    return "".join(rules)


def make_pages_light(app, exception):
    """Take preloaded fonts and Font Awesome's script out of the finished pages; put the icons in."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    pages = {path: path.read_text("utf-8") for path in out.glob("*.html")}
    vendor = out / "_static" / "vendor" / "fontawesome"
    if scripts := sorted(vendor.glob("*/js/all.min.js")):
        names = {name for text in pages.values() for name in ICON.findall(text)} - {"lg"}
        (out / "_static" / "icons.css").write_text(icons(names, scripts[0].read_text("utf-8")), "utf-8")
        shutil.rmtree(vendor)
    style = '\n  <link href="_static/icons.css" rel="stylesheet" />'
    for path, text in pages.items():
        text = FONT_AWESOME.sub("", PRELOADED_FONT.sub("", text))
        if style not in text:
            text = text.replace(TITLE, TITLE + style, 1)
        path.write_text(text, "utf-8")


def setup(app):
    app.connect("config-inited", load_parts_of_mathjax)
    app.connect("html-page-context", leave_out_thebe, priority=900)
    app.connect("build-finished", make_pages_light)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
