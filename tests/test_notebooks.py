"""The committed notebooks are in order, and the tool that says so sees every kind of disorder."""

import sys

import nbformat
import notebooks as tool
import pytest
from address import PLACEHOLDER

from cnnlib.data import sets

LIBRARY = '''\
"""A library of two tables and two functions."""

# Not part of the quote.
TABLE = [
    (1, 2),  # a row
]  # the end

SIZE: int = 3


@staticmethod
def block(x):
    """A block."""
    return x + 1


@checked(
    check_options
)
def network(x):
    """A network, and what else
    its first lines say.

    Args:
        x: images.
    """
    return block(x)


class Layer:
    """A layer.

    Attributes:
        x: images.
    """

    @checked(check)
    def call(self, x):
        """Nothing.

        Returns:
            Nothing.
        """
'''
BLOCK = '@staticmethod\ndef block(x):\n    """A block."""\n    return x + 1'
NETWORK = '''\
def network(x):
    """A network, and what else
    its first lines say.
    """
    return block(x)'''
LAYER = '''\
class Layer:
    """A layer."""

    def call(self, x):
        """Nothing."""'''
TABLE = "TABLE = [\n    (1, 2),  # a row\n]  # the end"


@pytest.fixture
def root(tmp_path):
    """A project of its own, with a library and an address."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "book").mkdir()
    (tmp_path / "lib/__init__.py").write_text("WHOLE = 1\n")
    (tmp_path / "lib/net.py").write_text(LIBRARY)
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/ann/book\n")
    return tmp_path


def code(source, outputs=(), **metadata):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def printed(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def shown(**data):
    return nbformat.v4.new_output("display_data", data={k.replace("__", "/"): v for k, v in data.items()})


def stored(root, *cells, refresh=True):
    """The path of a notebook with these cells behind its set-up cell, numbered as if it had been run."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A chapter"), *cells])
    if refresh:
        tool.refresh(notebook, root)
    for number, cell in enumerate(tool.code_cells(notebook), 1):
        cell.execution_count = number
    path = root / "book/page.ipynb"
    nbformat.write(notebook, path)
    return path


def the_problem(path, root):
    """The one thing that is wrong with a notebook."""
    found = tool.problems(path, root)
    assert len(found) == 1, found
    return found[0]


# --------------------------------------------------------------------------- the committed chapters


@pytest.mark.parametrize("path", tool.notebooks(), ids=lambda path: path.name)
def test_chapter_is_in_order(path):
    assert tool.problems(path) == []


@pytest.mark.parametrize("path", tool.notebooks(), ids=lambda path: path.name)
def test_chapter_needs_no_refresh_and_no_cleaning(path):
    before = path.read_text("utf-8")
    after = tool.refresh(nbformat.read(path, as_version=4))
    assert nbformat.writes(after) + "\n" == before, f"run: make notebooks NOTEBOOKS=book/{path.name}"


# --------------------------------------------------------------------------------------- refreshing


def test_quotes_come_from_the_library(root):
    quote = {"quote": ["lib.net:TABLE", "lib.net:block", "lib.net:SIZE", "lib:WHOLE"]}
    notebook = nbformat.v4.new_notebook(cells=[code("old", [printed("old")], cnnlib=quote)])
    notebook.cells[0].execution_count = 7
    tool.refresh(notebook, root)
    cell = notebook.cells[1]
    assert cell.source == f"{TABLE}\n\n\n{BLOCK}\n\n\nSIZE: int = 3\n\n\nWHOLE = 1"
    assert (cell.outputs, cell.execution_count) == ([], None), "what an older text printed is gone"


@pytest.mark.parametrize(("name", "text"), [("network", NETWORK), ("Layer", LAYER)])
def test_a_quote_has_no_checks_and_of_a_docstring_the_first_paragraph(root, name, text):
    assert tool.source_of(f"lib.net:{name}", root) == text


@pytest.mark.parametrize(
    ("quote", "complaint"),
    [
        ("lib.net:blocks", r"lib.net defines no blocks; it defines Layer, SIZE, TABLE, block, network"),
        ("lib.nets:block", r"there is no module lib.nets"),
        ("lib.net", r"expected 'module:name'"),
        ("lib.net:", r"expected 'module:name'"),
    ],
)
def test_an_unknown_quote_says_what_is_known(root, quote, complaint):
    with pytest.raises(ValueError, match=complaint):
        tool.source_of(quote, root)

    path = stored(root, code("x", cnnlib={"quote": ["lib.net:SIZE"]}))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].metadata["cnnlib"]["quote"] = [quote]
    nbformat.write(notebook, path)
    assert complaint in the_problem(path, root)
    with pytest.raises(ValueError, match=complaint):
        tool.refresh(notebook, root)


