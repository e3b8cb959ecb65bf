"""Keep the notebooks of the book equal to the library, executed and clean.

    python tools/notebooks.py refresh [NOTEBOOK ...]    # quotes and set-up cells from their sources
    python tools/notebooks.py execute [NOTEBOOK ...]    # run in place, store clean outputs
    python tools/notebooks.py check   [NOTEBOOK ...]    # say what is wrong, run nothing
    python tools/notebooks.py budget  [NOTEBOOK ...]    # how long the chapters are

Without a name: every notebook in book/. `make notebooks` does the first three in this order.

A code cell *quotes* the library when its metadata says `{"cnnlib": {"quote": ["module:name", ...]}}`:
its source is then that of those module-level names, in order, two blank lines apart, as a reader wants
it: without checks of the options (`@checked(...)`), and of a docstring the first paragraph.
"""

import argparse
import ast
import base64
import hashlib
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import form
import nbformat
from address import PLACEHOLDER, ROOT, address, foreign
from form import FIGURES, code_cells

MEGABYTES = 2
KEPT = {"cnnlib", "mystnb", "tags"}  # metadata of a cell that somebody reads
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3",
}  # fmt: skip
SETUP = """\
# In Colab this installs the book's library. Anywhere else it does nothing.
import sys

if "google.colab" in sys.modules:
    library = "git+{address}"
    if "{placeholder}" in library:
        raise RuntimeError(
            "This copy of the book does not know its own address, and so not where its library is. "
            "Whoever publishes it runs `make address` in a clone, once; until then, put the address "
            "of the repository on GitHub in place of {placeholder}/... above"
        )
    %pip install --quiet "{{library}}\""""
SETUP_TAGS = ["remove-cell"]  # the page does not show it
FOLDERS = "home|root|Users|tmp|private|content|mnt|media|opt|srv|workspaces?|kaggle|var/folders"
MACHINE = re.compile(
    rf"(?<![\w.~/-])/(?:{FOLDERS})/[\w.]|file:///|\b(?:site|dist)-packages\b|\b[A-Z]:\\+\w|/ipykernel_\d"
)
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)
FALLBACK = "could not be had, so this is another set"  # what cnnlib.data.load says of one
ADDRESS_IN_MEMORY = re.compile(r" at 0x[0-9a-f]{6,}")
NO_ALT = re.compile(r"!\[\s*\]\(|<img(?![^>]*\balt=[\"']?[^\"'\s>])[^>]*>")


def notebooks(root=ROOT):
    """The chapters, in the order of their names."""
    return sorted((root / "book").glob("*.ipynb"))


# ------------------------------------------------------------------------- what a cell should say


def source_of(quoted, root=ROOT):
    """The lines that define `module:name` in the library, read without importing it.

    Whole lines, decorators included but for `@checked(...)`; comments above the definition are not part
    of it, nor what follows the first paragraph of a docstring. A ValueError says what is unknown.
    """
    module, colon, name = quoted.partition(":")
    if not colon or not name.isidentifier():
        raise ValueError(f"{quoted!r} is no quote: expected 'module:name'")
    path = root.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():
        raise ValueError(f"{quoted!r}: there is no module {module}")
    text = path.read_text("utf-8")
    known = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            known[node.name] = min([node, *node.decorator_list], key=lambda part: part.lineno), node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    known[target.id] = node, node
    if name not in known:
        raise ValueError(f"{quoted!r}: {module} defines no {name}; it defines {', '.join(sorted(known))}")
    first, node = known[name]
    lines = dict(enumerate(text.splitlines(), 1))
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            shorten(part, lines)
    return "\n".join(lines[n] for n in range(first.lineno, node.end_lineno + 1) if n in lines)


def shorten(definition, lines):
    """Take the checks of its options and all but the first paragraph of its docstring out of `lines`."""
    for decorator in definition.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", None) == "checked":
            for number in range(decorator.lineno, decorator.end_lineno + 1):
                del lines[number]
    first = definition.body[0]
    if ast.get_docstring(definition) is None:
        return
    blank = [n for n in range(first.lineno, first.end_lineno) if not lines[n].strip()]
    if not blank:
        return
    for number in range(blank[0], first.end_lineno + 1):
        del lines[number]
    end = blank[0] - 1
    if end == first.lineno:
        lines[end] += '"""'
    else:
        lines[blank[0]] = " " * first.col_offset + '"""'


