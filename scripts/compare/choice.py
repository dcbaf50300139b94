"""Which setting of SpikingJelly and which of its readouts count at a length. Needs no PyTorch.

A row is one setting: for each length the number of images that it was run on and, for each readout, its figures.
"""

# By the sum of all outputs, and by the sum from the step on that SpikingJelly estimates.
READOUTS = ("sum", "delayed")
# (images, settings): beyond so many images, only so many of the best settings at each length are simulated further (successive
# halving: Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization").
STAGES = ((25, 8), (100, 4), (300, 2))


def stages(images):
    """The stages up to so many images, the last of which keeps none."""
    return [*(stage for stage in STAGES if stage[0] < images), (images, None)]


def figures(row, length, readout, by):
    """A setting's figures at a length, the first of which counts, and the next of equals."""
    return tuple(row["lengths"][length][readout][name] for name in by)


def best(row, length, by):
    """A setting's figures at a length, read in the better way."""
    return max(figures(row, length, readout, by) for readout in READOUTS)


def run_on(rows, length, images):
    """The settings that were run on so many images at a length."""
    return [row for row in rows if row["lengths"][length]["images"] == images]


def choose(rows, length, images, by):
    """The best setting and readout at a length, of those run on so many images; of equals the first."""
    row = max(run_on(rows, length, images), key=lambda row: best(row, length, by))
    readout = max(READOUTS, key=lambda readout: figures(row, length, readout, by))
    found = {"images": images} | row["lengths"][length][readout]
    return {"setting": row["setting"], "readout": readout, "chosen_on": found}


def reach(row, rows, images, keep, by):
    """Largest length at which a setting is among the `keep` best of those run on so many images; 0 if there is none."""

    def goes_on(length):
        run = run_on(rows, length, images)
        return row in sorted(run, key=lambda row: best(row, length, by), reverse=True)[:keep]

    return max((length for length in row["lengths"] if goes_on(length)), default=0)
