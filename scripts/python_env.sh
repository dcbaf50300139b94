#!/usr/bin/env bash
# The environment that builds the wheel and tests it: target/python-env, with CPU PyTorch. Quick when nothing has changed.
#
#   scripts/python_env.sh           everything
#   scripts/python_env.sh --build   only what builds the wheel
set -euo pipefail
cd "$(dirname "$0")/.."

TORCH=2.11.0 TORCHVISION=0.26.0
env=target/python-env requirements=scripts/requirements-python.txt
# Builds CPU PyTorch from the wheel that everybody gets, without its gigabytes of CUDA libraries.
cpu_torch=../shared/tools/torch-cpu/make_torch_cpu.sh
pip() { "$env/bin/python" -m pip install -q --disable-pip-version-check --no-input "$@" </dev/null >&2; }

[ -x "$env/bin/python" ] || python3 -m venv "$env"
if ! cmp -s "$requirements" "$env/requirements.installed"; then
  echo "python: installing what $requirements lists" >&2
  pip -r "$requirements"
  cp "$requirements" "$env/requirements.installed"
fi
[ "${1:-}" != --build ] || exit 0
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
  pip -r "$requirements"
  echo "$TORCH $TORCHVISION" >"$env/torch.installed"
fi
