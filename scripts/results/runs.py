"""The table of runs: which networks are compiled how, and what is asked of each."""
from dataclasses import dataclass

from .paths import RECORDS, ROOT, WORK, shown

SHARED = "../shared/data"


@dataclass(frozen=True)
class Network:
    """A trained network with its files, and what has to be said beside its figures."""

    name: str
    weights: str
    test: str
    calibration: str
    about: str

    @property
    def model(self):
        return f"tests/models/{self.name}.ncg"

    @property
    def inputs(self):
        return [self.model, self.weights, self.calibration, self.test]

    def missing(self):
        """Input files that are not here."""
        return [file for file in self.inputs if not (ROOT / file).is_file()]


def shared(name, test_set, calibration_set, about):
    """A checkpoint of ../shared/data."""
    sets = f"{SHARED}/sets"
    weights = f"{SHARED}/models/{name}.safetensors"
    return Network(name, weights, f"{sets}/{test_set}.safetensors", f"{sets}/{calibration_set}.safetensors", about)


# In the order in which they are run: cheap ones first.
NETWORKS = [
    shared("mlp_mnist", "mnist_test", "mnist_calib1000", "MNIST, 784-256-128-10."),
    # This one comes from tests/data so that its figures can be repeated without ../shared.
    Network(
        "vgg_fashion",
        "tests/data/vgg_fashion.safetensors",
        "tests/data/fashion_mnist_test.safetensors",
        "tests/data/fashion_mnist_calib1000.safetensors",
        "Fashion-MNIST; weights and images are in `tests/data`.",
    ),
    shared("cnn3_mnist", "mnist_test", "mnist_calib1000", "MNIST, three convolutions with average pools."),
    shared(
        "resnet20_cifar10",
        "cifar10_lossless_test1017",
        "cifar10_lossless_calib1000",
        "He et al.'s ResNet-20 with `F.relu` and parameter-free shortcuts, trained by others (Y. Idelbayev); the first 1,017 "
        "test images of CIFAR-10, lossless, on which its float accuracy is 91.64 %.",
    ),
    shared(
        "cnn3_nmnist_sim",
        "nmnist_sim_test",
        "nmnist_sim_calib1000",
        "*Simulated* N-MNIST, counts of events; not comparable with figures on the recorded set.",
    ),
    shared(
        "resnet18_cifar10",
        "cifar10_jpeg_test",
        "cifar10_jpeg_calib1000",
        "ResNet-18 with a 3×3 stem, an ordinary ReLU network. **Its float accuracy is 90.17 %, and the test set is a JPEG copy "
        "of CIFAR-10** (quality 75): every figure below is on that copy, all 10,000 images.",
    ),
]


@dataclass(frozen=True)
class Run:
    """One row. `allowed` is the drop in percentage points that fails the run, beyond a paired standard error; `goal` is one
    that is only recorded. With `budget` the compiler searches for the cheapest network that loses no more, and what it says of its
    margin is allowed on top."""

    network: Network
    schedule: str
    levels: int | None
    timesteps: int | None
    allowed: float | None
    goal: float | None = None
    budget: float | None = None

    @property
    def name(self):
        if self.budget is not None:
            return f"{self.network.name}.{self.schedule}-{self.budget:g}"
        levels = f".L{self.levels}" if self.levels else ""
        return f"{self.network.name}.{self.schedule}{levels}" + (f".T{self.timesteps}" if self.timesteps else "")

    @property
    def folder(self):
        """Where everything is kept that is no record: artifact, counts, report."""
        return WORK / self.name

    @property
    def artifact(self):
        return self.folder / "out.ncx"

    @property
    def compile_report(self):
        """What `compile` wrote of itself."""
        return self.folder / "compile.json"

    @property
    def record(self):
        return RECORDS / f"{self.name}.json"

    @property
    def inputs(self):
        return self.network.inputs

    def missing(self):
        """Input files that are not here."""
        return self.network.missing()

    def options(self):
        """What the command line of `compile` says beyond the files."""
        if self.budget is not None:
            return ["--max-drop", f"{self.budget:g}"]
        levels = ["--levels", str(self.levels)] if self.levels else []
        steps = ["--timesteps", str(self.timesteps)] if self.timesteps else []
        return ["--schedule", self.schedule, *levels, *steps]

    def compile(self):
        """Command line; the time of a compilation includes its calibration."""
        network = self.network
        files = [network.model, "--weights", network.weights, "--calibrate", network.calibration]
        outputs = ["-o", shown(self.artifact), "--report", shown(self.compile_report)]
        return ["compile", *files, *self.options(), "--no-cache", *outputs]

    def max_drop(self, search=None):
        """Arguments for the gate, given what a search says; a run that has only a goal never fails by its accuracy."""
        allowed = 100 if self.allowed is None else self.allowed
        return ["--max-drop", f"{allowed + (search['margin'] if search else 0):g}"]


def of(name, schedule, *rows):
    """Runs of one network and schedule from rows of (levels, timesteps, allowed drop[, goal[, budget]])."""
    network = next(network for network in NETWORKS if network.name == name)
    return [Run(network, schedule, *row) for row in rows]


def _small(name):
    """What every small network is run at."""
    rows = ((31, None, 0.2), (15, None, 1.0))
    return [*of(name, "st-bif", *rows), *of(name, "hold-and-fire", *rows)]


_RESNET18_ROWS = ((7, None, 2.0), (15, None, 0.4), (31, None, 0.2))
_RESNET20_ROWS = ((15, None, 0.6), (31, None, 0.2))

RUNS = [
    *_small("mlp_mnist"),
    *of("mlp_mnist", "rate", (None, 32, 0.05)),
    *_small("vgg_fashion"),
    *_small("cnn3_mnist"),
    *of("resnet20_cifar10", "rate", (None, 32, None, 2.0)),
    *of("resnet20_cifar10", "sigma-delta", (255, None, 0.2)),
    *of("resnet20_cifar10", "hold-and-fire", *_RESNET20_ROWS),
    *of("resnet20_cifar10", "st-bif", *_RESNET20_ROWS),
    *of("cnn3_nmnist_sim", "st-bif", (31, None, 0.05)),
    *of("resnet18_cifar10", "rate", (None, 8, None, 5.5), (None, 16, None, 1.3), (None, 32, None, 0.5), (None, 64, None, 0.2)),
    *of("resnet18_cifar10", "max-drop", (None, None, 0.5, None, 0.5)),
    *of("resnet18_cifar10", "sigma-delta", (255, None, 0.1)),
    *of("resnet18_cifar10", "hold-and-fire", *_RESNET18_ROWS),
    *of("resnet18_cifar10", "st-bif", *_RESNET18_ROWS),
]
