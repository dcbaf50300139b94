#!/usr/bin/env bash
# The comparison with SpikingJelly in its own environment, target/compare-env. Arguments go to scripts/compare_spikingjelly.py.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -d ../shared/data ]; then
  echo "compare: the checkpoint is in ../shared/data, and there is no ../shared beside the repository" >&2
  exit 2
fi
scripts/python_env.sh --compare
exec target/compare-env/bin/python scripts/compare_spikingjelly.py "$@"
