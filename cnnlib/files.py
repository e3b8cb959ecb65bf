"""Files that are written whole or not at all."""

import os
import pathlib


def write_atomically(path, write):
    """Make ``path`` hold what ``write(file)`` writes, all of it or nothing, whenever the process dies.

    ``write`` gets a binary file of another name in the same folder; it takes the final name
    only when its bytes are on the disk.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
