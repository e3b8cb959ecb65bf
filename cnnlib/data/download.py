"""Downloads: pooch fetches, verifies and keeps; here it learns when to give a host up."""

import logging
import os
import sys
import time

import pooch
import requests

# Seconds: to connect to a host, and between two pieces of its answer.
TIMEOUT = (10.0, 30.0)
# A host that sends fewer bytes a second than this, over so many seconds, is given up for the next.
SLOWEST, PATIENCE = 10_000, 30.0


def fetch(source, folder, reasons):
    """Download a set's archive into ``folder`` from the first host that serves the right bytes.

    Args:
        source: the ``Source``.
        folder: made if need be; the archive appears in it only when its bytes are verified.
        reasons: a list, which gets one line for each host that failed.

    Returns:
        The address that served it, or None where no host did.

    Raises:
        OSError: the disk refuses the file; another host would not help.
    """
    pooch.get_logger().setLevel(logging.WARNING)  # or it prints the name of every download to stderr
    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=1 << 16,
        timeout=TIMEOUT,
        headers={"Accept-Encoding": "identity"},
        hooks={"response": lambda response, **_: _limit(response.raw, source.archive_bytes)},
    )
    for url in source.urls:
        try:
            path = pooch.retrieve(url, source.archive_checksum, source.archive, folder, downloader=downloader)
            os.chmod(path, 0o644)  # pooch's temporary file is its owner's alone, a cache may be shared
            return url
        except Exception as error:
            if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
                raise
            reasons.append(f"{url}: {_cause(error)}")
    return None


def _limit(raw, most):
    """Let the body of a response, of a redirect as well, end in an error where it is too long or too slow.

    ``read1`` gives what has come so far, where ``read`` would wait for all that was asked for: 18 hours for
    64 KiB at 1 byte a second, without a timeout. It also leaves the bytes packed: some hosts call an
    archive "a tar file, encoded with gzip", and unpacked it would fail its checksum.
    """

    def stream(amount, **_):
        total, piece = 0, bytearray()
        since, then = time.monotonic(), 0
        while data := raw.read1(amount - len(piece)):
            piece += data
            total += len(data)
            if total > most:
                raise ValueError(f"it sends more than the {most:,} bytes of the file")
            seconds = time.monotonic() - since
            if seconds > PATIENCE:
                if total - then < SLOWEST * seconds:
                    raise ValueError(f"too slow: {total - then:,} bytes in {seconds:.0f} s")
                since, then = time.monotonic(), total
            if len(piece) == amount:
                yield bytes(piece)
                piece.clear()
        yield bytes(piece)

    raw.stream = stream


def _cause(error):
    """What went wrong at the root; libraries wrap it: ConnectionError(MaxRetryError(reason=...))."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return f"{type(error).__name__}: {error}"[:300]
