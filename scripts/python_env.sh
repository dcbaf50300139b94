#!/usr/bin/env bash
# The environment that builds the wheel and tests it: target/python-env, with CPU PyTorch. Quick when nothing has changed.
#
#   scripts/python_env.sh             everything
#   scripts/python_env.sh --build     only what builds the wheel
#   scripts/python_env.sh --compare   instead target/compare-env, for the comparison with SpikingJelly
#   scripts/python_env.sh --lava      instead target/lava-env, for the comparison with Lava; without PyTorch
set -euo pipefail
cd "$(dirname "$0")/.."

TORCH=2.11.0 TORCHVISION=0.26.0
env=target/python-env requirements=scripts/requirements-python.txt options=()
if [ "${1:-}" = --compare ]; then
  # Without dependencies, which are pinned too: SpikingJelly's would bring the other PyTorch.
  env=target/compare-env requirements=scripts/requirements-compare.txt options=(--no-deps)
fi
if [ "${1:-}" = --lava ]; then
  # Lava 0.10.0 names Python 3.10 only; what newer ones refuse, bench_lava.py mends.
  env=target/lava-env requirements=scripts/requirements-lava.txt options=(--no-deps --ignore-requires-python)
fi
# Builds CPU PyTorch from the wheel that everybody gets, without its gigabytes of CUDA libraries.
cpu_torch=../shared/tools/torch-cpu/make_torch_cpu.sh
pip() { "$env/bin/python" -m pip install -q --disable-pip-version-check --no-input "$@" </dev/null >&2; }

[ -x "$env/bin/python" ] || python3 -m venv "$env"
if ! cmp -s "$requirements" "$env/requirements.installed"; then
  echo "python: installing what $requirements lists" >&2
  pip "${options[@]}" -r "$requirements"
  cp "$requirements" "$env/requirements.installed"
fi
case "${1:-}" in --build | --lava) exit 0 ;; esac
if [ "$(cat "$env/torch.installed" 2>/dev/null)" != "$TORCH $TORCHVISION" ]; then
  echo "python: installing PyTorch $TORCH" >&2
  if [ -x "$cpu_torch" ]; then
    "$cpu_torch" "$env" "$TORCH" >&2
  else
    pip "torch==$TORCH"
  fi
  pip --no-deps "torchvision==$TORCHVISION"
  pip pillow
  # That may have moved what the requirements pin.
  pip "${options[@]}" -r "$requirements"
  echo "$TORCH $TORCHVISION" >"$env/torch.installed"
fi
