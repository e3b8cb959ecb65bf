"""Records of completed runs: one JSON file a run, read by the book's chapters.

    runs = cnnlib.records.select(network="cifar-resnet-20", data="cifar10 (16x16)")
    print(cnnlib.records.summary(runs), cnnlib.records.summary(runs, "final_train_error"))

A record is written by ``cnnlib.run(..., record=True)`` or ``python -m cnnlib train ... --record``, only for a
run that was completed, atomically, and never over another one unasked. Errors are in percent; the last
epoch counts, not the best. The files are in ``runs`` beside this one, or where the environment variable
CNNLIB_RECORDS says; ``cnnlib.records.measurements`` is for those in ``measurements``.
"""

from cnnlib.records.comparing import Difference, Summary, difference, holm, summary
from cnnlib.records.reading import QUANTITIES, Record, folder, load, read, select
from cnnlib.records.writing import data_summary, destination, file_name, find, plain_options, write

__all__ = [
    "QUANTITIES", "Difference", "Record", "Summary", "data_summary", "destination", "difference", "file_name",
    "find", "folder", "holm", "load", "plain_options", "read", "select", "summary", "write",
]  # fmt: skip
