"""The built book in headless Chromium: offline, typeset, readable, accessible, on every page.

`make book pages` runs this. Screenshots stay in _build/screenshots. Where there is no built book or no
Chromium the tests are skipped, and in CI (CI=true) that is a failure instead.
BOOK_BUILD names another folder than _build.
"""

import functools
import gzip
import http.server
import os
import re
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BOOK_BUILD", ROOT / "_build")).resolve()
HTML = BUILD / "html"
SCREENSHOTS = BUILD / "screenshots"
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # No other host can be reached, even where there is a network. (Playwright's own interception would
    # make Chromium refuse the fonts of pages opened from disk.)
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip
WIDTHS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
THEME = "document.documentElement.dataset.theme"

PAGES = sorted(path.relative_to(HTML).as_posix() for path in HTML.glob("[!_]*.html"))
NOTEBOOKS = [page for page in PAGES if (ROOT / "book" / page).with_suffix(".ipynb").is_file()]
CHAPTERS = [page for page in NOTEBOOKS if re.match(r"\d\d-", page)]
# What is opened: from where, how wide, which page. Each is opened once, for all tests that look at it, since
# a long page takes seconds to typeset. (pytest groups tests by the place in the list: SERVED comes first.)
SERVED = [("server", width, page) for width in WIDTHS for page in PAGES]
OPENED = SERVED + [("disk", "desktop", page) for page in PAGES]
MISSING = (
    "no built book: run `make book`" if not PAGES else "no Chromium on the path" if not CHROMIUM else None
)
pytestmark = pytest.mark.skipif(bool(MISSING) and not os.environ.get("CI"), reason=str(MISSING))


@pytest.fixture(scope="module", autouse=True)
def complete():
    """In CI a test that cannot run is a failure."""
    assert not MISSING, MISSING


