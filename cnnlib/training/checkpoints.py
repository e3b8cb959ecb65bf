"""Checkpoints: everything that a run needs to go on exactly where it was, in one file, written atomically."""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import re
import types
import warnings
from collections.abc import Iterator

import keras
import numpy as np

from cnnlib import files
from cnnlib.provenance import differences
from cnnlib.training import devices

FILE = "checkpoint.npz"

# Where a model's configuration says the names of layers. What they are called changes no result, and Keras
# numbers those that have none ("functional_1") by all that this process has built before.
NAMES = ("name", "keras_history", "input_layers", "output_layers")


@contextlib.contextmanager
def claimed(directory: str | os.PathLike | None) -> Iterator[None]:
    """Have a run's folder for this process alone, made and known to take files; None: no folder.

    Raises:
        TypeError, ValueError: no path.
        OSError: the folder cannot be written, or another process trains there; names it.
    """
    if directory is None:
        yield
        return
    if not isinstance(directory, (str, os.PathLike)):
        raise TypeError(f"directory: expected a folder's path or None, got {directory!r}")
    if not os.fspath(directory):
        raise ValueError("directory: expected a folder's path or None, got an empty text")

    with contextlib.ExitStack() as stack:
        # Of several processes that train together the first one has the folder.
        devices.from_first(_claim, directory, stack)
        yield


def _claim(directory, stack):
    files.check_writable(directory)
    stack.enter_context(files.held(directory))
    for leftover in files.leftovers(pathlib.Path(directory) / FILE):
        leftover.unlink(missing_ok=True)  # of a process that was killed while it wrote


def network_identity(model: keras.Model) -> dict:
    """What two networks share only if they compute and start alike, whatever their layers are called.

    Returns:
        The name, without the number that Keras gives; how many parameters; and a digest of the whole
        configuration: layers, connections, initialisers, and the instructions of Python functions in it. A
        layer's class is known by its name.

    Raises:
        ValueError: a layer does not say its configuration.
    """
    layers = list(model._flatten_layers())
    operations = [*layers, *(operation for layer in layers for operation in getattr(layer, "operations", ()))]
    names = dict.fromkeys(operation.name for operation in operations)
    numbers = {name: f"layer {number}" for number, name in enumerate(names)}

    def normal(value, named=False):
        if isinstance(value, dict):
            if value.get("class_name") == "__lambda__":
                return "lambda"  # with its file and line; its instructions are added below
            kept = {key: item for key, item in value.items() if key != "compile_config"}
            return {key: normal(item, named or key in NAMES) for key, item in kept.items()}
        if isinstance(value, (list, tuple)):
            # An activation's lambda: the bytes of its code, its defaults and closure.
            of_lambda = len(value) == 3 and isinstance(value[0], str) and value[0].endswith("\n")
            return "lambda" if of_lambda else [normal(item, named) for item in value]
        return numbers.get(value, value) if named and isinstance(value, str) else value

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a lambda may not be read back; nobody will
            config = keras.saving.serialize_keras_object(model.get_config())
        text = json.dumps([normal(config), [_functions(layer) for layer in layers]], sort_keys=True)
    except Exception as reason:
        raise ValueError(
            f"model {model.name}: a checkpoint needs a configuration, it gives none ({reason})"
        ) from reason
    return {
        "name": re.sub(r"_\d+$", "", model.name),
        "parameters": int(model.count_params()),
        "configuration": hashlib.sha256(text.encode()).hexdigest()[:16],
    }


def described(options: dict) -> dict:
    """Options of a network as JSON, which are others for other values: also functions and initialisers."""

    def other(value):
        function = isinstance(value, types.FunctionType)
        return _function(value) if function else keras.saving.serialize_keras_object(value)

    return json.loads(json.dumps(options, default=other))


def _content(path):
    """The file's bytes, or None if there is none."""
    return path.read_bytes() if path.exists() else None


def _functions(layer):
    """The Python functions that a layer was given, by name."""
    given = {name: value for name, value in vars(layer).items() if isinstance(value, types.FunctionType)}
    # Keras wraps the `build` of every layer.
    return {name: _function(value) for name, value in given.items() if not hasattr(value, "__wrapped__")}


def _function(function):
    """What a function executes and holds, without the file and line that it stands in."""
    held = [cell.cell_contents for cell in function.__closure__ or ()]
    plain = (bool, int, float, str, bytes, tuple, type(None))
    values = [repr(value) if isinstance(value, plain) else type(value).__name__ for value in held]
    return [_instructions(function.__code__), repr(function.__defaults__), values]


def _instructions(code):
    """What Python executes."""
    constants = [_instructions(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return [code.co_code.hex(), code.co_names, constants]


def digest(variables: list) -> str:
    """A short text that differs where values differ."""
    found = hashlib.sha256()
    for variable in variables:
        found.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).tobytes())
    return found.hexdigest()[:16]


def save(directory: str | os.PathLike, identity: dict, start: str, variables: list, progress: dict) -> None:
    """Write a checkpoint.

    Args:
        directory: the run's folder.
        identity: what the run is (recipe, network, data, seed, ...), each a JSON value.
        start: the ``digest`` of the weights that it began with.
        variables: Keras variables: the network's, its random generators' and the optimiser's.
        progress: a JSON value: the history so far and what else is needed to go on.

    Raises:
        OSError: names the file; the one before it stands.
    """
    state = json.dumps({"identity": identity, "start": start, "progress": progress})
    arrays = {f"variable_{i:05d}": keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}
    files.write_atomically(
        pathlib.Path(directory) / FILE, lambda file: np.savez(file, state=np.asarray(state), **arrays)
    )


def load(
    directory: str | os.PathLike, identity: dict, start: str, variables: list
) -> tuple[str, dict] | None:
    """Bring ``variables`` to the state of the folder's checkpoint: all of them, or none if it raises.

    Warns where the run there began with other weights than ``start``: its own count.

    Returns:
        Its start and progress; None without a checkpoint.

    Raises:
        ValueError: the checkpoint is of another run (the error says what differs) or damaged.
    """
    path = pathlib.Path(directory) / FILE
    content = devices.from_first(_content, path)
    if content is None:
        return None
    try:
        # Every part of the file has a checksum, which is looked at once all of it has been read.
        with np.load(io.BytesIO(content)) as file:
            arrays = {name: file[name] for name in file.files}
        state = json.loads(str(arrays.pop("state")))
        found, began, progress = state["identity"], state["start"], state["progress"]
    except Exception as reason:
        raise ValueError(
            f"{path} is not a readable checkpoint ({reason}); remove it to start the run again"
        ) from reason
    if different := list(differences("", found, json.loads(json.dumps(identity)))):
        raise ValueError(
            f"{path} is of another run: {'; '.join(different)}. "
            "Train into another directory, or remove it to start again"
        )
    shapes = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    values = (keras.ops.convert_to_numpy(variable) for variable in variables)
    wanted = {f"variable_{i:05d}": (value.shape, value.dtype) for i, value in enumerate(values)}
    if shapes != wanted:
        raise ValueError(
            f"{path} is damaged: it does not hold this run's variables; remove it to start again"
        )
    if began != start:
        warnings.warn(
            f"{path}: the run there began with other weights than this model has, and goes on with its own",
            stacklevel=2,
        )
    for name, variable in zip(wanted, variables):
        variable.assign(arrays[name])
    return began, progress
