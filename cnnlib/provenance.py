"""Where a result comes from: backend, versions, device, date and code, and how much memory it took."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys


def describe():
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


def backend_versions():
    """The releases of what computes: Keras and its backend."""
    import keras

    packages = {"tensorflow": ["tensorflow"], "jax": ["jax", "jaxlib"], "torch": ["torch"]}
    return {name: _version(name) for name in ["keras", *packages.get(keras.backend.backend(), [])]}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None  # a build under another distribution's name, tensorflow-cpu for instance


def device():
    """What the backend computes on, in words: "AMD EPYC, 2 cores" or the GPU's name."""
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


def code_version():
    """The commit of the checkout and whether its library was unchanged, else the package's version."""
    package = pathlib.Path(__file__).parent

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", str(package), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        # Fails for a package that is installed somewhere inside another project's checkout.
        git("ls-files", "--error-unmatch", "__init__.py")
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--", ".", ":(exclude)records/*.json")
    except (OSError, subprocess.CalledProcessError):
        return {"version": _version("cnnlib")}
    return {"commit": commit, "clean": not changed}


def peak_memory():
    """The largest resident size of this process so far, in bytes; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024
