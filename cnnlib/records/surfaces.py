"""Recorded error surfaces: one JSON file a surface, in ``error_surfaces``; see ``cnnlib.surface``.

What a file says besides the surface is its ``origin``: network, options, recipe (its name), data and seed
of the run; images (which ones, in words); test_error of the trained network, percent; and what the surface
was computed on: see ``cnnlib.provenance.describe``. Losses that are not finite are ``null``, nan when read.
"""

import pathlib

import numpy as np

from cnnlib import provenance
from cnnlib.files import write_atomically
from cnnlib.recipes import Recipe
from cnnlib.records import reading, writing
from cnnlib.surface import Surface

FORMAT = 1
ORIGIN = {
    "network": str,
    "options": dict,
    "recipe": str,
    "data": dict,
    "seed": int,
    "images": str,
    "test_error": float,
    "backend": str,
    "versions": dict,
    "device": str,
    "date": str,
    "code": dict,
}
KINDS = {"format": int, **ORIGIN, "seeds": list, "coordinates": list, "loss": list, "error": list}


def folder(directory=None, *, writing: bool = False) -> pathlib.Path:
    """Where surfaces are: ``directory``, or "error_surfaces" beside or in ``cnnlib.records.folder``'s."""
    return reading.folder(directory, part="error_surfaces", writing=writing)


def write(
    found: Surface, *, network: str, options: dict, recipe: Recipe, data, seed: int, images: str,
    test_error: float, directory=None,
) -> pathlib.Path:  # fmt: skip
    """Write the surface found around the network of a run, atomically.

    Losses and errors are rounded to five significant digits. A surface of the same run along the same
    directions is replaced: nothing was trained for it.

    Args:
        found: the ``Surface``.
        network, options, recipe, data, seed: of the run, as for ``cnnlib.records.write``.
        images: on which ones the surface was computed, in words.
        test_error: of the trained network, percent.
        directory: see ``folder``.

    Returns:
        The file's path.

    Raises:
        ValueError: the surface is none: see ``read``.
    """
    options = writing.plain_options(options)
    seeds = [int(seed) for seed in found.seeds]
    fields = {
        "format": FORMAT,
        "network": network,
        "options": options,
        "recipe": recipe.name,
        "data": writing.data_summary(data),
        "seed": int(seed),
        "images": images,
        "test_error": writing.rounded(float(test_error)),
        **provenance.describe(),
        "seeds": seeds,
        "coordinates": found.coordinates.tolist(),
        "loss": writing.rounded(np.where(np.isfinite(found.loss), found.loss, None).tolist()),
        "error": writing.rounded(found.error.tolist()),
    }
    run = writing.file_name(network, options, recipe.name, data.name, seed).removesuffix(".json")
    path = folder(directory, writing=True) / f"{run}--directions-{'-'.join(map(str, seeds))}.json"
    text = writing.as_text(fields)
    _parsed(text, path)
    write_atomically(path, lambda file: file.write(text.encode()))
    return path


def read(path) -> Surface:
    """The surface in the file ``path``.

    Raises:
        ValueError: names the file and what is wrong: see ``cnnlib.records.read``; or arrays of other shapes.
        OSError: the file cannot be read.
    """
    return _parsed(pathlib.Path(path).read_bytes(), path)


def load(directory=None) -> list[Surface]:
    """All surfaces of the folder, sorted by file name; errors as for ``read``."""
    return [read(path) for path in sorted(folder(directory).glob("*.json"))]


def _parsed(text, path):
    return reading.checked(text, f"surface {pathlib.Path(path).name}", FORMAT, KINDS, _surface)


def _surface(fields):
    """The surface of these fields, or a ``ValueError`` that says what is wrong with them."""
    reading.check_fields(fields["data"], reading.DATA, "data: ")
    if len(fields["seeds"]) not in (1, 2):
        raise ValueError(f"seeds must be of one or two directions, got {fields['seeds']}")
    arrays = {}
    for name in ("coordinates", "loss", "error"):
        wanted = (len(fields["coordinates"]),) * (1 if name == "coordinates" else len(fields["seeds"]))
        try:
            arrays[name] = np.asarray(fields[name], "float64")  # nan for null
        except (ValueError, TypeError) as reason:
            raise ValueError(f"{name} must be numbers of shape {wanted} ({reason})") from None
        if arrays[name].shape != wanted:
            raise ValueError(f"{name} must be numbers of shape {wanted}, got {arrays[name].shape}")
    if not np.all(np.diff(arrays["coordinates"]) > 0):
        raise ValueError("coordinates must be increasing numbers")
    if np.isnan(arrays["error"]).any():
        raise ValueError("error must be numbers, got null")
    return Surface(**arrays, seeds=tuple(fields["seeds"]), origin={name: fields[name] for name in ORIGIN})