@pytest.fixture(scope="module")
def browser(complete):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    """The address of a local server of the book."""
    handler = functools.partial(Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def bases(server):
    """How addresses begin for a book opened from disk, and from a local server."""
    return {"disk": HTML.as_uri() + "/", "server": server}


def opened(browser, url, width="desktop", theme="light"):
    """A page in a window of its own, typeset; what goes wrong there is kept in `page.complaints`."""
    context = browser.new_context(viewport=WIDTHS[width], color_scheme=theme, has_touch=width == "phone")
    page = context.new_page()
    page.complaints = complaints = []
    own = urlsplit(url)[:2]

    def watch(request):
        if urlsplit(request.url)[:2] != own and not request.url.startswith(("data:", "blob:")):
            complaints.append(f"a request to another host: {request.url}")

    page.on("request", watch)
    page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    page.on("requestfailed", lambda asked: complaints.append(f"failed: {asked.url} {asked.failure}"))
    page.on("response", lambda r: r.status >= 400 and complaints.append(f"{r.status}: {r.url}"))
    page.on("websocket", lambda socket: complaints.append(f"a web socket to {socket.url}"))
    page.goto(url, wait_until="load")
    page.evaluate("async () => { if (window.MathJax?.startup) await MathJax.startup.promise }")
    page.evaluate("() => document.fonts.ready.then(() => true)")
    page.wait_for_load_state("networkidle")
    return page


@pytest.fixture(scope="module")
def window(request, browser, bases):
    """A page (where from, how wide, which), opened once for all tests that look at it."""
    where, width, name = request.param
    page = opened(browser, bases[where] + name, width)
    page.name, page.width = name, width
    yield page
    page.context.close()


@pytest.fixture
def visit(browser):
    """Opens a page for one test."""
    pages = []

    def go(url, theme="light"):
        pages.append(opened(browser, url, theme=theme))
        return pages[-1]

    yield go
    for page in pages:
        page.context.close()


# ------------------------------------------------------------------------------ without a browser


def parsed(page):
    from bs4 import BeautifulSoup

    return BeautifulSoup((HTML / page).read_text("utf-8"), "html.parser")


@functools.cache
def anchors(page):
    return {tag[key] for tag in parsed(page).find_all(True) for key in ("id", "name") if tag.get(key)}


def test_the_book_has_pages():
    assert "index.html" in PAGES
    assert "search.html" in PAGES
    chapters = sorted(path.with_suffix(".html").name for path in (ROOT / "book").glob("*.ipynb"))
    assert chapters == NOTEBOOKS, "every notebook in book/ is a page of the book: see _toc.yml"


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_book_lead_somewhere(page):
    dead = []
    for tag in parsed(page).find_all(["a", "link", "script", "img"]):
        target = tag.get("href") or tag.get("src") or ""
        if not target or urlsplit(target).scheme or target.startswith("//"):
            continue
        path, anchor = urldefrag(urljoin(page, target))
        path, anchor = unquote(urlsplit(path).path) or page, unquote(anchor)
        if not (HTML / path).is_file():
            dead.append(target)
        elif anchor and path.endswith(".html") and anchor not in anchors(path):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", PAGES)
def test_nothing_to_load_is_named_on_another_host(page):
    """Also what would be fetched only later, at a click: scripts, styles, frames, images."""
    tags = parsed(page).find_all(["script", "link", "img", "iframe", "source", "object", "embed"])
    targets = [tag.get("src") or tag.get("href") or tag.get("data") or "" for tag in tags]
    assert [target for target in targets if re.match(r"(https?:)?//", target)] == []


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_opens_in_colab(page):
    repository = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"]
    name = repository["url"].removeprefix("https://github.com/")
    notebook = Path(page).with_suffix(".ipynb")
    wanted = f"https://colab.research.google.com/github/{name}/blob/{repository['branch']}/book/{notebook}"
    links = {tag.get_text(): tag["href"] for tag in parsed(page).select("h1 + .notebook-links a")}
    assert links == {"Open in Colab": wanted, "Download notebook": f"_sources/{notebook}"}


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_has_the_number_of_its_file(page):
    article = parsed(page).select_one("article")
    number = int(page[:2])
    assert article.h1.get_text().startswith(f"{number}. ")
    headings = [heading.get_text() for heading in article.find_all("h2")]
    assert [text.split(". ")[0] for text in headings] == [f"{number}.{n + 1}" for n in range(len(headings))]
    assert not [text for heading in article.find_all("h3") if re.match(r"\d+\.", text := heading.get_text())]
    figures = [tag.get_text() for tag in article.select(".caption-number")]
    assert figures == [f"Fig. {number}.{n + 1} " for n in range(len(figures))]


@pytest.mark.parametrize("page", CHAPTERS)
def test_folded_code_says_what_it_is_the_code_of(page):
    known = {"Code of this figure", "Code of this table", "Code of these numbers", "More code"}
    labels = parsed(page).select("details.folded-code > summary > p")
    assert {label.get_text().strip() for label in labels} <= known
    assert not parsed(page).select("details.hide:not(.folded-code, .solution)")


@pytest.mark.parametrize("page", PAGES)
def test_every_image_has_alt_text(page):
    texts = {tag["src"]: tag.get("alt", "").strip() for tag in parsed(page).find_all("img")}
    # Where nobody gave a text, Sphinx puts the name of the file.
    without = [image for image, text in texts.items() if not text or re.search(r"\.(png|svg|jpe?g)$", text)]
    assert without == []


# -------------------------------------------------------------------------------- in the browser


def each(windows):
    """A test of each window; the tests of one window run one after another, as they stand here."""
    return pytest.mark.parametrize("window", windows, indirect=True, scope="module", ids="-".join)


@each(OPENED)
def test_every_formula_is_typeset(window):
    found = window.evaluate(
        r"""() => {
            const all = [...document.querySelectorAll('.math')];
            const bare = all.filter(f => !f.querySelector('mjx-container'));
            const errors = 'mjx-merror, [data-mjx-error], mjx-mtext[style*="red"]';
            const wrong = [...document.querySelectorAll(errors)];
            // A formula that was never recognised as one stands in the text with its dollars or backslashes.
            const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
            const raw = [];
            while (walker.nextNode()) {
                const node = walker.currentNode;
                if (node.parentElement.closest('pre, code, script, style, textarea, mjx-container')) continue;
                if (/\$[^$]*[\\^_{][^$]*\$|\\[()\[\]]|\\(frac|begin|sum|mathrm|text)\b/.test(node.data)) {
                    raw.push(node.data.trim().slice(0, 80));
                }
            }
            return {
                formulas: all.length,
                bare: bare.map(f => f.textContent.slice(0, 80)),
                wrong: wrong.map(f => f.textContent.slice(0, 80)),
                raw,
            };
        }"""
    )
    assert (found["bare"], found["wrong"], found["raw"]) == ([], [], [])
    assert found["formulas"] == len(parsed(window.name).select(".math"))


@each(OPENED)
def test_asked_nobody_and_complained_of_nothing(window):
    assert window.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@each(SERVED)
def test_looks_and_accessibility(window, theme):
    """The page as the reader's system asks for it: its theme, its width; kept as a screenshot."""
    from axe_playwright_python.sync_playwright import Axe

    # A colour on its way from one theme to the other is neither's.
    window.add_style_tag(content="*, ::before, ::after { transition: none !important }")
    window.emulate_media(color_scheme=theme)
    window.wait_for_function(f"theme => {THEME} === theme", arg=theme)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = window.name.removesuffix(".html").replace("/", "-")
    window.screenshot(path=SCREENSHOTS / f"{name}-{window.width}-{theme}.png", full_page=True)

    wide = window.evaluate(
        """() => {
            const room = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= room) return [];
            return [...document.querySelectorAll('body *')]
                .filter(e => e.getBoundingClientRect().right > room + 1)
                .map(e => e.tagName + '.' + e.className).slice(0, 10);
        }"""
    )
    assert wide == [], "the page scrolls sideways"

    # Of what depends on the theme, which is colour alone, in both; of everything else in one.
    only = {"runOnly": ["color-contrast", "link-in-text-block"]} if theme == "dark" else {}
    found = Axe().run(window, options={"resultTypes": ["violations"], **only}).response["violations"]
    violations = [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:150]}"
        for rule in found
        for node in rule["nodes"]
    ]
    assert violations == []