def wanted_source(cell, root=ROOT):
    """What the library or the configuration says a cell should hold, or None for a cell of its own."""
    marks = cell.metadata.get("cnnlib", {})
    if marks.get("setup"):
        return SETUP.format(address=address(root), placeholder=PLACEHOLDER)
    if "quote" in marks:
        return "\n\n\n".join(source_of(quoted, root) for quoted in marks["quote"])
    return None


def gallery_picture(notebook):
    """The figure of the cell marked `{"cnnlib": {"gallery": true}}`, which the first page shows, or None."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []) if cell.metadata.get("cnnlib", {}).get("gallery") else []:
            if "image/png" in output.get("data", {}):
                return base64.b64decode(output["data"]["image/png"])
    return None


def gallery_path(path):
    """Where that figure of the notebook at `path` is kept."""
    return Path(path).parent / "gallery" / f"{Path(path).stem}.png"


# ----------------------------------------------------------------------------------------- refresh


def refresh(notebook, root=ROOT):
    """Rewrite the quotes and the set-up cell in place; a quote that changes loses its outputs."""
    code = code_cells(notebook)
    if not code or not code[0].metadata.get("cnnlib", {}).get("setup"):
        cell = nbformat.v4.new_code_cell(metadata={"cnnlib": {"setup": True}})
        notebook.cells.insert(notebook.cells.index(code[0]) if code else len(notebook.cells), cell)
    code_cells(notebook)[0].metadata["tags"] = SETUP_TAGS
    for cell in code_cells(notebook):
        wanted = wanted_source(cell, root)
        if wanted is None or cell.source == wanted:
            continue
        cell.source = wanted
        if not cell.metadata["cnnlib"].get("setup"):  # which prints nothing, and sets nothing
            cell.outputs, cell.execution_count = [], None
    return normalise(notebook)


def normalise(notebook):
    """Keep of the metadata what is meant, in place: no versions, times, widgets or editor's state."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen = set()
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in KEPT & cell.metadata.keys()})
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        # An id stays what it is; a missing or repeated one is made from the cell's text.
        number = 0
        while not cell.get("id") or cell["id"] in seen:
            cell["id"] = hashlib.sha256(f"{cell.source}{number}".encode()).hexdigest()[:8]
            number += 1
        seen.add(cell["id"])
    return notebook


# ----------------------------------------------------------------------------------------- execute


def execute(notebook, root=ROOT, timeout=1800):
    """Run every cell in a fresh kernel in book/, in place. Raises nbclient's CellExecutionError."""
    from nbclient import NotebookClient

    environment = {
        "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, not one that a user installed
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # figures into the notebook, always
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    os.environ.update(environment)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(root / "book")}},
    ).execute()
    return normalise(notebook)


# ------------------------------------------------------------------------------------------- check


def problems(path, root=ROOT):
    """Everything that is wrong with a stored notebook, one line each; an empty list when it is right."""
    path = Path(path)
    found = []
    if path.stat().st_size > MEGABYTES * 1_000_000:
        size = path.stat().st_size / 1e6
        found.append(f"{size:.1f} MB, more than {MEGABYTES}: fewer or smaller figures")
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, KeyError) as error:
        return [*found, f"not a notebook: {str(error).splitlines()[0]}"]

    code = code_cells(notebook)
    if not code or not code[0].metadata.get("cnnlib", {}).get("setup"):
        found.append("its first code cell is not the set-up cell: run `make notebooks`")
    elif code[0].metadata.get("tags") != SETUP_TAGS:
        found.append("its set-up cell would show on the page: run `make notebooks`")
    counts = [cell.execution_count for cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"not executed in order, from top to bottom: its cells are numbered {counts}")
    picture, kept = gallery_picture(notebook), gallery_path(path)
    if picture and (not kept.is_file() or kept.read_bytes() != picture):
        found.append(f"gallery/{kept.name} is not the figure of the gallery's cell: run `make notebooks`")
    for text in strings(notebook.metadata):
        found += machine_problems("its metadata", text, root)
    for number, cell in enumerate(notebook.cells):
        place = f"cell {number} ({cell.source.strip().partition(chr(10))[0][:40]!r})"
        found += cell_problems(place, cell, root)
        if cell.cell_type == "code":
            found += output_problems(place, cell, root)
    if form.is_chapter(path):
        found += form.problems(notebook)
    return found


