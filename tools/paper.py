"""The built book as one PDF or one EPUB: `python tools/paper.py pdf|epub HTML`, or `make pdf`, `make epub`.

Both are made from the finished pages, in the order of the table of contents, by headless Chromium, which
typesets the formulas. The PDF is one long page, printed: links inside the book stay inside it, headings are
its bookmarks. In the EPUB formulas are MathML and solutions stand open. Neither asks another host for
anything.
"""

import html
import re
import shutil
import sys
import uuid
import zipfile
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

from bs4 import BeautifulSoup

CHROMIUM = ["chromium", "chromium-browser", "google-chrome"]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
NAME = "classic-cnns"
TYPESET = """async () => {
    if (window.MathJax?.startup) await MathJax.startup.promise;
    await document.fonts.ready;
}"""
# What is for a screen.
LEFT_OUT = ".headerlink, .copybtn, .notebook-links, script"


def order(out):
    """The pages of the book in the order of its table of contents."""
    start = BeautifulSoup((out / "index.html").read_text("utf-8"), "html.parser")
    targets = [urldefrag(link["href"]).url for link in start.select("nav.bd-links a.reference.internal")]
    return ["index.html", *dict.fromkeys(page for page in targets if page and page != "index.html")]


def article(out, page):
    found = BeautifulSoup((out / page).read_text("utf-8"), "html.parser").select_one("article.bd-article")
    for tag in found.select(LEFT_OUT):
        tag.decompose()
    return found


def put_together(out, pages):
    """All pages as one: every id begins with the name of its page, and links in the book lead to these."""
    parts = []
    for page in pages:
        content = article(out, page)
        stem = page.removesuffix(".html")
        for tag in content.find_all(True):
            for key in ("id", "name", "for", "aria-labelledby", "aria-describedby"):
                if tag.get(key) and (key != "name" or tag.name == "a"):
                    tag[key] = " ".join(f"{stem}--{name}" for name in tag[key].split())
            for key in ("fill", "marker-end", "marker-start", "clip-path", "style"):
                if "url(#" in tag.get(key, ""):
                    tag[key] = tag[key].replace("url(#", f"url(#{stem}--")
            target = tag.get("href", "")
            if not target or urlsplit(target).scheme:
                continue
            path, anchor = urldefrag(target)
            path = path or page
            if path in pages:
                tag["href"] = f"#{path.removesuffix('.html')}--{anchor or 'top'}"
            else:  # a file beside the pages: not in the PDF
                del tag["href"]
        content.name, content["id"] = "article", f"{stem}--top"
        content["class"] = [*content.get("class", []), "new-page"]
        parts.append(content)
    return parts


def contents(parts):
    """A table of contents to two levels."""
    lines = []
    for part in parts[1:]:
        for heading in part.find_all(["h1", "h2"]):
            target = heading.find_parent("section")["id"]
            text = html.escape(heading.get_text().strip())
            lines.append(f'<li class="{heading.name}"><a href="#{target}">{text}</a></li>')
    return f'<nav class="book-contents new-page"><h1>Contents</h1><ul>{"".join(lines)}</ul></nav>'


def chromium(playwright):
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if not path:
        sys.exit("No Chromium on the path: apt-get install chromium.")
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


