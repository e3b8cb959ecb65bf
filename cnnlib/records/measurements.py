"""Recorded measurements: what was measured *in* a network rather than how its run went, one JSON file each.

    from cnnlib.records import measurements

    for found in measurements.select("gradients", network="cifar-plain-56"):
        print(found.seed, found.values["iterations"])

A tool in ``tools/`` measures while a network is trained, or after it, and gives what it found a name:
"gradients" is that of ``tools/gradients.py``. The files are in ``measurements`` beside this one, or in the
folder of that name where the environment variable CNNLIB_RECORDS says.
"""

import dataclasses
import pathlib
import typing

from cnnlib import provenance
from cnnlib.files import write_atomically
from cnnlib.recipes import Recipe
from cnnlib.records import reading, writing

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One measurement, as its file has it.

    Attributes:
        format: version of this layout, 1.
        name: what was measured.
        network, options, recipe, data, seed: of the run, as in ``cnnlib.records.Record``.
        backend, versions, device, date, code: on what it was measured: see ``cnnlib.provenance.describe``.
        values: what was found: numbers, texts, lists and dicts of them; the tool says which.
    """

    format: int
    name: str
    network: str
    options: dict
    recipe: dict
    data: dict
    seed: int
    backend: str
    versions: dict
    device: str
    date: str
    code: dict
    values: dict


def folder(directory=None, *, writing: bool = False) -> pathlib.Path:
    """Where measurements are: ``directory``, or "measurements" beside or in ``cnnlib.records.folder``'s."""
    return reading.folder(directory, part="measurements", writing=writing)


def write(
    name: str, values: dict, *, network: str, options: dict, recipe: Recipe, data, seed: int, directory=None
) -> pathlib.Path:  # fmt: skip
    """Write a measurement, atomically; the same one of the same run is replaced.

    Args:
        name: what was measured, a word that a file's name can hold.
        values: what JSON can hold; floats are rounded to five significant digits.
        network, options, recipe, data, seed, directory: as for ``cnnlib.records.write``.

    Returns:
        The file's path.

    Raises:
        ValueError: a name that is no word, or a number that is not finite.
        TypeError: a value that JSON cannot hold.
    """
    if not isinstance(name, str) or not name.replace("-", "").isalnum():
        raise ValueError(f"name: expected a word of letters, digits and hyphens, got {name!r}")
    options = writing.plain_options(options)
    fields = {
        "format": FORMAT,
        "name": name,
        "network": network,
        "options": options,
        "recipe": recipe.as_dict(),
        "data": writing.data_summary(data),
        "seed": int(seed),
        **provenance.describe(),
        "values": writing.rounded(reading.plain(values)),
    }
    run = writing.file_name(network, options, recipe.name, data.name, seed)
    path = folder(directory, writing=True) / f"{name}--{run}"
    text = writing.as_text(fields)
    _parsed(text, path)
    write_atomically(path, lambda file: file.write(text.encode()))
    return path


def read(path) -> Measurement:
    """The measurement in the file ``path``; errors as of ``cnnlib.records.read``."""
    return _parsed(pathlib.Path(path).read_bytes(), path)


def load(name: str, directory=None) -> list[Measurement]:
    """All measurements of this name, sorted by file name; errors as of ``read``."""
    return [read(path) for path in sorted(folder(directory).glob(f"{name}--*.json"))]


def select(
    name: str, network: str | None = None, recipe: Recipe | None = None, options: dict | None = None,
    directory=None,
) -> list[Measurement]:  # fmt: skip
    """The measurements of this name whose network, recipe and options are these; None means any.

    Returns:
        A list, sorted by file name; it may be empty.
    """
    wanted = {"network": network, "recipe": recipe and recipe.as_dict(), "options": options}
    wanted = {key: reading.plain(value) for key, value in wanted.items() if value is not None}
    found = load(name, directory)
    return [one for one in found if all(getattr(one, key) == value for key, value in wanted.items())]


def _parsed(text, path):
    kinds = typing.get_type_hints(Measurement)
    return reading.checked(text, f"measurement {pathlib.Path(path).name}", FORMAT, kinds, _measurement)


def _measurement(fields):
    """The measurement of these fields, or an error that says what is wrong with them."""
    reading.check_fields(fields["data"], reading.DATA, "data: ")
    recipe = reading.plain(Recipe.from_dict(fields["recipe"]).as_dict())
    return Measurement(**{**fields, "recipe": recipe})
