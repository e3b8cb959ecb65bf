"""The repository's public address: it stands once, in _config.yml, and is derived from there.

    python tools/address.py                                  # print it
    python tools/address.py https://github.com/OWNER/NAME    # change it everywhere
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
HOST = "https://github.com/"
# The files that may repeat the address.
PATTERNS = (
    "_config.yml", "README.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml",
    "book/*.md", "book/*.ipynb",
)  # fmt: skip
# How an address of this repository shows in a text: cloned, installed by pip, opened in Colab, cited.
MENTIONS = (
    r"git clone https://github\.com/([\w.-]+/[\w.-]+)",
    r"git\+https://github\.com/([\w.-]+/[\w.-]+)",
    r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)",
    r"repository-code: *[\"']?https://github\.com/([\w.-]+/[\w.-]+)",
)


def address(root=ROOT):
    """The address of the repository, from _config.yml."""
    return yaml.safe_load((root / "_config.yml").read_text("utf-8"))["repository"]["url"]


def slug(url):
    """`OWNER/NAME` of an address on GitHub; a ValueError for anything else."""
    found = re.fullmatch(re.escape(HOST) + r"([A-Za-z0-9-]{1,39}/[\w.-]+?)(\.git)?/?", url)
    if not found:
        raise ValueError(f"{url!r} is no address of a repository: expected {HOST}OWNER/NAME")
    return found[1]


def files(root=ROOT):
    """Every file that may repeat the address."""
    return sorted(path for pattern in PATTERNS for path in root.glob(pattern))


def foreign(text, url):
    """The repositories that a text calls this one, but that are not the one at `url`."""
    mentions = (found.removesuffix(".git") for pattern in MENTIONS for found in re.findall(pattern, text))
    return sorted({found for found in mentions if found != slug(url)})


def change(url, root=ROOT):
    """Put `url` in the place of the present address in every file, and return the files changed."""
    old, new = slug(address(root)), slug(url)
    changed = []
    for path in files(root):
        text = path.read_text("utf-8")
        replaced = re.sub(rf"(?<![\w.-]){re.escape(old)}(?![\w-])", new, text)
        if replaced != text:
            path.write_text(replaced, "utf-8")
            changed.append(path)
    return changed


def main(arguments):
    if not arguments:
        print(address())
    elif len(arguments) == 1:
        try:
            changed = change(arguments[0])
        except ValueError as error:
            return str(error)
        print("\n".join(f"changed: {path.relative_to(ROOT)}" for path in changed) or "nothing to change")
    else:
        return __doc__
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
