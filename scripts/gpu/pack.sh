#!/usr/bin/env bash
# Prepares what scripts/gpu/test_gpu.sh needs on a machine that has a GPU and neither network access nor this project's data:
# target/gpu/packs/equality and target/gpu/packs/spikingjelly, each at most 45 MiB.
#
# usage: scripts/gpu/pack.sh [--artifacts DIR] [equality] [spikingjelly]
#
#   --artifacts DIR  takes resnet18_cifar10.{st-bif.L15,rate.T32}.ncx from there; by default they are compiled with --target ptx
#                    into target/gpu/artifacts, unless they are there and newer than the compiler
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

artifacts="" parts=()
while [ $# -gt 0 ]; do
  case "$1" in
    --artifacts) artifacts="$2"; shift ;;
    equality | spikingjelly) parts+=("$1") ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ ${#parts[@]} -gt 0 ] || parts=(equality spikingjelly)

if [ ! -d ../shared/data ]; then
  echo "pack: checkpoint and images are in ../shared/data, and there is no ../shared beside the repository" >&2
  exit 2
fi
programs="${CARGO_TARGET_DIR:-target}/release"
packs=target/gpu/packs

compile() { # NAME OPTION...
  local out="target/gpu/artifacts/$1.ncx"
  shift
  if [ ! "$out" -nt "$programs/neurocudac" ]; then
    "$programs/neurocudac" compile tests/models/resnet18_cifar10.ncg \
      --weights ../shared/data/models/resnet18_cifar10.safetensors \
      --calibrate ../shared/data/sets/cifar10_jpeg_calib1000.safetensors --target ptx "$@" -o "$out"
  fi
}

for part in "${parts[@]}"; do
  rm -rf "${packs:?}/$part"
  case "$part" in
    equality)
      cargo build --release --locked -p neurocuda-gpu-check -p neurocuda-cuda
      if [ -z "$artifacts" ]; then
        artifacts=target/gpu/artifacts
        mkdir -p "$artifacts"
        cargo build --release --locked -p neurocudac
        compile resnet18_cifar10.st-bif.L15 --schedule st-bif --levels 15
        compile resnet18_cifar10.rate.T32 --schedule rate --timesteps 32
      fi
      python3 scripts/gpu/packing.py equality "$packs" "$artifacts" "$programs"
      ;;
    spikingjelly)
      # The line of scripts/gpu/spikingjelly_gpu.py.
      python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
        --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 -d target/gpu/wheels \
        spikingjelly==2.0.0 loguru==0.7.3 SciencePlots==2.2.2 requests==2.34.2 charset-normalizer==3.5.3
      python3 scripts/gpu/packing.py spikingjelly "$packs" target/gpu/wheels
      ;;
  esac
done