def pdf(out):
    from playwright.sync_api import sync_playwright

    pages = order(out)
    parts = put_together(out, pages)
    start = (out / "index.html").read_text("utf-8")
    head = re.search(r"<head>.*?</head>", start, re.DOTALL)[0]
    bodies = [str(part) for part in parts]
    whole = out / "_whole.html"
    whole.write_text(
        f'<!DOCTYPE html><html lang="en" data-theme="light">{head}<body class="one-file">'
        '<main class="bd-main"><div class="bd-content"><div class="bd-article-container">'
        f"{bodies[0]}{contents(parts)}{''.join(bodies[1:])}</div></div></main></body></html>",
        "utf-8",
    )
    style = "font: 8px serif; text-align: center; width: 100%"
    number = f'<div style="{style}"><span class="pageNumber"></span></div>'
    target = out / f"{NAME}.pdf"
    try:
        with sync_playwright() as playwright:
            browser = chromium(playwright)
            page = browser.new_page()
            page.set_default_timeout(180_000)
            page.goto(whole.as_uri(), wait_until="load")
            page.evaluate(TYPESET)
            page.pdf(
                path=target, prefer_css_page_size=True, outline=True, tagged=True, print_background=True,
                display_header_footer=True, header_template="<span></span>", footer_template=number,
            )  # fmt: skip
            browser.close()
    finally:
        whole.unlink()
    return target