def test_the_set_up_cell_is_put_before_the_first_code(root):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A"), code("1 + 1")])
    tool.refresh(notebook, root)
    tool.refresh(notebook, root)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code"]
    setup = notebook.cells[1]
    assert setup.source == setup_cell("https://github.com/ann/book")
    assert setup.metadata == {"cnnlib": {"setup": True}, "tags": ["remove-cell"]}


@pytest.fixture
def run_in_colab(monkeypatch):
    """Runs a cell where google.colab is there; returns what pip is asked for."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    installed = []
    shell.register_magic_function(installed.append, magic_name="pip")

    def run(source, colab=True):
        if colab:
            monkeypatch.setitem(sys.modules, "google.colab", sys)
        shell.run_cell(source).raise_error()
        return installed

    return run


def setup_cell(address):
    return tool.SETUP.format(address=address, placeholder=PLACEHOLDER)


def test_the_set_up_cell_installs_the_library_in_colab_only(run_in_colab):
    source = setup_cell("https://github.com/ann/book")
    assert run_in_colab(source, colab=False) == []
    assert run_in_colab(source) == ['install --quiet "git+https://github.com/ann/book"']


def test_the_set_up_cell_says_that_it_knows_no_address_yet(run_in_colab):
    source = setup_cell(f"https://github.com/{PLACEHOLDER}/cnnlib")
    assert run_in_colab(source, colab=False) == []
    with pytest.raises(RuntimeError, match=r"does not know its own address.*`make address`"):
        run_in_colab(source)
    # Whoever takes its advice and writes an address over it gets the library.
    assert len(run_in_colab(source.replace(f"{PLACEHOLDER}/cnnlib", "ann/book"))) == 1


def test_a_set_up_cell_made_anew_need_not_be_run_again(root):
    path = stored(root)
    (root / "_config.yml").write_text("repository:\n  url: https://github.com/bob/book\n")
    notebook = tool.refresh(nbformat.read(path, as_version=4), root)
    assert "bob/book" in notebook.cells[1].source
    assert notebook.cells[1].execution_count == 1


def test_refreshing_twice_changes_nothing_and_keeps_ids(root):
    notebook = nbformat.v4.new_notebook(cells=[code("1"), code("2")])
    notebook.cells[1]["id"] = notebook.cells[0]["id"] = "same"
    once = nbformat.writes(tool.refresh(notebook, root))
    assert [cell["id"] for cell in notebook.cells][1] == "same"
    assert len({cell["id"] for cell in notebook.cells}) == 3
    assert nbformat.writes(tool.refresh(nbformat.reads(once, as_version=4), root)) == once


def test_normalising_removes_machine_time_and_editor():
    time = {"iopub.execute_input": "2026-01-01"}
    cell = code("1", execution=time, tags=[], scrolled=True, cnnlib={"quote": []})
    language = {"name": "python", "version": "3.11.2"}
    metadata = {"widgets": {}, "vscode": {}, "language_info": language}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=metadata)
    tool.normalise(notebook)
    assert notebook.metadata == {"kernelspec": tool.KERNEL, "language_info": tool.LANGUAGE}
    assert notebook.cells[0].metadata == {"cnnlib": {"quote": []}}


# ---------------------------------------------------------------------------------------- executing


def test_execution_is_in_place_in_order_and_clean(root):
    folder = code("import os\nprint(os.path.basename(os.getcwd()))", [printed("old")])
    path = stored(root, folder, code("6 * 7"))
    notebook = nbformat.read(path, as_version=4)
    tool.execute(notebook, root)
    tool.write(notebook, path)
    assert tool.problems(path, root) == []
    assert notebook.cells[2].outputs == [printed("book\n")]
    assert notebook.cells[3].outputs[0].data == {"text/plain": "42"}
    assert "execution" not in notebook.cells[2].metadata


def test_a_failing_notebook_is_left_as_it_was(root, capsys):
    path = stored(root, code("print('kept')", [printed("before\n")]), code("1 / 0"))
    before = path.read_bytes()
    assert tool.main(["execute", str(path)]) == 1
    assert path.read_bytes() == before
    said = capsys.readouterr().out
    assert "ZeroDivisionError" in said
    assert "left as it was" in said


def test_figures_are_stored_even_where_the_user_chose_another_backend(root, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    notebook = nbformat.v4.new_notebook(cells=[code("import matplotlib.pyplot as plt\nplt.plot([1, 2]);")])
    tool.execute(notebook, root)
    assert "image/png" in notebook.cells[0].outputs[0].data


# ----------------------------------------------------------------------------------------- checking


def test_a_notebook_in_order_has_no_problems(root):
    """Among it what only looks like a path: a formula, an address on the web, a page of a book."""
    cells = [
        nbformat.v4.new_markdown_cell(
            r"$f: X:\mathbb{R}\to Y$, https://example.org/home/page, ![a cat](cat.png), either/or"
        ),
        code("block", cnnlib={"quote": ["lib.net:block"]}),
        code("print(1)", [printed("1\n")], tags=["nbval-check-output"]),
        code("plot()", [shown(image__png="/home/inside/base64+/")], mystnb={"image": {"alt": "A curve."}}),
    ]
    assert tool.problems(stored(root, *cells), root) == []


def test_a_quote_that_differs(root):
    path = stored(root, code("", cnnlib={"quote": ["lib.net:block"]}))
    assert tool.problems(path, root) == []
    (root / "lib/net.py").write_text(LIBRARY.replace("x + 1", "x + 2"))
    assert "differs from what the library says" in the_problem(path, root)


def test_a_set_up_cell_of_another_address(root):
    path = stored(root)
    assert tool.problems(path, root) == []
    (root / "_config.yml").write_text("repository:\n  url: https://github.com/bob/book\n")
    found = tool.problems(path, root)
    assert len(found) == 2
    assert "differs from what _config.yml says" in found[0]
    assert "names the repository ann/book" in found[1]


def test_a_missing_set_up_cell(root):
    path = stored(root, code("1"), refresh=False)
    assert "first code cell is not the set-up cell" in the_problem(path, root)


def test_a_set_up_cell_that_shows_on_the_page(root):
    path = stored(root)
    notebook = nbformat.read(path, as_version=4)
    del notebook.cells[1].metadata["tags"]
    nbformat.write(notebook, path)
    assert "set-up cell would show on the page" in the_problem(path, root)
    assert tool.refresh(notebook, root).cells[1].metadata["tags"] == ["remove-cell"]


def test_another_repository_s_address(root):
    text = "[Colab](https://colab.research.google.com/github/bob/book/blob/main/book/page.ipynb)"
    path = stored(root, nbformat.v4.new_markdown_cell(text))
    assert "names the repository bob/book, but _config.yml says" in the_problem(path, root)
    assert tool.problems(stored(root, nbformat.v4.new_markdown_cell(text.replace("bob", "ann"))), root) == []


@pytest.mark.parametrize("counts", [[1, 3, 2], [1, 2, None], [1, 2, 4], [2, 3, 4], [1, 1, 2]])
def test_cells_not_run_in_order(root, counts):
    path = stored(root, code("1"), code("2"))
    notebook = nbformat.read(path, as_version=4)
    for cell, count in zip(tool.code_cells(notebook), counts):
        cell.execution_count = count
    nbformat.write(notebook, path)
    wanted = f"not executed in order, from top to bottom: its cells are numbered {counts}"
    assert wanted in the_problem(path, root)


def test_a_stored_error(root):
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
    assert "stores an error, ValueError: no" in the_problem(stored(root, code("1", [error])), root)


def test_stored_stderr(root):
    path = stored(root, code("1", [printed("UserWarning: mind\n", "stderr")]))
    assert "stores stderr, 'UserWarning: mind" in the_problem(path, root)


@pytest.mark.parametrize(
    ("where", "folder"),
    [
        ("source", "home/ann"), ("text", "root"), ("printed", "Users/ann"), ("html", "tmp"),
        ("svg", "content"), ("metadata", "var/folders/x"),
    ],
)  # fmt: skip
def test_a_path_of_somebody_s_machine(root, folder, where):
    path = f"/{folder}/file.npz"
    data = {"html": "text__html", "svg": "image__svg+xml", "text": "text__plain"}
    if where == "source":
        cell = code(f"load('{path}')")
    elif where == "printed":
        cell = code("1", [printed(f"read {path}\n")])
    elif where == "metadata":
        cell = code("1")
    else:
        cell = code("1", [shown(**{data[where]: f"<g>{path}</g>"})], mystnb={"image": {"alt": "A box."}})
    stored_at = stored(root, cell)
    if where == "metadata":
        notebook = nbformat.read(stored_at, as_version=4)
        notebook.metadata["interpreter"] = path
        nbformat.write(notebook, stored_at)
    found = tool.problems(stored_at, root)
    assert found
    assert all("a path of somebody's machine" in line for line in found)


@pytest.mark.parametrize("path", [r"C:\Users\ann\x.npz", "lib/python3/site-packages/keras", "file:///x/y"])
def test_other_paths_of_somebody_s_machine(root, path):
    assert "somebody's machine" in the_problem(stored(root, code("1", [printed(path)])), root)


def test_a_path_of_this_very_machine(root, monkeypatch):
    monkeypatch.setattr(tool.Path, "home", lambda: tool.Path("/strange/place"))
    path = stored(root, code("1", [printed("/strange/place/x")]))
    assert "'/strange/place'" in the_problem(path, root)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"image": {"alt": " "}},
        {"image": {"width": "50%"}},
        {"figure": {"alt": "MyST-NB drops a text that stands here.", "caption": "A curve."}},
    ],
)
@pytest.mark.parametrize("kind", ["image__png", "image__svg+xml", "image__jpeg"])
def test_a_figure_without_alt_text(root, kind, metadata):
    path = stored(root, code("plot()", [shown(**{kind: "eA=="})], mystnb=metadata))
    assert "a figure without alt text" in the_problem(path, root)


def test_a_gallery_picture_that_is_not_the_chapter_s(root):
    figure = shown(image__png="eA==")
    marks = {"cnnlib": {"gallery": True}, "mystnb": {"image": {"alt": "An x."}}}
    path = stored(root, code("plot()", [figure], **marks))
    assert "gallery/page.png is not the figure" in the_problem(path, root)
    tool.gallery_path(path).parent.mkdir()
    tool.gallery_path(path).write_bytes(b"y")
    assert "gallery/page.png is not the figure" in the_problem(path, root)
    tool.gallery_path(path).write_bytes(b"x")
    assert tool.problems(path, root) == []


def test_two_figures_under_one_alt_text(root):
    figure = shown(image__png="eA==")
    path = stored(root, code("plot()", [figure, figure], mystnb={"image": {"alt": "Two."}}))
    assert "2 figures under one alt text" in the_problem(path, root)


@pytest.mark.parametrize("image", ["![](cat.png)", "<img src='cat.png'>", '<img alt="" src="cat.png">'])
def test_an_image_without_alt_text_in_text_and_html(root, image):
    path = stored(root, nbformat.v4.new_markdown_cell(image))
    assert "an image without alt text" in the_problem(path, root)
    if image.startswith("<"):
        path = stored(root, code("1", [shown(text__html=image)]))
        assert "prints an image without alt text" in the_problem(path, root)


def test_an_address_in_memory(root):
    path = stored(root, code("1", [shown(text__plain="[<Line2D at 0x7f0b8c1d2e50>]")]))
    assert "prints an address in memory" in the_problem(path, root)


def test_a_chapter_that_was_run_without_its_data_is_found(root, monkeypatch, capsys):
    def missing(*arguments):
        raise sets.DataUnavailable("no MNIST")

    monkeypatch.setattr(sets, "_public", missing)
    sets.load("mnist", fallback="digits")
    path = stored(root, code("data", [printed(capsys.readouterr().out)]))
    assert "not on its own data" in the_problem(path, root)


def test_an_empty_cell(root):
    assert "empty" in the_problem(stored(root, code(" ")), root)


def test_more_than_two_megabytes(root):
    picture = code("plot()", [shown(image__png="A" * 2_000_000)], mystnb={"image": {"alt": "Noise."}})
    assert "2.0 MB, more than 2" in the_problem(stored(root, picture), root)


def test_no_notebook_at_all(root):
    path = root / "book/page.ipynb"
    path.write_text("{}")
    assert "not a notebook" in the_problem(path, root)
    path.write_text("half of a no")
    assert "not a notebook" in the_problem(path, root)


def test_the_check_prints_what_is_wrong_and_fails(root, capsys):
    path = stored(root, code("1", [printed("w", "stderr")]))
    assert tool.main(["check", str(path)]) == 1
    assert "page.ipynb: cell 2 ('1'): stores stderr" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        tool.main(["check", str(root / "none.ipynb")])
    assert "there is no notebook" in capsys.readouterr().err
