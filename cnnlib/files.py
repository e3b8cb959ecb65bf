"""Files that are written whole or not at all, and folders that one process has for itself."""

import contextlib
import os
import pathlib
import secrets
from collections.abc import Callable, Iterator
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def write_atomically(path: str | os.PathLike, write: Callable[[BinaryIO], object]) -> None:
    """Make ``path`` hold what ``write(file)`` writes, all of it or nothing, whenever the process dies.

    Args:
        path: the file; its folder is made if need be.
        write: gets a binary file of another name in the same folder, which takes the final name only when
            its bytes are on the disk. No other process or thread has that name; see ``leftovers``.

    Raises:
        OSError: names ``path``.
    """
    path = pathlib.Path(path)
    temporary = _temporary(path)
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def leftovers(path: str | os.PathLike) -> list[pathlib.Path]:
    """What killed processes left of ``write_atomically(path, ...)``, or what others are writing just now."""
    path = pathlib.Path(path)
    return sorted(path.parent.glob(f".{path.name[:100]}.*.tmp"))


def check_writable(folder: str | os.PathLike) -> None:
    """Make ``folder`` if it is not there and write a file into it, for a moment.

    Raises:
        OSError: it cannot be done; names ``folder``.
    """
    folder = pathlib.Path(folder)
    with _named(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(folder / "writable")
        temporary.touch(exist_ok=False)
        temporary.unlink()


@contextlib.contextmanager
def held(folder: str | os.PathLike) -> Iterator[None]:
    """Within the ``with`` block no other process or thread can hold ``folder``; it ends with the process too.

    Nothing is held where the system cannot do it: on Windows, and on some network disks.

    Raises:
        BlockingIOError: another one holds it; names ``folder``.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as reason:
            raise BlockingIOError(reason.errno, "in use by another process", str(folder)) from None
        except OSError:
            pass  # a disk without locks
        yield
    finally:
        os.close(descriptor)


def _temporary(path):
    """A name beside ``path`` that nobody else draws."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.tmp")


@contextlib.contextmanager
def _named(path):
    """An ``OSError`` of the block names ``path``, not what stands in its place for a while, or nothing."""
    try:
        yield
    except OSError as reason:
        if reason.errno is None:
            raise
        raise OSError(reason.errno, reason.strerror, str(path)) from reason
