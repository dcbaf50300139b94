#!/usr/bin/env bash
# Compiles the shipped CNN for each exact schedule, runs 200 test images and lets NumPy compute the integer logits again
# from the artifact alone. usage: scripts/numpy_check.sh NEUROCUDAC
set -euo pipefail
cd "$(dirname "$0")/.."
neurocudac=$1
images=tests/data/fashion_mnist_test.safetensors
out=target/numpy-check
mkdir -p "$out"

for run in st-bif:31 hold-and-fire:15 sigma-delta:255; do
  schedule=${run%:*} levels=${run#*:}
  artifact="$out/$schedule-$levels.ncx" logits="$out/$schedule-$levels.safetensors"
  "$neurocudac" compile tests/models/vgg_fashion.ncg --weights tests/data/vgg_fashion.safetensors \
    --calibrate tests/data/fashion_mnist_calib1000.safetensors --schedule "$schedule" --levels "$levels" \
    --no-cache -o "$artifact"
  "$neurocudac" run "$artifact" --data "$images" --limit 200 -o "$logits"
  answer=$(.venv/bin/python tests/numpy_reference.py "$artifact" "$images" "$logits") || { echo "$answer"; exit 1; }
  printf '%s, %s levels: %s\n' "$schedule" "$levels" "$answer"
  # Guards against a run that wrote fewer images than it was asked for.
  [ "$answer" = "200 images, 2000 logits, 0 different" ]
done
