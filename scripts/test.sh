#!/usr/bin/env bash
# Every check of the project, in the order in which a failure is cheapest to see. Goes on after a failure, names what
# it skipped and why, and closes with one line `N passed, N failed, N skipped`. Needs what scripts/setup.sh installs.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
# Incremental state pays only where the next build finds it.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0

target="${CARGO_TARGET_DIR:-target}"
neurocudac="$target/debug/neurocudac"
llvm="${LLVM_PREFIX:-${MLIR_SYS_220_PREFIX:-/usr/lib/llvm-22}}"
passed=0 failed=0 skipped=0 summary=""

check() {
  local name=$1 start=$SECONDS verdict
  shift
  printf '\n==> %s\n' "$name"
  if "$@"; then passed=$((passed + 1)) verdict=passed; else failed=$((failed + 1)) verdict=FAILED; fi
  summary+=$(printf '%-8s %-52s %4d s' "$verdict" "$name" $((SECONDS - start)))$'\n'
  [ "$verdict" = passed ]
}

skip() {
  printf '\n==> %s\nskipped: %s\n' "$1" "$2"
  skipped=$((skipped + 1))
  summary+=$(printf '%-8s %s: %s' skipped "$1" "$2")$'\n'
}

rustdoc() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked; }

# The dependency graph shows it for every platform, the build (which can find no LLVM) for this one.
runtime_without_llvm() {
  local tree
  tree=$(cargo tree -p neurocuda-runtime -e normal,build --prefix none --locked) || return 1
  if grep -E '^(melior|mlir-sys|tblgen|clang-sys|cust)' <<<"$tree"; then
    echo "neurocuda-runtime depends on the above" >&2
    return 1
  fi
  # Unoptimised dependencies: nothing of this build is run.
  env -u LLVM_PREFIX MLIR_SYS_220_PREFIX=/nonexistent TABLEGEN_220_PREFIX=/nonexistent LIBCLANG_PATH=/nonexistent \
    RUSTFLAGS= CARGO_TARGET_DIR="$target/without-llvm" cargo build -p neurocuda-runtime --locked --config 'profile.dev.package."*".opt-level=0'
}

check "data files have their sums" scripts/check_data.sh
check "documents: links, listing, nothing left open" python3 scripts/check_docs.py
check "scripts: tests" python3 -m unittest discover -q -s scripts -p '*_test.py'
check "cargo fmt --check" cargo fmt --all --check
check "clippy without warnings" cargo clippy --workspace --all-targets --locked -- -D warnings
if check "build, binaries and tests" cargo build --workspace --bins --tests --locked; then
  check "cargo test" cargo test --workspace --locked --no-fail-fast
  check "lit tests" env NEUROCUDAC="$(realpath "$neurocudac")" "$llvm/bin/lit" -v lit-tests
  check "NumPy agrees with the integer logits" scripts/numpy_check.sh "$neurocudac"
  check "ptxas takes every kernel, none spills" python3 scripts/ptxas_check.py "$neurocudac"
  check "documents: commands have real options" python3 scripts/check_docs.py --commands "$neurocudac"
else
  not_run() { echo "not run: the build failed" >&2; return 1; }
  for name in "cargo test" "lit tests" "NumPy agrees with the integer logits" "ptxas takes every kernel, none spills" "documents: commands have real options"; do
    check "$name" not_run
  done
fi
check "rustdoc without warnings" rustdoc
check "the runtime builds without LLVM" runtime_without_llvm
if mdbook=$(type -P mdbook || type -P .venv/bin/mdbook); then
  check "the book builds" "$mdbook" build docs
else
  skip "the book builds" "mdbook is not on PATH and its wheel could not be installed"
fi
[ -n "$(type -P chromium chromium-browser google-chrome)" ] || skip "a browser shows the report's page" "chromium is not on PATH"
[ -d ../shared/data ] || skip "tests on the checkpoints of ../shared/data" "there is no ../shared beside the repository"

printf '\n%s\n%d passed, %d failed, %d skipped\n' "$summary" "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