@each(SERVED)
def test_folded_cells_open_by_keyboard(window):
    """The solutions: closed at first, opened with the Enter key, closed with it again."""
    window.complaints.clear()  # axe-core has asked for more
    folded = window.locator("main details")
    for number in range(folded.count()):
        details = folded.nth(number)
        assert details.get_attribute("open") is None
        details.locator("summary").first.focus()
        window.keyboard.press("Enter")
        assert details.get_attribute("open") is not None
        window.keyboard.press("Enter")
        assert details.get_attribute("open") is None
    assert window.complaints == []


def test_the_theme_can_be_chosen_and_is_kept(visit, server):
    assert visit(server + "index.html", theme="dark").evaluate(THEME) == "dark"
    page = visit(server + "index.html", theme="light")
    assert page.evaluate(THEME) == "light"
    button = page.locator("button.theme-switch-button:visible")
    seen = set()
    for _ in range(3):
        button.click()
        seen.add(page.evaluate("document.documentElement.dataset.mode"))
    assert seen == {"auto", "light", "dark"}
    while page.evaluate("document.documentElement.dataset.mode") != "dark":
        button.click()
    page.reload()
    assert page.evaluate(THEME) == "dark"


def test_escape_closes_the_search(visit, server):
    page = visit(server + "index.html")
    page.keyboard.press("Control+k")
    assert page.locator('input[type="search"]:visible').count() == 1
    page.keyboard.press("Escape")
    assert page.locator('input[type="search"]:visible').count() == 0


# ------------------------------------------------------------------------------------------ search


