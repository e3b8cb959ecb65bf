"""The form of a chapter: two halves, and budgets that a reader can finish. CONTRIBUTING.md says why.

A chapter is a notebook whose name begins with its number. `problems` says what is against the form,
`report` how long a chapter is.
"""

import ast
import re

import nbformat

WORDS, OPENING_WORDS, LINES, CELL_LINES, COLUMNS, FIGURE_LIMIT = 3_500, 150, 220, 30, 86, 12
# How the headings of the sections begin, in their order.
FIRST_HALF = ("In one picture", "In plain Keras", "Train it")
SECOND_HALF = (
    "Why it is built like this", "The paper's own network", "Measured", "What became of it",
    "What to remember", "Exercises", "References",
)  # fmt: skip
LINES_TO_REMEMBER, EXERCISES = 5, range(4, 9)

FIGURES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")
FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
EXERCISE = re.compile(r"^\*\*(\d+)\.\*\*", re.M)
SOURCE = re.compile(r"\bdoi:10\.\d{4,}/\S|\barXiv:\d{4}\.\d{4,5}\b|https?://")
# What is no prose: code, displayed formulas, tags of HTML, addresses of links, lines of tables.
NO_PROSE = re.compile(r"```.*?```|\$\$.*?\$\$|</?\w[^>\n]*>|(?<=\])\([^)\n]*\)|^\|[^\n]*", re.DOTALL | re.M)
FORMULA = re.compile(r"\$[^$\n]+\$")


def is_chapter(path):
    return bool(re.match(r"\d\d-", path.name))


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def in_view(cell):
    """Whether the page shows the code of a cell without a click."""
    return cell.cell_type == "code" and not FOLDED & set(cell.metadata.get("tags", []))


def sections(notebook):
    """(heading, cells) in order; the first is the opening, which has the chapter's title and no heading."""
    found = [("", [])]
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            found[-1][1].append(cell)
            continue
        for piece in filter(str.strip, re.split(r"^(?=## )", cell.source, flags=re.M)):
            if piece.startswith("## "):
                found.append((piece.partition("\n")[0][3:].strip(), []))
            found[-1][1].append(nbformat.v4.new_markdown_cell(piece))
    return found


def words(cells):
    """How many words of prose there are; a formula within a line is one, a displayed one none."""
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    text = FORMULA.sub(" x ", NO_PROSE.sub(" ", text))
    return len(re.findall(r"\w[\w'’.,-]*", text))


def figures(cells):
    """How many pictures the page shows."""
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    drawn = sum(
        any(kind in data for kind in FIGURES) or "<svg" in data.get("text/html", "") for data in shown
    )
    return drawn + sum(
        len(re.findall(r"!\[|<img\b", cell.source)) for cell in cells if cell.cell_type == "markdown"
    )


def measures(notebook):
    """What the budgets limit, by name: (number, limit)."""
    shown = [cell.source.splitlines() for cell in notebook.cells if in_view(cell)]
    prose = [cell for heading, cells in sections(notebook) if heading != "References" for cell in cells]
    return {
        "words of prose": (words(prose), WORDS),
        "lines of code in view": (sum(map(len, shown)), LINES),
        "lines of the longest cell in view": (max(map(len, shown), default=0), CELL_LINES),
        "columns of the widest line in view": (max((len(s) for c in shown for s in c), default=0), COLUMNS),
        "figures": (figures(notebook.cells), FIGURE_LIMIT),
        "words in the opening": (words(sections(notebook)[0][1]), OPENING_WORDS),
    }


def report(path, notebook):
    """The budgets of a chapter as lines of text."""
    lines = [path.name]
    for name, (number, limit) in measures(notebook).items():
        lines.append(f"  {number:>6,} of {limit:>5,}  {name}{'    TOO MANY' if number > limit else ''}")
    return "\n".join(lines)


