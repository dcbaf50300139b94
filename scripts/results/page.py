"""Writes docs/results.md from what is recorded."""
from .paths import PAGE, read_json
from .runs import NETWORKS, RUNS

HEAD = """\
# Results

Written by `python3 scripts/results.py --table` from `docs/results/*.json`; `make results` makes those again, in the
background, and says how far it is when it is called again. Every figure is over the whole test set of its network; every
choice was made on the calibration images, without labels.

- *drop*: float − SNN in percentage points, ± its paired standard error. *allowed* is what a run must keep, plus one
  standard error; a *goal* is only compared.
- *agreement*: images on which the spiking and the float network predict the same class.
- *logits equal*: of the spiking network to those of the integer network. `rate` compares none.
- *steps*: after which the mean image, and the last one, changed no more; *bound* is the proved one, and for `rate` the length
  of a run. *Early exit*: mean number of steps when an image stops as soon as its class is proved, and how often that changed
  the class.
- *spikes* and *SOPs* (synaptic operations) are means over the images. *Compile* includes calibration. Both times are on the
  machine that the record names.
"""

ACCURACY = "| run | images | float | integer | SNN | drop | allowed | agreement | logits equal | passed |"
COST = "| run | steps: mean | last | bound | early exit | spikes/image | SOPs/image | compile | validate |"


def percent(fraction):
    """A fraction as a percentage, or a dash."""
    return "–" if fraction is None else f"{100 * fraction:.2f} %"


def accuracy_row(run, record):
    """The cells of the first table."""
    report = record["report"]
    accuracy, logits = report["accuracy"] or {}, report["logits"]
    cells = [f"`{run.name}`", f"{report['images']:,}", *(percent(accuracy.get(k)) for k in ("float", "integer", "snn"))]
    drop = f"{accuracy['drop_points']:.2f} ± {accuracy['drop_standard_error']:.2f}" if accuracy else "–"
    equal = f"{logits['equal']:,} of {logits['compared']:,}" if logits["compared"] else "–"
    cells += [drop, asked(run, record), percent(report["agreement"]), equal]
    return [*cells, "yes" if report["passed"] else "**no**"]


def asked(run, record):
    """What the drop is held against."""
    search = record["compile"].get("search")
    if search:
        return f"{run.allowed:g}, and {search['margin']:.2f} of margin ({search['schedule']}, {search['levels']} levels)"
    if run.allowed is not None:
        return f"{run.allowed:g}"
    goal = record.get("goal")
    return f"goal {goal['drop_points']:g}: {'met' if goal['met'] else 'missed'}" if goal else "–"


def cost_row(run, record):
    """The cells of the second table."""
    report, compiled = record["report"], record["compile"]
    steps, early = report["steps"], report.get("early_exit")
    settled = f"{steps['settled_mean']:.1f}" if steps["settled_mean"] else "–"
    exits = f"{early['mean_steps_with']:.1f}, {early['changed']} changed" if early else "–"
    cells = [f"`{run.name}`", settled, f"{steps['settled_max'] or '–'}", f"{steps['bound']}", exits]
    cells += [f"{report['spikes_per_image']:,.0f}", f"{report['sops_per_image']:,.0f}"]
    cells += [f"{compiled['seconds']:.1f} s, {compiled['peak_memory_mb']} MB"]
    return [*cells, f"{report['seconds']:,.0f} s, {report['peak_memory_mb'] or 0:.0f} MB"]


def table(head, rows):
    """Lines of a Markdown table whose first column is text."""
    rule = "|---|" + "---:|" * (head.count("|") - 2)
    return [head, rule, *("| " + " | ".join(row) + " |" for row in rows), ""]


def commands(network, records):
    """The command lines of the runs of a network, as a person would type them."""
    lines = ["```sh", f"M={network.model} W={network.weights}", f"C={network.calibration}", f"D={network.test}"]
    for run in records:
        lines.append(f"neurocudac compile $M --weights $W --calibrate $C {' '.join(run.options())} -o out.ncx")
        gate = run.max_drop(records[run]["compile"].get("search"))
        lines.append(f"neurocudac validate out.ncx --model $M --weights $W --data $D {' '.join(gate)}")
    return [*lines, "```", ""]


def section(network):
    """Everything on one network; nothing if no run of it is recorded."""
    records = {run: read_json(run.record) for run in RUNS if run.network == network}
    records = {run: record for run, record in records.items() if record}
    if not records:
        return []
    lines = [f"## {network.name}", "", network.about, ""]
    lines += table(ACCURACY, [accuracy_row(run, record) for run, record in records.items()])
    lines += table(COST, [cost_row(run, record) for run, record in records.items()])
    missing = [f"`{run.name}`" for run in RUNS if run.network == network and run not in records]
    if missing:
        lines += [f"Not measured yet: {', '.join(missing)}.", ""]
    return lines + commands(network, records)


def write():
    """Writes the page; returns how many runs it has."""
    sections = [line for network in NETWORKS for line in section(network)]
    PAGE.write_text("\n".join([HEAD, *sections]).rstrip() + "\n")
    return sum(run.record.is_file() for run in RUNS)
