# Configuration of the lit tests: lit -v lit-tests (make test does it).
#
# Environment: NEUROCUDAC names the binary under test (else target/debug, then target/release); LLVM_PREFIX names the
# LLVM 22 whose FileCheck and split-file are used (else MLIR_SYS_220_PREFIX, then Debian's place).
import os

import lit.formats

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
target = os.path.join(root, os.environ.get("CARGO_TARGET_DIR", "target"))
llvm = os.environ.get("LLVM_PREFIX") or os.environ.get("MLIR_SYS_220_PREFIX") or "/usr/lib/llvm-22"

config.name = "neurocudac"
# Pipes and `not` behave the same in lit's own shell everywhere, and it starts no process for them.
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".ncg"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(os.path.abspath(__file__))
config.test_exec_root = os.path.join(target, "lit")


def built_binary():
    candidates = [os.environ.get("NEUROCUDAC")] + [
        os.path.join(target, profile, "neurocudac") for profile in ("debug", "release")
    ]
    for candidate in filter(None, candidates):
        if os.path.isfile(candidate):
            return candidate
    lit_config.fatal("no neurocudac found: run `cargo build -p neurocudac`, or name it in NEUROCUDAC")


def llvm_tool(name):
    path = os.path.join(llvm, "bin", name)
    if not os.path.isfile(path):
        lit_config.fatal(f"no {path}: run scripts/setup.sh, or name LLVM 22's folder in LLVM_PREFIX")
    return path


# These come before lit's own substitutions, so that `%s` does not take the start of `%split-file`.
config.substitutions += [
    ("%neurocudac", built_binary()),
    ("%FileCheck", llvm_tool("FileCheck")),
    ("%split-file", llvm_tool("split-file")),
    ("%not", llvm_tool("not")),
    ("%data", os.path.join(root, "tests", "data")),
    ("%models", os.path.join(root, "tests", "models")),
]
# Colour codes and a user's own settings must not reach the text under test.
config.environment["NO_COLOR"] = "1"
config.environment.pop("RUST_BACKTRACE", None)
