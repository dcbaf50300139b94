"""Tests of what the figures' bookkeeping rests on; `python3 -m unittest discover -s scripts -p '*_test.py'`."""
import json
import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from results import page, parts, paths, work
from results.runs import RUNS


def write_images(path, images, size):
    """A safetensors file of `images` images whose bytes all hold the image's number, labels first."""
    labels, pixels = bytes(range(images)), b"".join(bytes([i]) * size for i in range(images))
    header = json.dumps(
        {
            "images": {"dtype": "U8", "shape": [images, 1, 1, size], "data_offsets": [images, images + len(pixels)]},
            "__metadata__": {"from": "a test"},
            "labels": {"dtype": "U8", "shape": [images], "data_offsets": [0, images]},
        }
    ).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + labels + pixels)


def read(path):
    """Bytes of each tensor."""
    tensors, start = parts.header(path)
    return {name: path.read_bytes()[start:][slice(*tensor["data_offsets"])] for name, tensor in tensors.items()}


class Parts(unittest.TestCase):
    def test_they_cover_every_image_once(self):
        for images in (1, 250, 999, 1000, 1017, 1999, 2000, 10000, 10249):
            every = parts.parts(images)
            self.assertEqual([i for first, number in every for i in range(first, first + number)], list(range(images)))
            self.assertTrue(all(first % 250 == 0 for first, _ in every), every)
            self.assertTrue(all(number % 250 == 0 for _, number in every[:-1]), every)

    def test_shards_share_them(self):
        every = parts.parts(10000)
        shares = [parts.of_shard(every, index, 3) for index in (1, 2, 3)]
        self.assertEqual(sorted(part for share in shares for part in share), every)

    def test_a_cut_holds_its_images_and_labels(self):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "set.safetensors"
            write_images(source, images=7, size=3)
            with mock.patch.object(parts, "WORK", Path(folder)):
                cut = parts.cut(source, 2, 4)
                self.assertEqual(read(cut), {"images": bytes([2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5]), "labels": bytes([2, 3, 4, 5])})
                self.assertEqual(parts.header(cut)[1] % 8, 0)
                self.assertEqual(parts.cut(source, 0, 7), source)


class Records(unittest.TestCase):
    def test_a_run_is_done_only_for_its_artifact_files_and_gate(self):
        key = {"artifact": "a", "version": "v", "inputs": {"f": "1"}, "allowed_drop": 0.2}
        run = mock.Mock()
        with tempfile.TemporaryDirectory() as folder:
            run.record = Path(folder) / "r.json"
            self.assertFalse(work.is_done(run, key))
            paths.write_json(run.record, {"made_by": key})
            self.assertTrue(work.is_done(run, key))
            for change in ({"artifact": "b"}, {"version": "w"}, {"inputs": {"f": "2"}}, {"allowed_drop": 0.1}):
                self.assertFalse(work.is_done(run, key | change), change)
            run.record.write_text('{"made_by": {"sources": "0"}}')
            self.assertFalse(work.is_done(run, key))

    def test_a_goal_allows_one_standard_error(self):
        run = mock.Mock(goal=0.5)
        for drop, met in ((0.4, True), (0.6, True), (0.61, False)):
            report = {"accuracy": {"drop_points": drop, "drop_standard_error": 0.1}}
            self.assertEqual(work.goal(run, report), {"drop_points": 0.5, "met": met})

    def test_a_compilation_is_known_until_it_is_asked_for_again(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            file, artifact = folder / "file", folder / "out.ncx"
            file.write_text("model")
            network = mock.Mock(model=str(file), weights=str(file), calibration=str(file))
            run = mock.Mock(folder=folder, artifact=artifact, network=network, compile_report=folder / "none.json")
            run.options.return_value = ["--levels", "31"]
            compiler = mock.Mock(path=file)

            def call(_):
                artifact.write_text("network")
                return 0, 1.5 * compiler.call.call_count, 100

            compiler.call.side_effect = call
            seconds = [work.compiled(run, compiler, again=again)["seconds"] for again in (False, False, True, False)]
            self.assertEqual(seconds, [1.5, 1.5, 3.0, 3.0])

    def test_names_are_unique_and_every_run_is_asked_something(self):
        names = [run.name for run in RUNS]
        self.assertEqual(len(set(names)), len(names))
        self.assertTrue(all((run.allowed is None) != (run.goal is None) for run in RUNS))

    def test_rows_have_the_columns_of_their_heads(self):
        report = {
            "images": 5,
            "passed": True,
            "accuracy": None,
            "agreement": None,
            "logits": {"compared": 0, "equal": 0},
            "steps": {"bound": 8, "settled_max": None, "settled_mean": None},
            "spikes_per_image": 1.0,
            "sops_per_image": 2.0,
            "seconds": 1.0,
            "peak_memory_mb": None,
        }
        early = {"images": 5, "proved": 3, "mean_steps_with": 2.0, "mean_steps_without": 4.0, "changed": 0}
        for extra in ({}, {"early_exit": None}, {"early_exit": early}):
            record = {"report": report | extra, "compile": {"seconds": 1.0, "peak_memory_mb": 1}}
            for head, row in ((page.ACCURACY, page.accuracy_row), (page.COST, page.cost_row)):
                self.assertEqual(len(row(RUNS[0], record)), head.count("|") - 1)


if __name__ == "__main__":
    unittest.main()
