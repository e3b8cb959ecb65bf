"""The repository's public address: it stands once, in _config.yml, and is derived from there.

    python tools/address.py                                  # make it that of git's remote `origin`
    python tools/address.py https://github.com/OWNER/NAME    # make it this one
"""

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
HOST = "https://github.com/"
PLACEHOLDER = "owner--undecided"  # GitHub allows no two hyphens in a row in an account's name
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


def origin(root=ROOT):
    """The address of git's remote `origin` as a browser takes it; a ValueError if not on GitHub."""
    asked = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=root, capture_output=True, text=True, check=False
    )
    found = re.search(r"(?:^|[/@])github\.com[/:](.+)", asked.stdout.strip())
    if not found:  # the remote's own address may hold a password: it is not printed
        raise ValueError(
            "git has no remote `origin` on GitHub here. Name the repository that readers are to open: "
            f"make address URL={HOST}OWNER/NAME"
        )
    return HOST + found[1]


def main(arguments, root=ROOT):
    if len(arguments) > 1:
        return __doc__
    try:
        changed = change(arguments[0] if arguments else origin(root), root)
    except ValueError as error:
        return str(error)
    print("\n".join(f"changed: {path.relative_to(root)}" for path in changed) or "nothing to change")
    print(f"the address is {address(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