def cell_problems(place, cell, root):
    found = []
    try:
        wanted = wanted_source(cell, root)
    except ValueError as error:
        return [f"{place}: {error}"]
    if wanted is not None and cell.source != wanted:
        origin = "_config.yml" if cell.metadata["cnnlib"].get("setup") else "the library"
        found.append(f"{place}: differs from what {origin} says: run `make notebooks`")
    if not cell.source.strip():
        found.append(f"{place}: empty")
    for other in foreign(cell.source, address(root)):
        found.append(f"{place}: names the repository {other}, but _config.yml says {address(root)}")
    markdown = cell.cell_type == "markdown"
    if markdown and NO_ALT.search(cell.source):
        found.append(f"{place}: an image without alt text")
    return found + machine_problems(place, FORMULA.sub("", cell.source) if markdown else cell.source, root)


def output_problems(place, cell, root):
    found = []
    figures = 0
    for output in cell.outputs:
        if output.output_type == "error":
            found.append(f"{place}: stores an error, {output.ename}: {output.evalue[:80]}")
        elif output.get("name") == "stderr":
            found.append(f"{place}: stores stderr, {output.text[:80]!r}")
        data = output.get("data", {})
        figures += any(kind in data for kind in FIGURES)
        if NO_ALT.search(data.get("text/html", "")):
            found.append(f"{place}: prints an image without alt text")
        for text in strings({**output, "data": {k: v for k, v in data.items() if k not in FIGURES[:3]}}):
            found += machine_problems(f"{place}, its output", text, root)
            if FALLBACK in text:
                found.append(f"{place}: was run on a fallback, not on its own data: execute it with the data")
            if ADDRESS_IN_MEMORY.search(text):
                found.append(f"{place}: prints an address in memory: end the line with a semicolon")
    # MyST-NB takes the text from here only: under "figure" it is silently dropped.
    alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt") or ""
    if figures and not str(alt).strip():
        found.append(f"{place}: a figure without alt text: its metadata needs mystnb.image.alt")
    if figures > 1:
        found.append(f"{place}: {figures} figures under one alt text: one figure a cell")
    return found


def machine_problems(place, text, root):
    """Paths that only somebody's own machine has: the usual places, and this machine's own."""
    own = {str(root), str(Path.home()), sys.prefix, tempfile.gettempdir()}
    hits = {match[0] for match in MACHINE.finditer(text)}
    hits |= {folder for folder in own if len(folder) > 1 and f"{folder}/" in text}
    return [f"{place}: a path of somebody's machine, {hit!r}" for hit in sorted(hits)]


def strings(value):
    """Every string in nested lists and dicts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from strings(part)


# ------------------------------------------------------------------------------------ command line


def write(notebook, path):
    """Store a notebook whole or not at all; True if that changed the file."""
    text = nbformat.writes(nbformat.from_dict(notebook), version=4) + "\n"
    if path.exists() and path.read_text("utf-8") == text:
        return False
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    os.replace(part, path)
    return True


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["refresh", "execute", "check", "budget"])
    parser.add_argument("notebook", nargs="*", type=Path, help="default: every notebook in book/")
    options = parser.parse_args(arguments)
    failed = False
    for path in options.notebook or notebooks():
        if not path.is_file():
            parser.error(f"there is no notebook {path}")
        if options.command == "check":
            found = problems(path)
            print("\n".join(f"{path.name}: {line}" for line in found) or f"{path.name}: in order")
            failed |= bool(found)
            continue
        notebook = nbformat.read(path, as_version=4)
        if options.command == "budget":
            if form.is_chapter(path):
                print(form.report(path, notebook))
            continue
        if options.command == "refresh":
            try:
                refresh(notebook)
            except ValueError as error:
                print(f"{path.name}: {error}")
                failed = True
                continue
            print(f"{path.name}: {'refreshed' if write(notebook, path) else 'up to date'}")
            continue
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

        start = time.monotonic()
        try:
            execute(notebook)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            print(f"{path.name}: {error}\n{path.name}: left as it was")
            failed = True
            continue
        write(notebook, path)
        if picture := gallery_picture(notebook):
            gallery_path(path).parent.mkdir(exist_ok=True)
            gallery_path(path).write_bytes(picture)
        print(f"{path.name}: {len(code_cells(notebook))} cells in {time.monotonic() - start:.0f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
