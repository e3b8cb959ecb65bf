"""The form of a chapter: a small one that has it, and one thing at a time that is against it."""

import form
import nbformat
import notebooks as tool
import pytest


def code(source, outputs=(), **metadata):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def plot():
    figure = nbformat.v4.new_output("display_data", data={"image/png": "eA=="})
    return code("plot()", [figure], tags=["hide-input"])


def chapter():
    """Cells of a small chapter in the form, by what they are."""
    text = nbformat.v4.new_markdown_cell
    cells = {
        "opening": text("# A network\n\nWhat it was for."),
        "opening's figure": plot(),
        "picture": text("## In one picture\n\nArrows."),
        "keras": text("## In plain Keras\n\nLayers."),
        "layers": code("import cnnlib\nfrom keras import layers\n\nlayers.Dense(3)"),
        "same": code("same = cnnlib.models.build", tags=["hide-input"]),
        "train": text("## Train it, live\n\n$x$ and $y$."),
        "why": text("## Why it is built like this\n\n$$a = b$$"),
        "own": text("## The paper's own network\n\n| a | b |"),
        "helper": code("from cnnlib.layers import scaled_tanh", tags=["hide-input"]),
        "used": code("from cnnlib.models import lenet5\n\nlenet5.lenet5()"),
        "quote": code("def network(x):\n    return scaled_tanh(x)", cnnlib={"quote": ["lib.net:network"]}),
        "end": text("## Measured\n\n## What became of it\n\n## What to remember\n\n" + "- A line.\n" * 5),
        "exercises": text("## Exercises\n\n**1.** How many?"),
    }
    for number in range(1, 5):
        if number > 1:
            cells[f"exercise {number}"] = text(f"**{number}.** And {number}?")
        cells[f"solution {number}"] = code("%time 1\nassert True", tags=["hide-cell"])
    cells["references"] = text("## References\n\n- A. N. Author: A network. doi:10.1109/5.726791")
    for number, cell in enumerate((c for c in cells.values() if c.cell_type == "code"), 1):
        cell.execution_count = number
    return cells


def notebook(cells):
    return nbformat.v4.new_notebook(cells=list(cells.values()))


def test_a_chapter_in_the_form():
    assert form.problems(notebook(chapter())) == []
    assert form.measures(notebook(chapter())) == {
        # A formula within a line is a word; displayed ones, tables, addresses and references are none.
        "words of prose": (61, 3_500),
        "lines of code in view": (9, 220),
        "lines of the longest cell in view": (4, 30),
        "columns of the widest line in view": (32, 86),
        "figures": (1, 12),
        "words in the opening": (6, 150),
    }


def with_source(name, old, new):
    """A change of a chapter: other text in one of its cells."""

    def change(cells):
        assert old in cells[name].source
        cells[name].source = cells[name].source.replace(old, new)

    return change


def with_tags(name, *tags):
    return lambda cells: cells[name].metadata.update(tags=list(tags))


def with_more(*new):
    """A change of a chapter: more cells before its end."""
    return lambda cells: cells.update({f"more {number}": cell for number, cell in enumerate(new)})


def without(name):
    return lambda cells: cells.pop(name)


AGAINST = [
    (with_source("own", "| a | b |", 3_450 * "word "), "words of prose, more than 3,500"),
    (with_source("opening", "What", 150 * "word "), "155 words in the opening, more than 150"),
    (with_source("layers", "import cnnlib", "import cnnlib  # " + 80 * "x"), "97 columns of the widest line"),
    (with_source("layers", "import cnnlib", "import cnnlib" + 27 * "\n"), "31 lines of the longest cell in"),
    (with_more(*[code(29 * "1\n" + "1") for _ in range(8)]), "249 lines of code in view, more than 220"),
    (with_more(*[plot() for _ in range(12)]), "13 figures, more than 12"),
    (with_source("opening", "What", "![A cat](cat.png) What"), "2 figures in the opening: expected 1"),
    (without("opening's figure"), "0 figures in the opening: expected 1"),
    (with_source("end", "What became", "What has become"), "no section '## What became of it'"),
    (with_source("why", "Why it is", "Why is it"), "no section '## Why it is built like this'"),
    (
        with_source("end", "## Measured\n\n## What became of it", "## What became of it\n\n## Measured"),
        "the section '## What became of it' stands too early",
    ),
    (with_source("layers", "layers\n", "layers\nimport cnnlib.models.vgg"), "cnnlib.models.vgg in the"),
    (with_source("same", "cnnlib.models", "1\nfrom cnnlib import models\nx"), "cnnlib.models in the first"),
    (with_tags("same"), "cnnlib.models in the first half, which is plain Keras: the cell 'same = "),
    (with_tags("helper"), "cnnlib.layers.scaled_tanh is imported in view, and only a quote needs it"),
    (with_source("end", "- A line.\n", ""), "0 lines to remember: expected 5"),
    (without("exercise 4"), "its exercises are [1, 2, 3]: expected 4 to 8"),
    (with_source("exercise 3", "3", "5"), "its exercises are [1, 2, 5, 4]: expected 4 to 8"),
    (without("solution 2"), "exercise 2 has no solution"),
    (with_tags("solution 2", "hide-input"), "the solution of exercise 2 is not folded away"),
    (with_source("solution 2", "assert True", "True"), "the solution of exercise 2 asserts nothing"),
    (lambda cells: cells["solution 2"].update(execution_count=None), "exercise 2 was not executed"),
    (with_source("references", "doi:", ""), "a reference without DOI"),
]


@pytest.mark.parametrize(("change", "complaint"), AGAINST, ids=[complaint for _, complaint in AGAINST])
def test_a_chapter_against_the_form(change, complaint):
    cells = chapter()
    change(cells)
    found = form.problems(notebook(cells))
    assert len(found) == 1, found
    assert complaint in found[0]


def test_what_is_folded_costs_nothing():
    cells = chapter()
    cells["same"].source += 300 * "\n#"
    assert form.problems(notebook(cells)) == []


def test_the_form_is_checked_and_reported(tmp_path, capsys):
    cells = chapter()
    del cells["references"]
    path = tmp_path / "03-chapter.ipynb"
    nbformat.write(notebook(cells), path)
    assert "no section '## References'" in tool.problems(path)
    assert tool.main(["budget", str(path)]) == 0
    assert "       9 of   220  lines of code in view\n" in capsys.readouterr().out
    # Not of a page that is no chapter.
    assert "no section '## References'" not in tool.problems(path.rename(tmp_path / "records.ipynb"))