def problems(notebook):
    """What is against the form, one line each."""
    found = [
        f"{number:,} {name}, more than {limit:,}"
        for name, (number, limit) in measures(notebook).items()
        if number > limit
    ]
    parts = sections(notebook)
    found += heading_problems([heading for heading, _ in parts[1:]])
    by_name = {}
    for heading, cells in parts[1:]:
        name = next((name for name in FIRST_HALF + SECOND_HALF if heading.startswith(name)), heading)
        by_name.setdefault(name, []).extend(cells)
    if (drawn := figures(parts[0][1])) != 1:
        found.append(f"{drawn} figures in the opening: expected 1")
    first_half = []
    for heading, cells in parts:
        if heading.startswith(SECOND_HALF):
            break
        first_half += cells
    found += first_half_problems(first_half)
    found += import_problems(notebook)
    if remember := by_name.get("What to remember"):
        lines = len(re.findall(r"^[-*] ", "\n".join(cell.source for cell in remember), re.M))
        if lines != LINES_TO_REMEMBER:
            found.append(f"{lines} lines to remember: expected {LINES_TO_REMEMBER}, each begun by '- '")
    if "Exercises" in by_name:
        found += exercise_problems(by_name["Exercises"])
    references = "\n".join(cell.source for cell in by_name.get("References", []))
    for item in re.findall(r"^- (.*(?:\n(?!- |\n).*)*)", references, re.M):
        if not SOURCE.search(item):
            found.append(f"a reference without DOI, arXiv number or, if it has neither, link: {item[:60]!r}")
    return found


def heading_problems(headings):
    """The sections of the form that are missing or not in their order."""
    found, behind = [], -1
    for name in FIRST_HALF + SECOND_HALF:
        places = [place for place, heading in enumerate(headings) if heading.startswith(name)]
        if not places:
            found.append(f"no section '## {name}'")
        elif places[0] < behind:
            found.append(f"the section '## {name}' stands too early")
        else:
            behind = places[0]
    return found


def parsed(cell):
    """The cell's syntax tree; a line for IPython does nothing in it."""
    return ast.parse(re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.M))


def imported(tree):
    """(module, name bound) of every import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, alias.asname or alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield f"{node.module}.{alias.name}", alias.asname or alias.name


def first_half_problems(cells):
    """The library's networks do not show before the second half: there a network is plain Keras."""
    found = []
    for cell in cells:
        if cell.cell_type != "code":
            continue
        tree = parsed(cell)
        modules = {module for module, _ in imported(tree)}
        modules |= {quote.partition(":")[0] for quote in cell.metadata.get("cnnlib", {}).get("quote", [])}
        if in_view(cell):
            modules |= {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        for module in sorted(modules):
            if re.match(r"cnnlib\.models\b", module):
                line = cell.source.partition("\n")[0][:40]
                found.append(f"{module} in the first half, which is plain Keras: the cell {line!r}")
                break
    return found


def import_problems(notebook):
    """What is imported only so that a quote can run stands in no cell in view."""
    quoted, own, bound = set(), set(), {}
    for cell in code_cells(notebook):
        tree = parsed(cell)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if "quote" in cell.metadata.get("cnnlib", {}):
            quoted |= used
            continue
        own |= used
        if in_view(cell):
            bound |= {name: module for module, name in imported(tree) if module.startswith("cnnlib.")}
    return [
        f"{bound[name]} is imported in view, and only a quote needs it: fold the cell (hide-input)"
        for name in sorted(bound.keys() & quoted - own)
    ]


def exercise_problems(cells):
    """Four to eight exercises, numbered, each with a solution that is folded away, executed, asserted."""
    solutions = {}
    for cell in cells:
        if cell.cell_type == "markdown":
            solutions |= {int(number): [] for number in EXERCISE.findall(cell.source)}
        elif solutions:
            solutions[max(solutions)].append(cell)
    if list(solutions) != list(range(1, len(solutions) + 1)) or len(solutions) not in EXERCISES:
        wanted = f"{EXERCISES[0]} to {EXERCISES[-1]}, each begun by its number: **1.**, **2.**, ..."
        return [f"its exercises are {list(solutions)}: expected {wanted}"]
    found = []
    for number, code in solutions.items():
        if not code:
            found.append(f"exercise {number} has no solution")
        elif any("hide-cell" not in cell.metadata.get("tags", []) for cell in code):
            found.append(f"the solution of exercise {number} is not folded away (hide-cell)")
        elif not all(cell.execution_count for cell in code):
            found.append(f"the solution of exercise {number} was not executed")
        elif not any(isinstance(node, ast.Assert) for cell in code for node in ast.walk(parsed(cell))):
            found.append(f"the solution of exercise {number} asserts nothing")
    return found
