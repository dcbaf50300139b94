"""The page of the documentation that lists the zoo, made of what a run of the tests measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from .measure import Measured

PAGE = Path(__file__).resolve().parents[3] / "docs" / "src" / "zoo.md"

HEAD = """# The zoo

<!-- Written by `make zoo`; change the models in python/tests/zoo, not this page. -->

{models} PyTorch models, each there for an op or a way of writing code. What becomes of each is fixed beforehand, in
`python/tests/zoo`, and tested: {converted} convert with `st-bif`, and every integer logit of the spiking network equals
that of the integer network; {refused} are refused, with all findings in one exception.

Weights are random, batch norms have seen data. *Error* is that of the spiking network against PyTorch: the root mean
square of the difference, over the standard deviation of PyTorch's outputs across samples, of the worst output (of an
index: the fraction of different ones). *Limit* is what the test allows.
"""
CONVERTED = """
## Converted

| model | shows | levels | error | limit | equal logits | nonlinear elements, all converted |
|---|---|---|---|---|---|---|
"""
REFUSED = """
## Refused

| model | shows | findings |
|---|---|---|
"""


def page(records: Iterable[Measured]) -> str:
    """The whole page."""
    records = sorted(records, key=lambda record: record.name.lower())
    converted = [row(record) + "\n" for record in records if not record.refused]
    refused = [row(record) + "\n" for record in records if record.refused]
    head = HEAD.format(models=len(records), converted=len(converted), refused=len(refused))
    return "".join([head, CONVERTED, *converted, REFUSED, *refused])


def row(record: Measured) -> str:
    """The line of one model."""
    if record.refused:
        counts = Counter(id for id, _, _ in record.refused)
        findings = ", ".join(f"`{id}`" + (f" × {n}" if n > 1 else "") for id, n in sorted(counts.items()))
        return f"| `{record.name}` | {record.shows} | {findings} |"
    return (
        f"| `{record.name}` | {record.shows} | {record.levels} | {record.error:.2%} | {record.tolerance:.0%} "
        f"| {record.equal} of {record.compared} | {record.converted} of {record.found} |"
    )


def stale(text: str, records: Iterable[Measured]) -> list[str]:
    """Rows of these records that the page does not have. An error may differ by a fifth: PyTorch's own rounding, and with
    it the statistics of batch norms, depend on the processor."""
    on_page = {line.split(" | ", 1)[0]: line for line in text.splitlines()}
    missing = []
    for record in records:
        new = row(record)
        old = on_page.get(new.split(" | ", 1)[0], "")
        (old_words, old_error), (new_words, new_error) = _split(old), _split(new)
        if old_words != new_words or abs(old_error - new_error) > 0.1 + 0.2 * new_error:
            missing.append(new)
    return missing


def _split(line: str) -> tuple[list[str], float]:
    """A row without its error, and that error in percent; 0 where there is none."""
    cells = line.split(" | ")
    error = float(cells.pop(3).rstrip("%")) if len(cells) == 7 else 0.0
    return cells, error
