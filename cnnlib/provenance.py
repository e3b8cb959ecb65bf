"""Where a result comes from: backend, versions, device, date and code, and how much memory it took."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
from collections.abc import Iterator


def describe() -> dict:
    """On what a run is started: backend, versions, device, date, code; no host's, user's or folder's name."""
    import keras

    return {
        "backend": keras.backend.backend(),
        "versions": {
            "cnnlib": _version("cnnlib"),
            **backend_versions(),
            "numpy": _version("numpy"),
            "python": platform.python_version(),
        },
        "device": device(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "code": code_version(),
    }


def backend_versions() -> dict:
    """The releases of what computes: Keras and its backend."""
    import keras

    packages = {"tensorflow": ["tensorflow"], "jax": ["jax", "jaxlib"], "torch": ["torch"]}
    return {name: _version(name) for name in ["keras", *packages.get(keras.backend.backend(), [])]}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None  # a build under another distribution's name, tensorflow-cpu for instance


def device() -> str:
    """What the backend computes on, in words: "AMD EPYC, 2 cores" or the GPU's name.

    Several: "4 devices in 2 processes: " and what the first one is.
    """
    import keras

    active = keras.distribution.distribution()
    if active is None:
        return _one_device()
    import jax

    count, processes = active.device_mesh.devices.size, jax.process_count()
    words = f"{count} devices in {processes} process{'es' if processes != 1 else ''}"
    return f"{words}: {_one_device()}"


def _one_device():
    """What this process computes on."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        for gpu in tf.config.list_physical_devices("GPU"):
            return tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
    elif backend == "jax":
        import jax

        if jax.devices()[0].platform != "cpu":
            return jax.devices()[0].device_kind
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} core{'s' if cores != 1 else ''}"


def code_version() -> dict:
    """The commit of the checkout and whether its library was unchanged, else the package's version."""
    if not in_checkout():
        return {"version": _version("cnnlib")}
    # Records are no code. (A star stands for folders, too.)
    changed = _git("status", "--porcelain", "--", ".", ":(exclude)records/*.json")
    return {"commit": _git("rev-parse", "HEAD"), "clean": not changed}


def in_checkout() -> bool:
    """Whether this package is part of a git checkout with a commit, not installed somewhere inside one."""
    try:
        _git("ls-files", "--error-unmatch", "__init__.py")
        _git("rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _git(*arguments):
    """What git says in this package's folder."""
    command = ["git", "-C", str(pathlib.Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def differences(name: str, found, wanted) -> Iterator[str]:
    """Texts that name each value that differs between two JSON values.

    Args:
        name: of the values, "" for the outermost.
        found: the value there.
        wanted: the value here.
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(set(found) | set(wanted)):
            yield from differences(f"{name} {key}".strip(), found.get(key), wanted.get(key))
    elif found != wanted:
        yield f"{name} is {found!r} there and {wanted!r} here"


def peak_memory() -> int:
    """The largest resident size of this process so far, in bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024
