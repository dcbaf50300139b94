#!/usr/bin/env bash
# Builds the wheel of the Python package, compiler included: target/wheels/neurocuda-*.whl.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

scripts/python_env.sh --build
mkdir -p target/wheels
rm -f target/wheels/neurocuda-*.whl
# zstd, which LLVM wants and not every system has, is linked statically: its archive stands alone in a folder that is searched first.
# (Copied into the wheel instead, it would have maturin change cargo's own binary.)
static=target/static-libraries
mkdir -p "$static"
ln -sf "$(cc -print-file-name=libzstd.a)" "$static/libzstd.a"
static=$(realpath "$static")
(cd python && ../target/python-env/bin/maturin build --quiet --release --auditwheel check --out ../target/wheels \
  -- -L "native=$static" </dev/null)
ls -sh target/wheels/neurocuda-*.whl
