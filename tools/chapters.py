"""A Sphinx extension: what every chapter's page has that is not in its notebook.

- Its number is that of its file: `07-resnet.ipynb` is chapter 7, its figures are 7.1, 7.2 and so on, also
  while chapters before it are missing. Sections are numbered to two levels.
- Under its title, in words: Open in Colab, Download notebook.
- A folded cell says what it holds: the code of this figure, of this table.
"""

import re

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.environment.collectors.toctree import TocTreeCollector

CHAPTER = re.compile(r"(\d\d)-")
LEVELS = 2


def number_by_file_name(app):
    """Put the numbers that the table of contents gives to chapters and sections right."""
    collector = TocTreeCollector
    if getattr(collector, "by_file_name", False):
        return
    collector.by_file_name = True
    number_sections, number_figures = collector.assign_section_numbers, collector.assign_figure_numbers

    def sections(self, env):
        changed = number_sections(self, env)
        for page, numbers in env.toc_secnumbers.items():
            if chapter := CHAPTER.match(page):
                given = {anchor: number for anchor, number in numbers.items() if number}
                numbers.clear()
                for anchor, number in given.items():
                    if len(number) <= LEVELS:
                        numbers[anchor] = (int(chapter[1]), *number[1:])
                env.titles[page]["secnumber"] = numbers[""]
        return changed

    def figures(self, env):
        # A figure in a section without a number has its chapter's; the heading of that section has none.
        changed = number_figures(self, env)
        for page, numbers in env.toc_secnumbers.items():
            if CHAPTER.match(page):
                for reference in env.tocs[page].findall(nodes.reference):
                    reference["secnumber"] = numbers.setdefault(reference["anchorname"], None)
        return changed

    collector.assign_section_numbers, collector.assign_figure_numbers = sections, figures


def links_to_the_notebook(app, page, template, context, doctree):
    """Under a chapter's title: where it can be run, and the file itself."""
    if not CHAPTER.match(page) or not context.get("body"):
        return
    options = app.config.html_theme_options
    notebook = f"{options['path_to_docs']}/{page}.ipynb"
    repository = options["repository_url"].removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{repository}/blob/{options['repository_branch']}/{notebook}"
    links = (
        f'<p class="notebook-links"><a href="{colab}">Open in Colab</a> '
        f'<a href="_sources/{page}.ipynb" download="{page}.ipynb">Download notebook</a></p>'
    )
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{links}", 1)


def name_folded_cells(app, doctree, page):
    """A label for code that is folded away, from what it prints; a label of the notebook's own is kept."""
    default = app.config.nb_code_prompt_show.replace("{type}", "source")
    for folded in doctree.findall(HideCodeCellNode):
        if folded["prompt_show"] != default:
            folded["classes"].append("solution")
            folded["prompt_hide"] = folded["prompt_show"]
            continue
        folded["classes"].append("folded-code")
        output = [node for node in folded.parent.children if node is not folded]
        printed = "".join(raw.astext() for node in output for raw in node.findall(nodes.raw))
        if any(list(node.findall(nodes.image)) for node in output) or "<svg" in printed:
            label = "Code of this figure"
        elif any(list(node.findall(nodes.table)) for node in output) or "<table" in printed:
            label = "Code of this table"
        else:
            label = "Code of these numbers" if output else "More code"
        folded["prompt_show"] = folded["prompt_hide"] = label


def setup(app):
    app.connect("builder-inited", number_by_file_name, priority=900)
    app.connect("html-page-context", links_to_the_notebook)
    app.connect("doctree-resolved", name_folded_cells)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
