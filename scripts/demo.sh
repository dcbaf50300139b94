#!/usr/bin/env bash
# The first thing to see: a trained PyTorch CNN compiled to a spiking network and validated on 10,000 test images.
# Shows every command before it runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

neurocudac="${CARGO_TARGET_DIR:-target}/release/neurocudac"
out=target/demo
mkdir -p "$out"
show() { printf '\n$ %s\n' "$*"; "$@"; }

show cargo build --release --locked -p neurocudac
show "$neurocudac" compile tests/models/vgg_fashion.ncg --weights tests/data/vgg_fashion.safetensors \
  --calibrate tests/data/fashion_mnist_calib1000.safetensors --schedule st-bif --levels 31 -o "$out/vgg_fashion.ncx"
show "$neurocudac" validate "$out/vgg_fashion.ncx" --model tests/models/vgg_fashion.ncg \
  --weights tests/data/vgg_fashion.safetensors --data tests/data/fashion_mnist_test.safetensors \
  --report "$out/report.json"
printf '\nThe same figures as JSON: %s. What they mean: docs/src/validation-report.md\n' "$out/report.json"