def search(page, base, query):
    """The results for a query: the texts of their links and of their excerpts."""
    page.goto(f"{base}search.html?q={query.replace(' ', '+')}")
    items = page.locator("#search-results ul.search li")
    return [
        {"link": item.locator("a").inner_text(), "text": item.locator("p.context").inner_text(),
         "marks": item.locator("mark").all_inner_texts(), "file": item.locator("a").get_attribute("href")}
        for item in items.all()
    ]  # fmt: skip


@pytest.mark.parametrize("where", ["disk", "server"])
def test_search_by_keyboard_opens_at_the_hit(visit, bases, where):
    page = visit(bases[where] + "index.html")
    page.keyboard.press("Control+k")
    field = page.locator('input[type="search"]:visible')
    assert field.count() == 1, "one search field, not two"
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("61,706")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    result = page.locator("#search-results ul.search li a").first
    result.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "search.html" not in url)
    page.wait_for_selector(".hit-here")
    assert page.locator("h1:visible").count() == 1
    hit = page.locator(".hit-here")
    assert re.sub(r"\D", "", hit.inner_text()) == "61706"
    box = hit.bounding_box()
    assert box["height"] and 0 < box["y"] < page.viewport_size["height"], "the hit is in view"
    assert "hit=" not in page.url
    assert page.complaints == []


@pytest.mark.parametrize("where", ["disk", "server"])
def test_search_finds_numbers_and_shows_the_place(visit, bases, where):
    page = visit(bases[where] + "search.html")
    for query in ["60,000", "60000"]:  # also 60_000 in code, and 60{,}000 in a formula
        found = search(page, bases[where], query)
        assert found[0]["file"].startswith("02-lenet5.html")
        for place in found:
            assert place["marks"], place
            assert {re.sub(r"\D", "", mark) for mark in place["marks"]} == {"60000"}
    assert search(page, bases[where], "60,000,000") == []
    assert page.complaints == []


def test_search_prefers_chapters_and_knows_forms_of_a_word(visit, server):
    page = visit(server + "search.html")
    for query in ["subsampling", "residual", "training"]:
        assert re.match(r"\d\d-", search(page, server, query)[0]["file"]), query
    marks = {mark.lower() for place in search(page, server, "derived") for mark in place["marks"]}
    assert "derived" in marks
    assert any(mark.startswith("derivation") for mark in marks)
    assert search(page, server, "cnnlib.models.find")[0]["file"].startswith("api.html")
    assert search(page, server, "nosuchwordanywhere") == []
    assert "Nothing" in page.locator("#search-count").inner_text()


# ------------------------------------------------------------------------------------------- paper

A4 = {"width": 665, "height": 1000}  # between the margins, in CSS pixels


@pytest.mark.parametrize("name", PAGES)
def test_on_paper_it_is_light_and_whole(visit, server, name):
    """From the dark theme: printed light, nothing cut off at the right, no navigation, solutions open."""
    page = visit(server + name, theme="dark")
    assert page.evaluate(THEME) == "dark"
    page.set_viewport_size(A4)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function(f"{THEME} === 'light'")
    cut = page.evaluate(
        """() => {
            const right = document.documentElement.clientWidth + 1;
            const hidden = (e) => !e.getClientRects().length;
            return [...document.querySelectorAll('article *, .bd-search-container *')].filter(e =>
                !hidden(e) && (
                    !e.closest('mjx-assistive-mml, svg') && e.getBoundingClientRect().right > right
                    || e.matches('pre, table, .text_html, figure') && e.scrollWidth > e.clientWidth + 1)
            ).map(e => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 60)}`).slice(0, 8);
        }"""
    )
    assert cut == []
    screen_only = [".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer", ".headerlink"]
    for gone in [*screen_only, "#jb-print-docs-body"]:
        assert page.locator(f"{gone}:visible").count() == 0, gone
    assert page.locator("details.solution:not([open])").count() == 0
    assert page.locator("details.folded-code[open]").count() == 0
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_function(f"{THEME} === 'dark'")
    assert page.locator("details.solution[open]").count() == 0


