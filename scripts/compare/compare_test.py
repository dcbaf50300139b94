"""Tests of the verdict; `python3 -m unittest discover -s scripts -p '*_test.py'`. Needs no PyTorch."""
import unittest

from compare import page


def row(name, *lengths):
    """A setting with (images, sum, delayed) at T = 8 and 16."""
    keys = ("images", "accuracy", "accuracy_delayed")
    agreement = {"agreement": 0.5, "agreement_delayed": 0.6}
    return {"setting": name, "lengths": {t: dict(zip(keys, found)) | agreement for t, found in zip(("8", "16"), lengths)}}


def record(*ours):
    """Two settings on 1,000 images and one that looks best on 50, beside our accuracies."""
    settings = [
        row("a", (1000, 0.5, 0.6), (1000, 0.7, 0.7)),
        row("b", (1000, 0.4, 0.3), (1000, 0.8, 0.1)),
        row("few", (50, 0.9, 0.9), (50, 0.9, 0.9)),
    ]
    rate = {t: {"accuracy": {"snn": snn}, "agreement": 0.9, "images": 1000} for t, snn in zip(("8", "16"), ours)}
    return {"images": 1000, "spikingjelly": {"settings": settings}, "neurocuda": {"rate": rate}}


class Verdict(unittest.TestCase):
    def test_the_best_setting_and_readout_counts_of_those_on_all_images(self):
        leaders = [page.leader(record(), t) for t in ("8", "16")]
        self.assertEqual([row["setting"] for row in leaders], ["a", "b"])
        self.assertEqual([page.best(row, t) for row, t in zip(leaders, ("8", "16"))], [0.6, 0.8])

    def test_ahead_means_at_every_length_and_no_tie(self):
        for ours, ahead in (((0.61, 0.81), True), ((0.61, 0.8), False), ((0.6, 0.9), False), ((0.9, 0.7), False)):
            lines, found = page.verdict(record(*ours))
            self.assertEqual(found, ahead, ours)
            self.assertEqual(len(lines), 4)

    def test_halves_on_other_images_are_not_compared(self):
        other = record(0.9, 0.9)
        other["neurocuda"]["rate"]["16"]["images"] = 50
        with self.assertRaises(ValueError):
            page.verdict(other)


if __name__ == "__main__":
    unittest.main()
