"""Writing: where a record goes, whether it can go there, and its text."""

import hashlib
import json
import pathlib
import re

from cnnlib import recipes
from cnnlib.files import check_writable, write_atomically
from cnnlib.provenance import differences
from cnnlib.recipes import Recipe
from cnnlib.records.reading import FORMAT, Record, folder, parsed, plain, read

JSON_WORDS = ("null", "true", "false", "NaN", "Infinity")
LONGEST = 200  # characters of a file's name; systems take 255, and a measurement's is longer than its run's


def file_name(network: str, options: dict, recipe_name: str, data_name: str, seed: int) -> str:
    """The file name of a run's record: these, in plain characters, all others replaced by hyphens.

    Options that would make it too long are replaced by a digest of them.

    Raises:
        ValueError: it is too long without options, too.
    """
    legible = "-".join([network, *(f"{key}={_in_a_name(value)}" for key, value in sorted(options.items()))])
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:12]
    for first in (legible, f"{network}-options={digest}"):
        words = [first, recipe_name, data_name, f"seed{seed}"]
        name = "--".join(re.sub(r"[^A-Za-z0-9_.=]+", "-", word).strip("-") for word in words) + ".json"
        if len(name) <= LONGEST:
            return name
    raise ValueError(f"{len(name)} characters are too long for a record's name, at most {LONGEST}: {name}")


def find(*, network: str, options: dict, recipe: Recipe, data, seed: int, directory=None) -> Record | None:
    """The record of this very run where ``write`` would put it, or None if there is none.

    Args:
        network, options, recipe, data, seed, directory: as for ``write``.

    Raises:
        FileExistsError: the record of another run is in its place; the error says what differs.
        ValueError: the file there is no record.
    """
    options = plain_options(options)
    path = folder(directory, writing=True) / file_name(network, options, recipe.name, data.name, seed)
    if not path.exists():
        return None
    found = read(path)
    here = {
        "network": network,
        "options": options,
        "recipe": plain(recipe.as_dict()),
        "data": data_summary(data),
        "seed": seed,
    }
    there = {name: getattr(found, name) for name in here}
    if different := "; ".join(differences("", there, here)):
        raise FileExistsError(f"{path} is of another run: {different}. Remove it, or pass overwrite=True")
    return found


def destination(
    *, network: str, options: dict, recipe: Recipe, data, seed: int, directory=None, overwrite: bool = False
) -> pathlib.Path:
    """Where ``write`` will put the record of a run; asked before training, so that no run is in vain.

    Args:
        network, options, recipe, data, seed, directory, overwrite: as for ``write``.

    Returns:
        The file's path, in a folder that is there and can be written to.

    Raises:
        FileExistsError: a record is there, of this run or another, and ``overwrite`` is not set.
        ValueError: the recipe has the name of a known one and other content, or the file's name is too long.
        TypeError: an option that JSON cannot hold.
        OSError: the folder cannot be written to.
    """
    options = plain_options(options)
    if different := differences_from_known(recipe):
        raise ValueError(
            f"recipe {recipe.name} is not the known one of this name: {different}. Give it another name"
        )
    path = folder(directory, writing=True) / file_name(network, options, recipe.name, data.name, seed)
    check_writable(path.parent)
    run = {"network": network, "options": options, "recipe": recipe, "data": data, "seed": seed}
    if not overwrite and find(**run, directory=directory):
        raise FileExistsError(f"{path}: this run is already recorded. Remove it, or pass overwrite=True")
    return path


def write(
    *, network: str, options: dict, recipe: Recipe, data, seed: int, history, directory=None,
    overwrite: bool = False,
) -> pathlib.Path:  # fmt: skip
    """Write the record of a completed run, atomically.

    Args:
        network: its name, without aliases.
        options: of the network, apart from those that follow from the data.
        recipe: the ``Recipe``.
        data: the ``cnnlib.data.Dataset``.
        seed: of the run.
        history: the ``cnnlib.training.History``.
        directory: see ``folder``.
        overwrite: whether it may replace a record that is there.

    Returns:
        The file's path.

    Raises:
        ValueError: the history is not that of a completed run of this recipe, or not finite; or see
            ``destination``, as for FileExistsError, TypeError and OSError.
    """
    done = history.iteration[-1] if history.iteration else 0
    if done != recipe.iterations:
        raise ValueError(f"not a completed run: {done} of {recipe.iterations} iterations of {recipe.name}")
    run = {"network": network, "options": plain_options(options), "recipe": recipe, "data": data}
    path = destination(**run, seed=seed, directory=directory, overwrite=overwrite)
    measured = {
        **history.provenance,
        "seconds": sum(history.seconds),
        "peak_memory_mb": history.peak_memory / 2**20,
        "final": history.final or None,
        "history": history.lists(),
    }
    # The recipe's numbers are what was asked for and stay as they are; measured ones are rounded.
    recipe, data = recipe.as_dict(), data_summary(data)
    asked = {"format": FORMAT, **run, "recipe": recipe, "data": data, "seed": int(seed)}
    text = as_text(asked | rounded(measured))
    parsed(text, path)
    write_atomically(path, lambda file: file.write(text.encode()))
    return path


def data_summary(data) -> dict:
    """What a record and a checkpoint say of a ``cnnlib.data.Dataset``."""
    return {
        "name": data.name,
        "checksum": data.checksum,
        "train_size": data.train_size,
        "test_size": data.test_size,
        "image_shape": list(data.image_shape),
    }


def plain_options(options: dict) -> dict:
    """The network options as JSON gives them back, lists for tuples; a ``TypeError`` names one it cannot."""
    for key, value in options.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise TypeError(f"option {key}: a record cannot hold {value!r}; give a name or numbers") from None
    return plain(options)


def rounded(value):
    """A JSON value with all floats rounded to five significant digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def as_text(fields: dict) -> str:
    """JSON with a line for each field, and for each entry of a history or of values."""
    lines = []
    for name, value in fields.items():
        text = json.dumps(value)
        if name in ("history", "values"):
            entries = [f"    {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items()]
            text = "{\n" + ",\n".join(entries) + "\n  }"
        lines.append(f"  {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def differences_from_known(recipe):
    """In what a recipe differs from the known one that its name claims, changed or not; "" for others."""
    wanted = recipes.find(recipe.name)
    if wanted is None:
        return ""
    return "; ".join(differences("", wanted.as_dict(), recipe.as_dict()))


def _in_a_name(value):
    """An option's value within a file name: a word as it is, anything else as JSON."""
    # A word that JSON reads as something else keeps its quotes, and they become a hyphen: "null" is not
    # None. So words, numbers, None and booleans all differ. Only what loses brackets or quotes can have
    # another's name: lists of the same numbers, differently nested, or the text "1" and the number -1.
    # No network takes both as values of one option.
    word = isinstance(value, str) and re.fullmatch(r"[A-Za-z]\w*", value, re.ASCII)
    return value if word and value not in JSON_WORDS else json.dumps(value)
