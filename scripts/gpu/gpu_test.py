"""Tests of what `make test-gpu` and its page rest on; `python3 -m unittest discover -s scripts -p '*_test.py'`. Needs no GPU."""
import contextlib
import copy
import io
import json
import tempfile
import unittest
from pathlib import Path

from gpu import packing, record, results, work


def safetensors(tensors, metadata=None):
    """Bytes of a file of (shape, bytes) by name; all elements are bytes."""
    header, body = {}, b""
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "U8", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    if metadata:
        header["__metadata__"] = metadata
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def buffer(name, kind, size):
    return {"name": name, "content": {"kind": kind} | ({"tensor": size} if kind == "constant" else {"bytes": size})}


def launch(op, *buffers):
    return {"kernel": f"{op}_neurons", "op": op, "buffers": list(buffers)}


def network(every_step=False):
    """A 3x3 convolution of 2 to 4 channels on 5x5 pixels, its neurons, a linear readout that adds a scaled copy of them."""
    ops = [
        {"name": "input", "op": "encode", "inputs": [], "output": 0, "every_step": every_step},
        {"name": "conv", "op": "conv", "inputs": [0], "output": 1, "weight": "conv.weight", "transposed": False},
        {"name": "relu", "op": "st-bif", "inputs": [1], "output": 2},
        {"name": "fc", "op": "linear", "inputs": [2], "output": 3, "weight": "fc.weight"},
        {"name": "scale", "op": "scale", "inputs": [2], "output": 4, "weight": "scale.weight"},
        {"name": "add", "op": "add", "inputs": [3, 4], "output": 5},
        {"name": "out", "op": "readout", "inputs": [5], "output": 6},
    ]
    buffers = [
        buffer("input", "image", 50),
        buffer("input", "image", 200),
        buffer("relu", "step", 100),
        buffer("relu.membrane", "image", 400),
        buffer("gpu.relu.weights", "constant", "gpu.relu.weights"),
        buffer("out", "step", 40),
        buffer("clock", "once", 4),
    ]
    chunk = [launch("input", 6, 0, 1), launch("relu", 4, 0, 2, 3), launch("out", 2, 5), launch("", 6)]
    gpu = {"arch": "sm_80", "buffers": buffers, "chunk": chunk, "host": {"input": 1}}
    values = [[2, 5, 5], [4, 5, 5], [4, 5, 5], [10], [10], [10], [10]]
    manifest = {"program": {"ops": ops, "values": values, "steps": 9}, "gpu": gpu, "levels": 15}
    shapes = {"conv.weight": [4, 2, 3, 3], "fc.weight": [10, 100], "scale.weight": [10], "gpu.relu.weights": [7]}
    tensors = {}
    for name, shape in shapes.items():
        size = 1
        for extent in shape:
            size *= extent
        tensors[name] = (shape, bytes(size))
    return manifest, tensors


def sizes(tensors):
    return {name: (shape, len(data)) for name, (shape, data) in tensors.items()}


class Work(unittest.TestCase):
    def of(self, every_step, batch=3, steps=8):
        manifest, tensors = network(every_step)
        return work.Work(manifest, sizes(tensors), batch, steps).launches()

    def test_products_of_terms_are_counted_where_they_are_added_up(self):
        _, neurons, readout, _ = self.of(every_step=False)
        # The input came in the first step and is over.
        self.assertEqual(neurons["macs"], 0)
        self.assertEqual(readout["macs"], 3 * 8 * 10 * 100)

    def test_a_constant_input_is_multiplied_once_a_chunk(self):
        self.assertEqual(self.of(every_step=True)[1]["macs"], 3 * 4 * 25 * 2 * 9)

    def test_bytes_are_those_of_steps_states_twice_and_constants_once(self):
        encode, neurons, readout, clock = self.of(every_step=False)
        self.assertEqual(neurons["bytes"], 7 + 3 * 8 * 100 + 2 * 3 * 400)
        self.assertEqual(readout["bytes"], 3 * 8 * (100 + 40))
        self.assertEqual((encode["bytes"], clock["bytes"]), (4, 4))
        self.assertEqual(self.of(every_step=True)[1]["bytes"], neurons["bytes"] + 3 * 50)

    def test_a_transposed_convolution_multiplies_each_input(self):
        manifest, tensors = network(every_step=True)
        conv = manifest["program"]["ops"][1]
        conv["transposed"] = True
        manifest["program"]["values"][1] = [4, 7, 7]
        found = work.Work(manifest, sizes(tensors), 1, 8).launches()[1]["macs"]
        self.assertEqual(found, 2 * 25 * 4 * 9)


MEASURED = {
    "network": "n",
    "schedule": "st-bif",
    "images": 10,
    "steps_of_chunk": 8,
    "throughput": [{"batch": 1, "images_per_second": 100.0}, {"batch": 64, "images_per_second": 2000.0}],
    "kernels": [{"kernel": "k", "op": op, "milliseconds": 0.5} for op in ("input", "relu", "out", "")],
    "compared": {
        "images": 10, "logits": 100, "logits_equal": 100, "spike_counts": 20, "spike_counts_equal": 20, "outcomes_equal": 10,
    },
}


