#!/usr/bin/env bash
# The comparison with Lava's processes in its own environment, target/lava-env. Arguments go to scripts/bench_lava.py.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -d ../shared/data ]; then
  echo "bench_lava: the checkpoint is in ../shared/data, and there is no ../shared beside the repository" >&2
  exit 2
fi
scripts/python_env.sh --lava
exec target/lava-env/bin/python scripts/bench_lava.py "$@"
