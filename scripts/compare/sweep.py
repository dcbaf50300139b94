"""Runs the settings of SpikingJelly on a set of images, the better ones on more of them, and reads what they answer."""
from dataclasses import dataclass

import numpy as np

from . import choice, paired, spiking_jelly
from .case import LENGTHS, Case


@dataclass
class ImageSet:
    """The first images of a file, and the figures of what is read from the outputs on some of them, the larger the better."""

    name: str
    file: str
    count: int
    figures: dict  # name: function of sums `[N, classes]` on the first N images
    by: tuple  # names of the figures that say which setting is better: of equals in the first the second, and so on
    kept_as: str = ""  # how the names of kept outputs begin


def share(classes):
    """The figure of how often a network says these classes."""
    return lambda sums: float(np.mean(sums.argmax(1) == classes[: len(sums)]))


def correlation(logits):
    """The figure of how near what is read is to these logits up to scale: their correlation."""
    return lambda sums: float(np.corrcoef(sums.ravel(), logits[: len(sums)].ravel())[0, 1])


def calibration_images(checkpoint, count):
    """Calibration images, whose labels nobody looks at."""
    images, _ = checkpoint.images(checkpoint.calibration, 0, count)
    logits = checkpoint.logits(images)
    # A network says the right class of nearly all images that it was trained on, and so do many of its conversions.
    figures = {"agreement": share(logits.argmax(1)), "correlation": correlation(logits)}
    return ImageSet("calibration", checkpoint.calibration, count, figures, tuple(figures), "calibration.")


def test_images(checkpoint, count):
    """Test images."""
    images, labels = checkpoint.images(checkpoint.test, 0, count)
    figures = {"accuracy": share(labels.numpy()), "agreement": share(checkpoint.logits(images).argmax(1))}
    return ImageSet("test", checkpoint.test, count, figures, ("accuracy",))


def measure(case, images, count, steps, row):
    """Adds to a row the figures on the first `count` images at the lengths up to `steps`, for both readouts."""
    outputs, seconds = case.outputs(images, count, steps)
    about, delays = case.about()
    row |= {"setting": case.setting.name, "call": case.setting.described(), "conversion": about}
    row["processor_seconds_per_image_and_step"] = round(seconds, 5)
    for length in (length for length in LENGTHS if length <= steps):
        found = row.setdefault("lengths", {})[length] = {"images": count, "delay": delays[length]}
        for readout, sums in spiking_jelly.sums(outputs, length, delays[length]).items():
            found[readout] = {name: figure(sums) for name, figure in images.figures.items()}


def sweep(checkpoint, settings, images, root):
    """Measures all settings, each on as many images and steps as its rank deserves; returns one row for each."""
    rows = {setting.name: {} for setting in settings}
    steps = {setting.name: LENGTHS[-1] for setting in settings}
    for count, keep in choice.stages(images.count):
        going = [setting for setting in settings if steps[setting.name] > 0]
        print(f"{checkpoint.name}: {len(going)} settings on {count} {images.name} images", flush=True)
        for setting in going:
            row = rows[setting.name]
            measure(Case(checkpoint, setting, root), images, count, steps[setting.name], row)
            figures = (f"T={t} {100 * choice.best(row, t, images.by)[0]:.1f} %" for t in LENGTHS if t <= steps[setting.name])
            print(f"  {setting.name}, {images.by[0]}: " + ", ".join(figures), flush=True)
        if keep is not None:
            done = list(rows.values())
            steps = {setting.name: choice.reach(rows[setting.name], done, count, keep, images.by) for setting in going}
            steps |= {setting.name: 0 for setting in settings if setting not in going}
    return list(rows.values())


def leaders(rows, images):
    """The best setting and readout at each length, of those that were run on all images."""
    return {length: choice.choose(rows, length, images.count, images.by) for length in LENGTHS}


def answer(checkpoint, settings, chosen, images, rows, root):
    """Adds the figures on all images to the rows of the chosen settings, and to what is chosen those and the classes."""
    for setting, row in zip(settings, rows, strict=True):
        lengths = [length for length, found in chosen.items() if found["setting"] == setting.name]
        if not lengths:
            continue
        case = Case(checkpoint, setting, root)
        measure(case, images, images.count, max(lengths), row)
        outputs, _ = case.outputs(images, images.count, max(lengths))
        for length in lengths:
            readout, found = chosen[length]["readout"], row["lengths"][length]
            classes = spiking_jelly.sums(outputs, length, found["delay"])[readout].argmax(1)
            chosen[length] |= {"images": images.count, **found[readout], "classes": paired.digits(classes)}


def same_prefix(checkpoint, setting, root):
    """Whether a run of the shortest length gives the outputs of the first steps of the longest, bit for bit."""
    network = Case(checkpoint, setting, root).network()
    images, _ = checkpoint.images(checkpoint.test, 0, 5)
    short, _ = spiking_jelly.simulate(network, images, LENGTHS[0])
    long, _ = spiking_jelly.simulate(network, images, LENGTHS[0] * 2)
    return bool((short == long[: LENGTHS[0]]).all())
