"""Tests whether two networks that answered the same images differ. Needs no PyTorch."""
from math import comb


def digits(classes):
    """Classes 0 to 9 as a string, one digit an image: how the record keeps them."""
    return "".join(str(int(found)) for found in classes)


def mcnemar(labels, ours, theirs):
    """Exact McNemar test: images that only one gets right, and the two-sided p of so uneven a split if both were as good.

    McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages"."""
    right = [(mine == label, other == label) for label, mine, other in zip(labels, ours, theirs, strict=True)]
    only_ours, only_theirs = right.count((True, False)), right.count((False, True))
    differ = only_ours + only_theirs
    tail = sum(comb(differ, k) for k in range(min(only_ours, only_theirs) + 1))
    return {"only_ours": only_ours, "only_theirs": only_theirs, "p": min(1.0, 2 * tail / 2**differ)}


def compare(labels, ours, theirs):
    """The test at each length; rows have the classes and the accuracy, which must be theirs."""
    tests = {}
    for length, mine in ours.items():
        for name, row, accuracy in (
            ("NeuroCUDA", mine, mine["accuracy"]["snn"]),
            ("SpikingJelly", theirs[length], theirs[length]["accuracy"]),
        ):
            right = sum(found == label for found, label in zip(row["classes"], labels))
            if len(row["classes"]) != len(labels) or right != round(accuracy * len(labels)):
                raise ValueError(f"{name}, T = {length}: the classes are of other images than the labels or the accuracy")
        tests[length] = mcnemar(labels, mine["classes"], theirs[length]["classes"])
    return tests