class Record(unittest.TestCase):
    def made(self, change=lambda measured: None):
        manifest, tensors = network()
        measured = copy.deepcopy(MEASURED)
        change(measured)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "n.st-bif.L15.ncx"
            path.write_bytes(safetensors(tensors, {"neurocuda.manifest": json.dumps(manifest)}))
            record.add_work(measured, path)
        return measured

    def test_the_work_of_launches_stands_beside_their_times(self):
        made = self.made()
        # Ten images make no batch of 64.
        self.assertEqual(made["batch_of_kernels"], 10)
        self.assertEqual([kernel["macs"] for kernel in made["kernels"]], [0, 0, 10 * 8 * 1000, 0])
        self.assertEqual((made["artifact"], made["levels"], made["steps"]), ("n.st-bif.L15", 15, 9))

    def test_times_of_another_network_are_refused(self):
        for change in (lambda made: made["kernels"].reverse(), lambda made: made["kernels"].pop()):
            with self.assertRaises(ValueError):
                self.made(change)

    def test_kernels_may_not_have_been_timed(self):
        self.assertEqual(self.made(lambda made: made["kernels"].clear())["kernels"], [])


def readout(right):
    return {"right": right, "agree": right, "classes": "0" * 10}


class Page(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.record = {
            "date": "2026-01-02",
            "device": "a card",
            "ceilings": {"copy_bytes_per_second": 1e9, "int8_operations_per_second": 1e9},
            "artifacts": [Record().made()],
            "spikingjelly": {
                "device": "a card",
                "versions": {"spikingjelly": "2", "torch": "3"},
                "images": 10,
                "float_accuracy": 0.9,
                "accuracy": {"8": {"chosen_readout": "delayed", "sum": readout(1), "delayed": readout(8)}},
                "throughput": [{"mode": "tf32", "timesteps": 32, "batch": 64, "images_per_second": 50.0}, {"mode": "half", "error": "no"}],
            },
        }

    def page(self, change=lambda record: None):
        found = copy.deepcopy(self.record)
        change(found)
        return results.page((Path("gpu.2026-01-02.json"), found), self.folder)

    def test_nothing_measured_is_said(self):
        self.assertIsNone(results.newest(self.folder.glob("gpu.*.json")))
        text = results.page(None)
        self.assertIn("Not measured yet", text)
        self.assertNotIn("| ", text)

    def test_the_newest_record_counts(self):
        for name, date in (("gpu.b.json", "2026-01-01"), ("gpu.a.json", "2026-02-01")):
            (self.folder / name).write_text(json.dumps({"date": date}))
        self.assertEqual(results.newest(self.folder.glob("gpu.*.json"))[0].name, "gpu.a.json")

    def test_fractions_are_of_the_ceilings(self):
        # 80,000 products of two operations and 11,200 bytes in half a millisecond.
        self.assertIn("| `out` | 0.500 | 32 % | 2 % |", self.page())
        self.assertIn("| `input` | 0.500 | – | 0 % |", self.page())

    def test_batches_that_one_side_did_not_run_are_left_empty(self):
        self.assertIn("| 1 | 100 | – |", self.page())
        self.assertIn("| 64 | 2,000 | 50 |", self.page())

    def test_a_difference_is_told(self):
        self.assertIn("All are the same.", self.page())

        def one_logit(record):
            record["artifacts"][0]["compared"]["logits_equal"] -= 1

        self.assertIn("**They are not the same.**", self.page(one_logit))

    def test_tables_are_named_by_what_was_compiled(self):
        self.assertIn("| `st-bif`, L = 15 | 10 |", self.page())
        # Chunks may be shorter than the run.
        self.assertIn("| `rate`, T = 9 | 10 |", self.page(lambda record: record["artifacts"][0].update(schedule="rate")))

    def test_parts_may_be_missing(self):
        for part in ("ceilings", "artifacts", "spikingjelly"):
            text = self.page(lambda record: record.pop(part))
            self.assertIn("## Not measured", text)
        self.assertIn("SpikingJelly on this card", self.page(lambda record: record.pop("spikingjelly")))

    def test_accuracy_stands_beside_that_of_the_same_images_only(self):
        own = {"report": {"images": 10, "accuracy": {"snn": 0.9}, "agreement": 0.9}}
        path = self.folder / f"{results.NETWORK}.rate.T8.json"
        for images, row in ((10, "| 8 | 80.00 % | 90.00 % | 10.00 ± 17.32 points |"), (9, "| 8 | 80.00 % | – | – |")):
            own["report"]["images"] = images
            path.write_text(json.dumps(own))
            self.assertIn(row, self.page())


class Packs(unittest.TestCase):
    def test_what_is_packed_comes_out_again(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            folder = Path(folder)
            program, images = folder / "program", folder / "images"
            program.write_bytes(b"\x7fELF")
            program.chmod(0o755)
            images.write_bytes(bytes(range(256)) * 9)
            packing.write(folder / "packs/equality/files.tar.xz", {"bin/program": program}, packing.FILES)
            packing.write(folder / "packs/equality/images.tar.xz", {"sets/images": images}, packing.PIXELS)
            packing.unpack(folder / "packs", folder / "out")
            self.assertEqual((folder / "out/bin/program").stat().st_mode & 0o777, 0o755)
            self.assertEqual((folder / "out/sets/images").read_bytes(), images.read_bytes())

    def test_the_first_images_keep_their_labels(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "set.safetensors"
            path.write_bytes(safetensors({"labels": ([3], bytes([7, 8, 9])), "images": ([3, 2], bytes([1, 1, 2, 2, 3, 3]))}, {"a": "b"}))
            some = Path(folder) / "some.safetensors"
            some.write_bytes(packing.first(path, 2))
            data = some.read_bytes()
            start = 8 + int.from_bytes(data[:8], "little")
            header = json.loads(data[8:start])
            found = {name: data[start:][slice(*header[name]["data_offsets"])] for name in ("labels", "images")}
            self.assertEqual(found, {"labels": bytes([7, 8]), "images": bytes([1, 1, 2, 2])})
            self.assertEqual((header["images"]["shape"], start % 8, header["__metadata__"]), ([2, 2], 0, {"a": "b"}))


if __name__ == "__main__":
    unittest.main()
