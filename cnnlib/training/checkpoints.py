"""Checkpoints: everything that a run needs to go on exactly where it was, in one file, written atomically."""

import hashlib
import json
import pathlib

import keras
import numpy as np

from cnnlib.files import write_atomically

FILE = "checkpoint.npz"


def network_digest(model):
    """A short text that two networks share only if their layers do: kinds, settings, shapes of weights."""
    plain = (bool, int, float, str, list, tuple, type(None))
    layers = []
    for layer in model.layers:
        config = layer.get_config()
        settings = {k: v for k, v in config.items() if isinstance(v, plain) and k not in ("name", "seed")}
        weights = [list(weight.shape) for weight in layer.weights]
        layers.append([type(layer).__name__, settings, weights, str(layer.output.shape)])
    return hashlib.sha256(json.dumps(layers, sort_keys=True, default=str).encode()).hexdigest()[:16]


def save(directory, identity, variables, progress):
    """Write a checkpoint.

    Args:
        directory: the run's folder.
        identity: a dict of what the run is (recipe, network, data, seed, ...), each a JSON value.
        variables: Keras variables: the network's, its random generators' and the optimiser's.
        progress: a JSON value: the history so far and what else is needed to go on.
    """
    state = json.dumps({"identity": identity, "progress": progress})
    arrays = {f"variable_{i:05d}": keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}
    write_atomically(
        pathlib.Path(directory) / FILE, lambda file: np.savez(file, state=np.asarray(state), **arrays)
    )


def load(directory, identity, variables):
    """Bring ``variables`` to the state of the folder's checkpoint; returns its progress, or None without one.

    Raises:
        ValueError: the checkpoint is of another run (the error says what differs) or not readable.
    """
    directory = pathlib.Path(directory)
    for leftover in directory.glob(f".{FILE}.*.tmp"):
        leftover.unlink(missing_ok=True)  # of a process that was killed while it wrote
    path = directory / FILE
    if not path.exists():
        return None
    try:
        with np.load(path) as file:
            state = json.loads(str(file["state"]))
            arrays = [file[key] for key in sorted(file.files) if key != "state"]
        found, progress = state["identity"], state["progress"]
    except Exception as reason:
        raise ValueError(
            f"{path} is not a readable checkpoint ({reason}); remove it to start the run again"
        ) from reason
    if different := list(differences("", found, json.loads(json.dumps(identity)))):
        raise ValueError(
            f"{path} is of another run: {'; '.join(different)}. "
            "Train into another directory, or remove it to start again"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return progress


def differences(name, found, wanted):
    """Texts that name each value that differs between two JSON values."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(set(found) | set(wanted)):
            yield from differences(f"{name} {key}".strip(), found.get(key), wanted.get(key))
    elif found != wanted:
        yield f"{name} is {found!r} there and {wanted!r} here"
