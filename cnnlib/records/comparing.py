"""Comparing: means over seeds, and the interval in which the difference of two means lies."""

import dataclasses
import statistics
from collections.abc import Iterable, Sequence

from cnnlib.records.reading import Record


@dataclasses.dataclass(frozen=True)
class Summary:
    """Mean and deviation (n - 1) over ``n`` seeds, percent; the deviation of one seed is None."""

    n: int
    mean: float
    deviation: float | None

    def __str__(self):
        """As a table has it: "6.61 ± 0.16 (n = 5)"."""
        spread = "" if self.deviation is None else f" ± {self.deviation:.2f}"
        return f"{self.mean:.2f}{spread} (n = {self.n})"


@dataclasses.dataclass(frozen=True)
class Difference:
    """The mean of one set of runs less that of another, and its 95 % Student-t interval.

    Attributes:
        mean: the difference.
        low, high: ends of the interval: a difference whose interval holds 0 is not shown by these runs.
        n: how many runs each set has.
        paired: whether the runs of each seed were compared with one another.
        pvalue: how often chance alone would make as large a difference, by the same t-test.
    """

    mean: float
    low: float
    high: float
    n: tuple[int, int]
    paired: bool
    pvalue: float

    def __str__(self):
        """As a text has it: "-0.42 [-0.80, -0.04] (95 %, n = 5 pairs)"."""
        n = f"{self.n[0]} pairs" if self.paired else f"{self.n[0]} and {self.n[1]}"
        return f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}] (95 %, n = {n})"


def summary(runs: Iterable[Record], quantity: str = "test_error") -> Summary:
    """Mean and deviation of a quantity over records that differ in their seed alone.

    Args:
        runs: the records, at least one.
        quantity: see ``Record.value``: "test_error" is the last epoch's, "final_train_error" that of the
            trained network on its training images.

    Returns:
        A ``Summary``.

    Raises:
        ValueError: no records, an unknown quantity or one that a run has not, records of different
            experiments, or a seed twice.
    """
    values = list(_by_seed(runs, quantity, "summary").values())
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Summary(len(values), statistics.fmean(values), deviation)


def difference(
    runs: Iterable[Record],
    others: Iterable[Record],
    quantity: str = "test_error",
    *,
    paired: bool | None = None,
) -> Difference:
    """By how much a quantity of ``runs`` exceeds that of ``others``, with a 95 % confidence interval.

    Where both sets have the same seeds, the runs of a seed are paired: they share order and augmentation,
    and what they owe to it falls out of the difference. Otherwise, or with ``paired=False``, it is Welch's
    interval, for unequal variances: two networks of different plans owe little to a common seed.

    Args:
        runs: records that differ in their seed alone, at least two.
        others: the same, of another network, recipe or data set.
        quantity: see ``Record.value``.
        paired: whether the runs of a seed are paired; None where both sets have the same seeds.

    Returns:
        A ``Difference``.

    Raises:
        ValueError: as for ``summary``; a set of one run, which has no spread and so no interval; pairs are
            wanted, and the sets have not the same seeds.
    """
    from scipy import stats

    first, second = (_by_seed(part, quantity, "difference") for part in (runs, others))
    n = len(first), len(second)
    if min(n) < 2:
        raise ValueError(f"difference: an interval needs at least two runs on each side, got n = {min(n)}")
    same = set(first) == set(second)
    if paired and not same:
        raise ValueError(f"difference: no pairs, the seeds are {sorted(first)} and {sorted(second)}")
    paired = same if paired is None else paired
    if paired:
        test = stats.ttest_rel([first[seed] for seed in first], [second[seed] for seed in first])
    else:
        test = stats.ttest_ind(list(first.values()), list(second.values()), equal_var=False)
    mean = statistics.fmean(first.values()) - statistics.fmean(second.values())
    low, high = test.confidence_interval(0.95)
    return Difference(mean, float(low), float(high), n, paired, float(test.pvalue))


def holm(pvalues: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given: those up to 0.05 hold together, with 95 %.

    Of m tests the smallest p-value is multiplied by m, the next by m - 1, and so on; none may fall below the
    one before it, none rises above 1. (S. Holm: A simple sequentially rejective multiple test procedure,
    Scandinavian Journal of Statistics 6, 1979.)

    Raises:
        ValueError: a p-value that is no number from 0 to 1.
    """
    wrong = [p for p in pvalues if not 0 <= p <= 1]
    if wrong:
        raise ValueError(f"holm: expected p-values from 0 to 1, got {wrong[0]}")
    adjusted, before = [0.0] * len(pvalues), 0.0
    for rank, place in enumerate(sorted(range(len(pvalues)), key=pvalues.__getitem__)):
        before = max(before, min(1.0, (len(pvalues) - rank) * pvalues[place]))
        adjusted[place] = before
    return adjusted


def _by_seed(runs, quantity, name):
    """Seed -> the quantity, of records that differ in their seed alone."""
    runs = list(runs)
    if not runs:
        raise ValueError(f"{name}: no records")
    for field in ("network", "options", "recipe", "data"):
        if any(getattr(run, field) != getattr(runs[0], field) for run in runs):
            raise ValueError(f"{name}: the records differ in {field}, not only in their seed")
    if len({run.seed for run in runs}) != len(runs):
        raise ValueError(f"{name}: a seed stands twice in {sorted(run.seed for run in runs)}")
    return {run.seed: run.value(quantity) for run in runs}
