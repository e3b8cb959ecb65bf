"""Recorded error surfaces: one JSON file a surface, beside this file; see ``cnnlib.surface``.

The folder is this package's, or ``surfaces`` in the one that the environment variable CNNLIB_RECORDS names.
What a file says besides the surface is its ``origin``: network, options, recipe (its name), data and seed
of the run; images (which ones, in words); test_error of the trained network, percent; and what the surface
was computed on: see ``cnnlib.provenance.describe``. Losses that are not finite are ``null``, nan when read.
"""

import json
import os
import pathlib

import numpy as np

from cnnlib import provenance, records
from cnnlib.files import write_atomically
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


def folder(directory=None):
    """Where surfaces are: ``directory``, else $CNNLIB_RECORDS/surfaces, else this package."""
    if not directory and "CNNLIB_RECORDS" in os.environ:
        directory = records.folder() / "surfaces"
    return pathlib.Path(directory or pathlib.Path(__file__).parent)


def write(found, *, network, options, recipe, data, seed, images, test_error, directory=None):
    """Write the ``Surface`` found around the network of a run, atomically; returns the path.

    Losses and errors are rounded to five significant digits. For the other arguments see this module's text
    and ``cnnlib.run``. A surface of the same run along the same directions is replaced.
    """
    fields = {
        "format": FORMAT,
        "network": network,
        "options": records.plain_options(options),
        "recipe": recipe.name,
        "data": records.data_summary(data),
        "seed": int(seed),
        "images": images,
        "test_error": float(f"{test_error:.5g}"),
        **provenance.describe(),
        "seeds": [int(seed) for seed in found.seeds],
        "coordinates": found.coordinates.tolist(),
        "loss": _rounded(found.loss),
        "error": _rounded(found.error),
    }
    run = records.file_name(network, options, recipe.name, data.name, seed).removesuffix(".json")
    path = folder(directory) / f"{run}--directions-{'-'.join(map(str, fields['seeds']))}.json"
    # A line for each field, and for each row of a surface.
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in fields.items())
    text = "{\n" + lines.replace("], [", "],\n    [") + "\n}\n"
    _validated(json.loads(text), path)
    write_atomically(path, lambda file: file.write(text.encode()))
    return path


def read(path):
    """The ``Surface`` in the file ``path``; a ``ValueError`` names the file and what is wrong with it."""
    path = pathlib.Path(path)
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as reason:
        raise ValueError(f"surface {path.name}: not a JSON file ({reason})") from reason
    return _validated(fields, path)


def load(directory=None):
    """All surfaces of the folder, sorted by file name."""
    return [read(path) for path in sorted(folder(directory).glob("*.json"))]


def _validated(fields, path):
    """The surface of these fields, or a ``ValueError`` that names what is wrong with them."""

    def wrong(reason):
        return ValueError(f"surface {path.name}: {reason}")

    if not isinstance(fields, dict):
        raise wrong(f"expected an object with fields, got {type(fields).__name__}")
    if isinstance(fields.get("format"), int) and fields["format"] > FORMAT:
        raise wrong(f"format {fields['format']} is newer than this cnnlib, which reads up to {FORMAT}")
    for name, kind in KINDS.items():
        if name not in fields:
            raise wrong(f"field {name!r} is missing")
        kind = (int, float) if kind is float else kind
        if not isinstance(fields[name], kind) or isinstance(fields[name], bool):
            raise wrong(f"field {name!r} has the wrong kind of value: {fields[name]!r}")
    if unknown := sorted(set(fields) - set(KINDS)):
        raise wrong(f"unknown field {unknown[0]!r}")
    if len(fields["seeds"]) not in (1, 2):
        raise wrong(f"seeds must be of one or two directions, got {fields['seeds']}")
    arrays = {}
    for name in ("coordinates", "loss", "error"):
        wanted = (len(fields["coordinates"]),) * (1 if name == "coordinates" else len(fields["seeds"]))
        try:
            arrays[name] = np.asarray(fields[name], "float64")  # nan for null
        except (ValueError, TypeError) as reason:
            raise wrong(f"{name} must be numbers of shape {wanted} ({reason})") from None
        if arrays[name].shape != wanted:
            raise wrong(f"{name} must be numbers of shape {wanted}, got {arrays[name].shape}")
    if not np.all(np.diff(arrays["coordinates"]) > 0):
        raise wrong("coordinates must be increasing numbers")
    if not np.all((arrays["error"] >= 0) & (arrays["error"] <= 100)):
        raise wrong("error must be from 0 to 100 percent")
    return Surface(**arrays, seeds=tuple(fields["seeds"]), origin={name: fields[name] for name in ORIGIN})


def _rounded(values):
    """Lists of numbers with five significant digits, None for those that are not finite."""
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]
