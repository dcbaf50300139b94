"""Tests of the choice and of the verdict; `python3 -m unittest discover -s scripts -p '*_test.py'`. Needs no PyTorch."""
import unittest

from compare import choice, page, paired

LENGTHS = (8, 16)
BY = ("agreement",)
# As the record names them.
RECORDED = ("8", "16")
LABELS = "0123456789"


def row(name, *lengths):
    """A setting with (images, agreement of the sum, of the delayed readout) at T = 8 and 16."""
    found = {}
    for length, (images, *figures) in zip(LENGTHS, lengths):
        readouts = {readout: {"agreement": figure} for readout, figure in zip(choice.READOUTS, figures)}
        found[length] = {"images": images} | readouts
    return {"setting": name, "lengths": found}


# Two settings on 300 images and one that looks best on 25.
ROWS = [
    row("a", (300, 0.5, 0.6), (300, 0.7, 0.7)),
    row("b", (300, 0.55, 0.3), (300, 0.8, 0.1)),
    row("few", (25, 0.9, 0.9), (25, 0.9, 0.9)),
]


class Choice(unittest.TestCase):
    def test_the_best_setting_and_readout_count_of_those_on_all_images(self):
        chosen = [choice.choose(ROWS, length, 300, BY) for length in LENGTHS]
        self.assertEqual([(found["setting"], found["readout"]) for found in chosen], [("a", "delayed"), ("b", "sum")])
        self.assertEqual(chosen[0]["chosen_on"], {"images": 300, "agreement": 0.6})

    def test_of_equals_the_first_counts(self):
        equal = [row("a", (300, 0.1, 0.2)), row("b", (300, 0.5, 0.5)), row("c", (300, 0.3, 0.5))]
        found = choice.choose(equal, 8, 300, BY)
        self.assertEqual((found["setting"], found["readout"]), ("b", "sum"))
        self.assertEqual([choice.reach(one, equal, 300, 1, BY) for one in equal], [0, 8, 0])

    def test_of_equals_in_the_first_figure_the_second_decides(self):
        equal = [row("a", (300, 0.9, 0.9)), row("b", (300, 0.9, 0.9))]
        for one, correlations in zip(equal, ((0.5, 0.6), (0.7, 0.8))):
            for readout, found in zip(choice.READOUTS, correlations):
                one["lengths"][8][readout]["correlation"] = found
        found = choice.choose(equal, 8, 300, ("agreement", "correlation"))
        self.assertEqual((found["setting"], found["readout"]), ("b", "delayed"))
        self.assertEqual([choice.reach(one, equal, 300, 1, ("agreement", "correlation")) for one in equal], [0, 8])

    def test_a_setting_goes_on_up_to_the_longest_length_at_which_it_is_among_the_best(self):
        for keep, lengths in ((1, [8, 16, 0]), (2, [16, 16, 0])):
            self.assertEqual([choice.reach(one, ROWS, 300, keep, BY) for one in ROWS], lengths)

    def test_stages_end_on_all_images(self):
        self.assertEqual(choice.stages(1000), [(25, 8), (100, 4), (300, 2), (1000, None)])
        self.assertEqual(choice.stages(300), [(25, 8), (100, 4), (300, None)])
        self.assertEqual(choice.stages(20), [(20, None)])


def classes(right):
    """Classes of ten images of which the first so many are right."""
    return "".join(label if number < right else "x" for number, label in enumerate(LABELS))


def record(ours, chosen=(5, 7), best=(6, 8)):
    """So many of ten images right at T = 8 and 16: ours, with the chosen settings, and with the best on the test images."""

    def theirs(counts):
        said = {"setting": "a", "readout": "sum", "agreement": 0.5}
        return {t: said | {"accuracy": right / 10, "classes": classes(right)} for t, right in zip(RECORDED, counts)}

    rate = {
        t: {"accuracy": {"snn": right / 10}, "agreement": 0.9, "classes": classes(right)} for t, right in zip(RECORDED, ours)
    }
    found = {"labels": LABELS, "spikingjelly": {"chosen": theirs(chosen), "best": theirs(best)}, "neurocuda": {"rate": rate}}
    return found | {"paired": {which: paired.compare(LABELS, rate, found["spikingjelly"][which]) for which in ("chosen", "best")}}


class Verdict(unittest.TestCase):
    def test_ahead_of_what_calibration_chose_means_at_every_length_and_no_tie(self):
        for ours, ahead in (((6, 8), True), ((6, 7), False), ((5, 9), False), ((9, 6), False)):
            lines, found = page.verdict(record(ours))
            self.assertEqual(found, ahead, ours)
            self.assertEqual(len(lines), 4)

    def test_the_best_on_the_test_images_has_a_table_of_its_own(self):
        lines, ahead = page.verdict(record((6, 8)), "best")
        self.assertFalse(ahead)
        self.assertIn("| 8 | a, sum | 60.0 % | 60.0 % | 0.0 points | 0, 0; 1 | 50.0 % | 90.0 % |", lines)


class Paired(unittest.TestCase):
    def test_only_images_that_one_gets_right_count(self):
        # Ten throws of a coin, at most one of them on one side: 2 * (1 + 10) of 1024.
        labels, ours, theirs = "0" * 30, "0" * 20 + "1" * 10, "0" * 11 + "2" * 8 + "3" + "0" + "4" * 9
        self.assertEqual(paired.mcnemar(labels, ours, theirs), {"only_ours": 9, "only_theirs": 1, "p": 22 / 1024})
        swapped = paired.mcnemar(labels, theirs, ours)
        self.assertEqual(swapped, {"only_ours": 1, "only_theirs": 9, "p": 22 / 1024})

    def test_equal_networks_do_not_differ(self):
        self.assertEqual(paired.mcnemar("01", "01", "01"), {"only_ours": 0, "only_theirs": 0, "p": 1.0})
        self.assertEqual(paired.mcnemar("01", "02", "21")["p"], 1.0)

    def test_classes_of_other_images_are_refused(self):
        for half, wrong in (("ours", "0123456780"), ("ours", LABELS[:9]), ("theirs", "9876543210")):
            rows = {"ours": {"accuracy": {"snn": 1.0}, "classes": LABELS}, "theirs": {"accuracy": 1.0, "classes": LABELS}}
            rows[half]["classes"] = wrong
            with self.assertRaises(ValueError):
                paired.compare(LABELS, {"8": rows["ours"]}, {"8": rows["theirs"]})

    def test_classes_are_kept_one_digit_an_image(self):
        self.assertEqual(paired.digits(["3\n", "8\n"]), "38")


if __name__ == "__main__":
    unittest.main()