# ------------------------------------------------------------------------------------ the whole book

FILES = {kind: HTML / f"classic-cnns.{kind}" for kind in ("pdf", "epub")}


@pytest.mark.parametrize("kind", FILES)
def test_the_whole_book_is_linked_where_it_is_made(kind):
    linked = {bool(parsed(page).select(f'.whole-book a[href="classic-cnns.{kind}"]')) for page in PAGES}
    assert linked == {FILES[kind].is_file()}


def test_the_epub_is_well_formed_and_has_every_chapter():
    import zipfile
    from xml.etree import ElementTree

    if not FILES["epub"].is_file():
        pytest.skip("no EPUB: run `make epub`")
    with zipfile.ZipFile(FILES["epub"]) as book:
        names = book.namelist()
        assert names[0] == "mimetype"
        assert {f"book/{page.removesuffix('.html')}.xhtml" for page in CHAPTERS} <= set(names)
        for name in names:
            if name.endswith((".xhtml", ".opf", ".xml")):
                text = book.read(name).decode()
                ElementTree.fromstring(text)
                assert "mjx-container" not in text
                assert not re.search(r'src="https?:', text)


# ------------------------------------------------------------------------------------------ figures


@pytest.mark.parametrize("name", CHAPTERS)
def test_plots_turn_dark_and_pictures_do_not(visit, server, name):
    """A plot that is darkened has lines on white; a photograph in negative would be another picture."""
    filters = """() => [...document.querySelectorAll('.cell_output img[src*=_images]')].map(
        img => [img.getAttribute('src'), getComputedStyle(img).filter.startsWith('invert')])"""
    dark = dict(visit(server + name, theme="dark").evaluate(filters))
    assert not any(dict(visit(server + name).evaluate(filters)).values())
    for source, inverted in dark.items():
        with Image.open(HTML / source) as picture:
            colours = picture.convert("RGB").quantize(16).convert("RGB").getcolors(1 << 24)
        most = max(colours)
        assert inverted == (most[0] > 0.75 * picture.width * picture.height and min(most[1]) > 240), source


# ------------------------------------------------------------------------------------------ weight


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light(visit, server, name, browser):
    """A cold page as a server sends it, text compressed: 1.5 MB at most, and MathJax without its menu."""
    context = browser.new_context()
    page = context.new_page()
    sizes = {}
    page.on("response", lambda answer: sizes.update({answer.url: answer}))
    page.goto(server + name, wait_until="networkidle")
    bodies = {url: answer.body() for url, answer in [*sizes.items()]}
    context.close()
    mathjax = sum(len(body) for url, body in bodies.items() if "/mathjax/" in url)
    assert mathjax < 850_000  # 1,270,000 with its menu
    # What the search looks through is the book's own text, and grows with it: below, as it is sent.
    others = (".png", "/_static/places.js")
    text = sum(len(body) for url, body in bodies.items() if not url.endswith(others))
    assert text - mathjax < 1_500_000  # a megabyte of icons must not come back
    # Pictures and fonts are compressed as they are.
    sent = {
        url: len(body if url.endswith((".png", ".woff2")) else gzip.compress(body))
        for url, body in bodies.items()
    }
    assert sum(sent.values()) < 1_500_000, sent


def test_fonts_are_the_books_own(visit, server):
    page = visit(server + CHAPTERS[0])
    loaded = page.evaluate("[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)")
    assert {"Source Serif 4", "Source Code Pro"} <= {family.strip('"') for family in loaded}
    assert sum(path.stat().st_size for path in (HTML / "_static" / "fonts").glob("*.woff2")) < 200_000


@each(SERVED)
def test_only_formulas_that_scroll_are_stops_of_the_tab_key(window):
    stops = "formulas => formulas.filter(f => f.scrollWidth <= f.clientWidth).length"
    assert window.locator("mjx-container[tabindex]").evaluate_all(stops) == 0
