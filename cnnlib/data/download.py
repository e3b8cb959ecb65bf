"""Files that are either whole and verified or not there: downloads, atomic writes, locks.

Nothing here knows a data set; `cnnlib.data` does.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import pooch
import requests
import urllib3

try:
    import fcntl
except ImportError:  # Windows: no lock, but unique temporary names keep two processes apart all the same
    fcntl = None

# Seconds: to connect to a host, and between two pieces of its answer.
TIMEOUT = (10.0, 30.0)


class WrongBytes(ValueError):
    """A file is there, but it is not what its name says; the message tells what was expected."""


class MirrorsFailed(Exception):
    """No host served the file; `reasons` has one line for each host tried."""

    def __init__(self, reasons):
        super().__init__("\n".join(reasons))
        self.reasons = reasons


def fetch(urls, checksum, path, owner, timeout=TIMEOUT):
    """Download the first of `urls` that serves the right bytes to `path`, and return that address.

    `checksum` is "sha256:..." or "md5:...". Redirects are followed. `path` appears only once its
    bytes are verified. Raises MirrorsFailed where no host served them, OSError where the disk refuses them.
    """
    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=1 << 16,
        timeout=timeout,
        headers={"Accept-Encoding": "identity"},
        hooks={"response": _leave_packed},
    )
    reasons = []
    for url in urls:
        try:
            with replacing(path, owner) as part:
                downloader(url, str(part), None)
                verify(part, checksum)
            return url
        # ValueError: WrongBytes, or headers that no server should send. OSErrors of the disk go through;
        # another host would not help.
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            reasons.append(f"{url}: {_reason(error, timeout)}")
    raise MirrorsFailed(reasons)


def _leave_packed(response, **_):
    """Some hosts call an archive "a tar file, encoded with gzip"; unpacked it would fail its checksum."""
    response.raw.headers.pop("Content-Encoding", None)


def verify(path, checksum):
    """Raise WrongBytes unless the file's checksum ("sha256:..." or "md5:...") is the one given."""
    algorithm, _, expected = checksum.partition(":")
    found = pooch.file_hash(str(path), alg=algorithm)
    if found != expected:
        size = Path(path).stat().st_size
        raise WrongBytes(f"wrong bytes: {size:,} with {algorithm} {found}, expected {expected}")


def _reason(error, timeout):
    """What went wrong with one host, in a few words."""
    # Both libraries wrap what happened: ConnectionError(MaxRetryError(reason=NewConnectionError(...))).
    cause = error.args[0] if error.args else error
    cause = getattr(cause, "reason", None) or cause
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {timeout[0]:g} s"
    if isinstance(error, requests.ReadTimeout) or isinstance(cause, urllib3.exceptions.ReadTimeoutError):
        return f"nothing came for {timeout[1]:g} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"broke off: {cause}"
    return str(cause)[:300]


@contextlib.contextmanager
def replacing(path, owner):
    """Yield the name of a temporary file that becomes `path`, in one step, if the block succeeds.

    If the block fails the file goes; if the process dies, `lock` clears it away the next time.
    """
    descriptor, part = tempfile.mkstemp(prefix=f".{owner}.", suffix=".part", dir=path.parent)
    os.close(descriptor)
    part = Path(part)
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())  # or a power cut could leave the final name on an empty file
        os.chmod(part, 0o644)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def lock(folder, owner):
    """Hold the lock of `owner` in `folder`; a second process waits here until the first is done.

    The system frees the lock of a process that was killed. Where files cannot be locked (Windows, some
    network drives) nobody waits, and two processes may do the same work; the result is the same.
    """
    with open(folder / f".{owner}.lock", "a") as file:
        if _lock(file):
            for leftover in folder.glob(f".{owner}.*.part"):  # of a process that was killed
                leftover.unlink(missing_ok=True)
        yield


def _lock(file):
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if sys.stderr.isatty():
            print(f"waiting for another process that holds {file.name}", file=sys.stderr)
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return False
    return True
