"""What each launch of a network has to do at least: bytes to move and multiply-accumulates, from the artifact alone."""
import json
from math import prod


def read(path):
    """An artifact's manifest, and of each tensor its shape and bytes."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    manifest = json.loads(header.pop("__metadata__")["neurocuda.manifest"])
    spans = {name: (tensor["shape"], tensor["data_offsets"]) for name, tensor in header.items()}
    return manifest, {name: (shape, end - begin) for name, (shape, (begin, end)) in spans.items()}


class Work:
    """Of a chunk that is not the first one of a run: an input that comes in step 0 only is over."""

    def __init__(self, manifest, tensors, batch, steps):
        self.gpu, self.program = manifest["gpu"], manifest["program"]
        self.tensors, self.batch, self.steps = tensors, batch, steps
        self.producers = {op["output"]: op for op in self.program["ops"]}
        # Values that are stored have a buffer with the name of their op.
        named = {op["name"] for op in self.program["ops"]}
        self.stored = {}
        for number, buffer in enumerate(self.gpu["buffers"]):
            if buffer["name"] in named and buffer["content"]["kind"] in ("image", "step"):
                self.stored.setdefault(buffer["name"], number)
        # Such as are not made anew in each step: the input, and what is computed from nothing else.
        self.lasts = any(op.get("every_step", False) for op in self.program["ops"] if op["op"] == "encode")

    def launches(self):
        """`{"bytes": …, "macs": …}` for each launch of the chunk."""
        by_name = {op["name"]: op for op in self.program["ops"]}
        return [self.launch(launch, by_name.get(launch["op"])) for launch in self.gpu["chunk"]]

    def launch(self, launch, op):
        macs = sum(self.macs(term) * self.times(source) for term, source in self.terms(op) if source in launch["buffers"])
        return {"bytes": sum(self.bytes(buffer, op) for buffer in launch["buffers"]), "macs": macs * self.batch}

    def terms(self, op):
        """The linear ops whose results a launch adds up without storing them, each with the buffer that it reads."""
        if op is None or not op["inputs"]:
            return
        yield from self.terms_of(op, op["inputs"])

    def terms_of(self, op, inputs):
        for value in inputs:
            producer = self.producers[value]
            if producer["name"] in self.stored:
                yield op, self.stored[producer["name"]]
            else:
                yield from self.terms_of(producer, producer["inputs"])

    def macs(self, op):
        """Of one image in one step."""
        if op["op"] not in ("conv", "linear"):
            return 0
        (_, *weights), _ = self.tensors[op["weight"]]
        # Of a transposed convolution each input meets all weights, of another one each output does.
        if op.get("transposed"):
            (_, *positions) = self.program["values"][op["inputs"][0]]
            (outputs, *_) = self.program["values"][op["output"]]
            return prod(positions) * outputs * prod(weights)
        return prod(self.program["values"][op["output"]]) * prod(weights)

    def times(self, source):
        """How often in the chunk what is in a buffer is multiplied."""
        if self.gpu["buffers"][source]["content"]["kind"] == "step":
            return self.steps
        return int(self.lasts)

    def bytes(self, number, op):
        """What goes over the bus of a buffer if everything in it does so once, and twice what is read and written."""
        buffer = self.gpu["buffers"][number]
        content = buffer["content"]
        match content["kind"]:
            case "constant":
                return self.tensors[content["tensor"]][1]
            case "once":
                return content["bytes"]
            case "step":
                return content["bytes"] * self.batch * self.steps
        size = content["bytes"] * self.batch
        if number == self.gpu["host"]["input"]:
            return size if op["op"] == "encode-events" else 0
        if number in self.stored.values():
            # Written in the first chunk, and read where it counts in all steps.
            return size if self.lasts and op["name"] != buffer["name"] else 0
        return 2 * size
