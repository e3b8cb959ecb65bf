"""A Sphinx extension: docstrings of the library are plain text with backticks, as read in a terminal.

On the API page `name` becomes code, an indented passage becomes a block of code, and nothing else in
them (a star, an underscore at the end of a word, a bar) is taken for markup.
"""

import re

CODE = re.compile(r"(``.+?``|`[^`\n]+`)")
MARKUP = re.compile(r"([*|\\])|(?<=\w)(_)(?!\w)")


def to_rst(lines):
    """Plain text, a list of lines, as reStructuredText."""
    rst = []
    in_code = False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not in_code and (not rst or not rst[-1].strip()):
            rst += ["::", ""]
            in_code = True
        elif line.strip() and not indented:
            in_code = False
        if in_code or line.lstrip().startswith((":", "..", ">>>")):
            rst.append(line)
            continue
        parts = CODE.split(line)
        parts[::2] = [MARKUP.sub(r"\\\g<0>", text) for text in parts[::2]]
        parts[1::2] = [f"``{code.strip('`')}``" for code in parts[1::2]]
        rst.append("".join(parts))
    return rst


def convert(app, what, name, subject, options, lines):
    lines[:] = to_rst(lines)


def once(app, domain, kind, content):
    """A function with an implementation a type has as many signatures; of equal ones the first stays."""
    seen = set()
    for signature in content.parent.children[:-1]:
        if signature.astext() in seen:
            content.parent.remove(signature)
        seen.add(signature.astext())


def setup(app):
    app.connect("autodoc-process-docstring", convert, priority=400)
    app.connect("object-description-transform", once)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
