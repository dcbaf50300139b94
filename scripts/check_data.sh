#!/usr/bin/env bash
# The files of tests/data are the ones their README describes: every listed file has its sum, every file is listed.
set -euo pipefail
cd "$(dirname "$0")/../tests/data"
sha256sum --check --strict --quiet SHA256SUMS
unlisted=$(comm -13 <(awk '{print $2}' SHA256SUMS | sort) <(printf '%s\n' *.safetensors | sort))
if [ -n "$unlisted" ]; then
  echo "not in tests/data/SHA256SUMS: $unlisted" >&2
  exit 1
fi
echo "$(wc -l <SHA256SUMS) data files have the right contents"