MATHML = """() => {
    for (const formula of window.MathJax?.startup?.document?.math ?? []) {
        const text = MathJax.startup.toMML(formula.root);
        const math = new DOMParser().parseFromString(text, "text/xml").documentElement;
        for (const part of [math, ...math.querySelectorAll("*")]) {
            const own = [...part.attributes].filter(({ name }) => name.startsWith("data-"));
            own.forEach(({ name }) => part.removeAttribute(name));
        }
        formula.typesetRoot.replaceWith(document.importNode(math, true));
    }
}"""
CLEAN = """(leftOut) => {
    const article = document.querySelector("article.bd-article");
    article.querySelectorAll(leftOut + ", details.folded-code").forEach((part) => part.remove());
    article.querySelectorAll("style").forEach((part) => part.closest("svg") || part.remove());
    article.querySelectorAll("details").forEach((folded) => {
        const open = document.createElement("div");
        open.className = "solution";
        const title = document.createElement("p");
        const label = document.createElement("strong");
        label.textContent = folded.querySelector("summary p, summary")?.textContent.trim() ?? "";
        title.append(label);
        folded.querySelector("summary")?.remove();
        open.append(title, ...folded.childNodes);
        folded.replaceWith(open);
    });
    const attributes = ["class", "id", "href", "src", "alt", "colspan", "rowspan", "lang", "title", "start"];
    article.querySelectorAll("*").forEach((part) => {
        if (part.closest("svg, math")) return;
        const others = [...part.attributes].filter(({ name }) => !attributes.includes(name));
        others.forEach(({ name }) => part.removeAttribute(name));
    });
    article.querySelectorAll("button").forEach((button) => button.remove());
    return [...article.children].map((part) => new XMLSerializer().serializeToString(part)).join("\\n");
}"""
EPUB_STYLE = """body { line-height: 1.45; }
pre { font-size: 0.75em; overflow-wrap: anywhere; white-space: pre-wrap; }
table { border-collapse: collapse; font-size: 0.85em; }
th, td { border-bottom: 1px solid; padding: 0.1em 0.5em; text-align: left; }
img, svg { height: auto; max-width: 100%; }
figure { margin: 1em 0; page-break-inside: avoid; }
figcaption { font-size: 0.9em; }
.solution { border-left: 2px solid; padding-left: 0.75em; }
"""
XHTML = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" xml:lang="en" lang="en">
<head><title>{title}</title><link rel="stylesheet" href="style.css" type="text/css"/></head>
<body>{body}</body>
</html>
"""
KINDS = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg", ".gif": "image/gif"}


def epub(out):
    from playwright.sync_api import sync_playwright

    pages, texts = order(out), {}
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        page = browser.new_page()
        page.set_default_timeout(180_000)
        for name in pages:
            page.goto((out / name).as_uri(), wait_until="load")
            page.evaluate(TYPESET)
            page.evaluate(MATHML)
            texts[name] = page.evaluate(CLEAN, LEFT_OUT)
        browser.close()

    files = {"style.css": EPUB_STYLE.encode()}
    manifest, spine, toc = [], [], []
    for name, text in texts.items():
        stem = name.removesuffix(".html")

        def relink(found, name=name):
            target = html.unescape(found[2])
            path, anchor = urldefrag(target)
            if urlsplit(target).scheme:
                return found[0]
            if path and path not in texts:
                return ""
            path = (path or name).replace(".html", ".xhtml")
            return f'{found[1]}="{html.escape(path + ("#" + anchor if anchor else ""))}"'

        text = re.sub(r'\b(href)="([^"]*)"', relink, text)
        for image in set(re.findall(r'src="([^"]+)"', text)):
            files[image] = (out / image).read_bytes()
        title = BeautifulSoup(text, "html.parser").find("h1").get_text().strip()
        kinds = [kind for kind, tag in (("mathml", "<math"), ("svg", "<svg")) if tag in text]
        files[f"{stem}.xhtml"] = XHTML.format(title=html.escape(title), body=text).encode()
        properties = f' properties="{" ".join(kinds)}"' if kinds else ""
        item = f'id="p-{stem}" href="{stem}.xhtml" media-type="application/xhtml+xml"{properties}'
        manifest.append(f"<item {item}/>")
        spine.append(f'<itemref idref="p-{stem}"/>')
        toc.append(f'<li><a href="{stem}.xhtml">{html.escape(title)}</a></li>')
    navigation = f'<nav epub:type="toc"><h1>Contents</h1><ol>{"".join(toc)}</ol></nav>'
    files["nav.xhtml"] = XHTML.format(title="Contents", body=navigation).encode()
    manifest += ['<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>',
                 '<item id="style" href="style.css" media-type="text/css"/>']  # fmt: skip
    for number, image in enumerate(sorted(name for name in files if name.startswith("_images/"))):
        kind = KINDS[Path(image).suffix]
        manifest.append(f'<item id="i{number}" href="{image}" media-type="{kind}"/>')
    title = BeautifulSoup(texts["index.html"], "html.parser").find("h1").get_text().strip()
    # The same book has the same name: nothing of when or where it was made.
    name = uuid.uuid5(uuid.NAMESPACE_URL, "".join(texts.values()))
    package = f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{name}</dc:identifier><dc:title>{html.escape(title)}</dc:title>
<dc:language>en</dc:language><dc:creator>the cnnlib contributors</dc:creator>
<dc:rights>Text CC BY 4.0, code MIT</dc:rights>
<meta property="dcterms:modified">2026-01-01T00:00:00Z</meta>
</metadata>
<manifest>{"".join(manifest)}</manifest><spine><itemref idref="nav"/>{"".join(spine)}</spine>
</package>
"""
    container = """<?xml version="1.0" encoding="utf-8"?>
<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>
<rootfile full-path="book/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>
"""
    target = out / f"{NAME}.epub"
    with zipfile.ZipFile(target, "w") as book:
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        book.writestr("META-INF/container.xml", container, zipfile.ZIP_DEFLATED)
        book.writestr("book/book.opf", package, zipfile.ZIP_DEFLATED)
        for path, content in files.items():
            book.writestr(f"book/{path}", content, zipfile.ZIP_DEFLATED)
    return target


def link_from_every_page(out):
    """At the foot of every page: the files of the whole book that are there, and their sizes."""
    links = [
        f'<a href="{NAME}.{kind}">The whole book as {kind.upper()}</a> ({path.stat().st_size / 1e6:.1f} MB)'
        for kind in ("pdf", "epub")
        if (path := out / f"{NAME}.{kind}").is_file()
    ]
    for page in out.glob("[!_]*.html"):
        text = page.read_text("utf-8")
        foot = f'<p class="whole-book">{" ".join(links)}</p>'
        page.write_text(re.sub(r'<p class="whole-book">.*?</p>', foot, text), "utf-8")


def main(kind, folder):
    out = Path(folder).resolve()
    target = {"pdf": pdf, "epub": epub}[kind](out)
    link_from_every_page(out)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
