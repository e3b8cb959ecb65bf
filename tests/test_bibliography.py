"""references.bib and the references at the end of the chapters name the same works."""

import re
from pathlib import Path

import nbformat
import pytest
from pybtex.database import parse_file

BOOK = Path(__file__).resolve().parent.parent / "book"
DOI = re.compile(r"\bdoi(?::|\.org/)(10\.\d{4,}/[^\s\])>]+)")
ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5})\b")
LINK = re.compile(r"https?://[^\s\])>;]+")
ENTRIES = parse_file(BOOK / "references.bib").entries


def markdown(path):
    if path.suffix == ".md":
        return path.read_text("utf-8")
    notebook = nbformat.read(path, as_version=4)
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def references(text):
    """The items of a page's last section, References; none if it has no such section."""
    _, heading, section = text.partition("\n## References\n")
    return re.findall(r"^- (.*(?:\n(?!- |\n).*)*)", section, re.M) if heading else []


def works(items):
    """What names a work: its DOI, its arXiv number; a link for what has neither."""
    found = set()
    for item in items:
        numbers = {doi.rstrip(".").lower() for doi in DOI.findall(item)} | set(ARXIV.findall(item))
        found |= numbers or {link.rstrip(".,") for link in LINK.findall(item)}
    return found


def entry_works():
    """The same for the entries of references.bib."""
    found = {}
    for key, entry in ENTRIES.items():
        known = {entry.fields.get("doi", "").lower(), entry.fields.get("eprint", "")} - {""}
        found[key] = known or {entry.fields["url"]}
    return found


PAGES = sorted(path for path in BOOK.iterdir() if path.suffix in (".md", ".ipynb"))
CITED = {path.name: works(references(markdown(path))) for path in PAGES}


@pytest.mark.parametrize("name", [name for name in CITED if CITED[name]])
def test_every_reference_of_a_page_is_in_the_bibliography(name):
    missing = CITED[name] - set().union(*entry_works().values())
    assert not missing, f"add to book/references.bib: {sorted(missing)}"


@pytest.mark.parametrize("key", ENTRIES)
def test_every_entry_of_the_bibliography_is_cited(key):
    assert entry_works()[key] & set().union(*CITED.values())


def test_no_work_is_listed_twice():
    known = [work for found in entry_works().values() for work in found]
    assert len(known) == len(set(known))


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_is_complete(key):
    entry = ENTRIES[key]
    assert entry.persons["author"]
    assert entry.fields["title"]
    assert "year" in entry.fields or key == "nabla0001"  # a repository that names no year
    assert {"doi", "eprint", "url"} & set(entry.fields)


def test_what_a_reference_is_known_by():
    items = references(
        "# A page\n\n## References\n\n- A. Author: A work. 2001. [doi:10.1/ab](https://doi.org/10.1000/AB)\n"
        "- B. Author: Another,\n  [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)\n"
        "- C. Author: A program. [here](https://example.org/a); [there](https://example.org/b)\n"
    )
    assert len(items) == 3
    assert works(items) == {"10.1000/ab", "1512.03385", "https://example.org/a", "https://example.org/b"}
    assert references("# A page without") == []
