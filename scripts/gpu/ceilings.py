"""What the card can do at most: bytes a second of a copy on the device, and int8 products a second.

usage: python3 scripts/gpu/ceilings.py OUT.json

Measured with PyTorch on the same card as the kernels, which are held against it. A multiply-accumulate is two operations.
"""
import json
import sys
from pathlib import Path

SIZE = 1 << 30
SIDES = (4096, 8192)
REPEATS = 20


def seconds(do):
    """Seconds that it takes on the card, the best of three means, warmed up."""
    import torch

    def once(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(repeats):
            do()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / 1000 / repeats

    once(3)
    return min(once(REPEATS) for _ in range(3))


def measure():
    """Bytes read and written a second, and operations a second."""
    import torch

    if not torch.cuda.is_available():
        return {"missing": "PyTorch sees no GPU"}
    source, copy = (torch.empty(SIZE, dtype=torch.uint8, device="cuda") for _ in range(2))
    bandwidth = 2 * SIZE / seconds(lambda: copy.copy_(source))
    del source, copy
    products = {}
    for side in SIDES:
        # Random bytes: zeros would draw less power and let the card run faster.
        a, b = (torch.randint(-127, 128, (side, side), dtype=torch.int8, device="cuda") for _ in range(2))
        b = b.t()  # The layout for which there is a kernel.
        products[side] = 2 * side**3 / seconds(lambda a=a, b=b: torch._int_mm(a, b))
    return {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "copy_bytes_per_second": bandwidth,
        "int8_operations_per_second": max(products.values()),
        "int8_operations_per_second_by_side": products,
    }


def main(arguments):
    try:
        found = measure()
    except Exception as error:  # No PyTorch, or none that does this: the rest of the record stands without it.
        found = {"missing": f"{type(error).__name__}: {error}"[:500]}
    Path(arguments[0]).write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
