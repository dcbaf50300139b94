#!/usr/bin/env bash
# Proves on a GPU that it computes what the CPU engine does, and measures it; then SpikingJelly on the same card.
#
# usage: scripts/gpu/test_gpu.sh [--packs DIR] [--out DIR] [--work DIR] [--limit N] [equality] [spikingjelly]
#
#   --packs DIR  what scripts/gpu/pack.sh has prepared (default target/gpu/packs); parts that are not there are left out
#   --out DIR    where the record goes, gpu.DATE.json (default target/gpu/results)
#   --work DIR   where the packs are unpacked (default /tmp/neurocuda-gpu); where the parts are two calls, the second finds there
#                the test images of the first, and its record holds both
#   --limit N    only the first N images
#
# It needs the driver, Python, and for ceilings and SpikingJelly PyTorch; no network access. Without a GPU it says so and ends with 0.
set -euo pipefail
start="$PWD"
cd "$(dirname "$0")/../.."

packs=target/gpu/packs out=target/gpu/results work="${TMPDIR:-/tmp}/neurocuda-gpu" limit="" parts=()
absolute() { case "$1" in /*) echo "$1" ;; *) echo "$start/$1" ;; esac; }
while [ $# -gt 0 ]; do
  case "$1" in
    --packs) packs="$(absolute "$2")"; shift ;;
    --out) out="$(absolute "$2")"; shift ;;
    --work) work="$(absolute "$2")"; shift ;;
    --limit) limit="$2"; shift ;;
    equality | spikingjelly) parts+=("$1") ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

if ! command -v nvidia-smi > /dev/null; then
  echo "test-gpu: skipped: there is no nvidia-smi, so no NVIDIA driver, on this machine"
  exit 0
fi
if ! found="$(nvidia-smi -L 2>&1)" || ! grep -q '^GPU ' <<< "$found"; then
  echo "test-gpu: skipped: nvidia-smi finds no GPU: ${found%%$'\n'*}"
  exit 0
fi
if [ ${#parts[@]} -eq 0 ]; then
  for part in equality spikingjelly; do
    if [ -d "$packs/$part" ]; then parts+=("$part"); fi
  done
fi
if [ ${#parts[@]} -eq 0 ]; then
  echo "test-gpu: nothing is prepared in $packs; run scripts/gpu/pack.sh where the project is built, and bring target/gpu/packs here" >&2
  exit 2
fi

nvidia-smi
mkdir -p "$out" "$work"
date="$(date -u +%Y-%m-%d)"
python3 scripts/gpu/packing.py unpack "$packs" "$work"
export NEUROCUDA_SHARED="$work/shared"

status=0
for part in "${parts[@]}"; do
  case "$part" in
    equality)
      rm -f "$work/check.json" "$work/spikingjelly.json"
      python3 scripts/gpu/ceilings.py "$work/ceilings.json"
      "$work/bin/neurocuda-gpu-check" "$work"/artifacts/*.ncx \
        --data "$NEUROCUDA_SHARED/data/sets/cifar10_jpeg_test.safetensors" ${limit:+--limit "$limit"} \
        --batch 1 --batch 64 --batch 512 --kernels -o "$work/check.json" || status=1
      ;;
    spikingjelly)
      if [ ! -d "$work/site" ]; then
        python3 -m pip install --quiet --no-index --no-deps --no-compile --target "$work/site" "$work"/wheels/*.whl
      fi
      PYTHONPATH="$work/site" python3 scripts/gpu/spikingjelly_gpu.py ${limit:+--images "$limit"} \
        -o "$work/spikingjelly.json" || status=1
      ;;
  esac
  # Anew after each part: a run that is stopped leaves what it has.
  python3 scripts/gpu/record.py "$work" "$out/gpu.$date.json" || status=1
done
exit $status
