"""A Sphinx extension: pages that are whole by themselves, also when they are opened from disk.

The theme brings Thebe, whose script lives on another host, and puts it in twice, which is an error in
the browser's console. It also asks for its fonts ahead of time in a way that browsers refuse to a page
opened from disk; the style sheet asks for them again, and gets them.
"""

import re
from pathlib import Path

PRELOADED_FONT = re.compile(r'\s*<link rel="preload" as="font"[^>]*>')


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


def leave_out_preloaded_fonts(app, exception):
    """Take the links that preload fonts out of the finished pages."""
    if exception is None and app.builder.format == "html":
        for page in Path(app.outdir).glob("*.html"):
            text = page.read_text("utf-8")
            page.write_text(PRELOADED_FONT.sub("", text), "utf-8")


def setup(app):
    app.connect("html-page-context", leave_out_thebe, priority=900)
    app.connect("build-finished", leave_out_preloaded_fonts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
