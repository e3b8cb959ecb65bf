"""The pages at the back of the book keep what they promise: links, sources, numbers, the citation."""

import re
from pathlib import Path

import form
import nbformat
import pytest
import yaml
from pybtex.database import parse_string

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if form.is_chapter(path)]


def read(name):
    return (BOOK / name).read_text("utf-8")


def headings(path):
    """The headings of a page, at all levels."""
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.findall(r"^#+ (.+)$", text, re.M)


def anchor(heading):
    """What `[a section](#of-the-page)` calls it: lower case, no punctuation, hyphens for spaces."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", heading.lower()))


def dead_links(text, page):
    """The links of a text that lead to no page of the book, or to no section of it."""
    dead = []
    for target in re.findall(r"\]\(([^)\s:]+)\)", text):
        name, _, section = target.partition("#")
        path = BOOK / (name or page)
        if not path.is_file() or (section and section not in map(anchor, headings(path))):
            dead.append(target)
    return dead


@pytest.mark.parametrize("name", ["often-told-wrong.md", "glossary.md", "teaching.md", "bibliography.md"])
def test_links_lead_to_a_section(name):
    assert dead_links(read(name), name) == []


def test_links_of_the_page_on_frameworks_lead_to_a_section():
    name = "framework-semantics.ipynb"
    cells = nbformat.reads(read(name), as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert dead_links(text, name) == []


def test_a_dead_link_is_seen():
    text = "[a](glossary.md) [b](glossary.md#none) [c](none.md) [d](#none) [e](https://example.org)"
    assert dead_links(text, "glossary.md") == ["glossary.md#none", "none.md", "#none"]


# ------------------------------------------------------------------------------- often told wrong


def claims():
    """(claim, text) of every claim."""
    return re.findall(r"^### “([^\n]+)”\n\n(.*?)(?=^##|\Z)", read("often-told-wrong.md"), re.M | re.S)


def test_there_are_claims():
    found = re.findall(r"^### (.+)$", read("often-told-wrong.md"), re.M)
    assert [f"“{claim}”" for claim, _ in claims()] == found
    assert len(found) == len(set(found)) >= 30


@pytest.mark.parametrize(("claim", "text"), claims())
def test_a_claim_has_its_answer_a_source_and_a_place_that_shows_it(claim, text):
    answer, *last = text.strip().split("\n\n*Source:* ")
    assert answer
    (source,) = last
    source, shown, place = source.partition(" *Shown:* ")
    assert source.strip()
    assert shown
    assert re.search(r"\]\([^)]+\)", place)


# --------------------------------------------------------------------------------------- glossary


def terms():
    """(term, explanation) of the glossary."""
    (body,) = re.findall(r"^```\{glossary\}\n(.*?)^```", read("glossary.md"), re.M | re.S)
    return re.findall(r"^(\S.*)\n((?:  .*\n)+)", body, re.M)


def test_terms_stand_in_order_and_once():
    found = [term.lower() for term, _ in terms()]
    assert found == sorted(set(found))
    assert len(found) > 40


@pytest.mark.parametrize(("term", "text"), terms())
def test_a_term_is_short_and_leads_to_its_section(term, text):
    explanation, see, link = text.partition(" See [")
    assert see
    assert re.fullmatch(r"[^\]]+\]\(\S+\)\.\s*", link)
    assert len(explanation.split()) <= 45


# --------------------------------------------------------------------------------------- teaching


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.name)
def test_the_words_of_a_chapter_are_as_the_lecturer_s_table_says(path):
    row = re.search(rf"^\|.*\]\({path.name}\).*\| ([\d,]+) \+ ([\d,]+) \|$", read("teaching.md"), re.M)
    assert row, f"book/teaching.md has no row for {path.name}"
    halves = [[], []]
    for heading, cells in form.sections(nbformat.read(path, as_version=4)):
        second = halves[1] or heading.startswith(form.SECOND_HALF)
        if heading != "References":
            halves[bool(second)].extend(cells)
    for said, cells in zip(row.groups(), halves):
        assert abs(int(said.replace(",", "")) / form.words(cells) - 1) < 0.15


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.name)
def test_the_exercises_are_sorted_by_kind(path):
    (table,) = re.findall(r"^\| Kind \|.*\n\|.*\n((?:\|.*\n)+)", read("teaching.md"), re.M)
    listed = [
        int(number)
        for numbers in re.findall(rf"\b{int(path.name[:2])}: ([\d, ]+)", table)
        for number in re.findall(r"\d+", numbers)
    ]
    cells = nbformat.read(path, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert sorted(listed) == sorted(int(number) for number in form.EXERCISE.findall(text))


def test_the_citation_is_that_of_citation_cff():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    (block,) = re.findall(r"^```bibtex\n(.*?)^```", read("teaching.md"), re.M | re.S)
    (entry,) = parse_string(block, "bibtex").entries.values()
    assert entry.type == citation["type"]
    names = [author["name"] for author in citation["authors"]]
    assert [str(person).strip("{}") for person in entry.persons["author"]] == names
    assert entry.fields["title"] == citation["title"]
    assert entry.fields["version"] == citation["version"]
    assert entry.fields["url"] == citation["repository-code"]
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert entry.fields["year"] == config["copyright"]
