#!/usr/bin/env bash
# Installs what the build and the tests need and is missing; quick when nothing is.
#
#   scripts/setup.sh            build and test tools, LLVM/MLIR 22, Rust, Chromium and the Python environment of the tests
#   scripts/setup.sh --build    the same without Chromium and Python (enough for `cargo build`)
#
# Exit codes: 0 everything is there, 2 something is missing and has to be installed by hand (the text says what).
set -euo pipefail
cd "$(dirname "$0")/.."

MIN_RUST=1.95
DEBIAN_PACKAGES=(llvm-22-dev libmlir-22-dev mlir-22-tools llvm-22-tools libclang-22-dev libpolly-22-dev lld-22
  libzstd-dev zlib1g-dev build-essential pkg-config python3 python3-venv curl ca-certificates)
LLVM_PREFIX=${MLIR_SYS_220_PREFIX:-/usr/lib/llvm-22}
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

say() { printf 'setup: %s\n' "$*" >&2; }
give_up() { printf 'setup: %s\n' "$@" >&2; exit 2; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else give_up "need root (or sudo) for: $*"
  fi
}

by_hand() {
  give_up "this system has no apt, so please install by hand:" \
    "  - LLVM and MLIR 22 with headers and static libraries, libclang 22, Polly, FileCheck, lit and ld.lld" \
    "    (Debian's names: ${DEBIAN_PACKAGES[*]:0:7})" \
    "  - zstd and zlib with headers, a C/C++ compiler, pkg-config, python3 with venv, curl" \
    "then name the LLVM prefix (the folder with bin/llvm-config):" \
    "  export MLIR_SYS_220_PREFIX=PREFIX TABLEGEN_220_PREFIX=PREFIX LIBCLANG_PATH=PREFIX/lib LLVM_PREFIX=PREFIX" \
    "  export RUSTFLAGS=-Clink-arg=-fuse-ld=lld" \
    "and run this again. It accepts PREFIX once PREFIX/bin/llvm-config answers 22.x."
}

system_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    local tool
    for tool in cc c++ pkg-config python3; do command -v "$tool" >/dev/null || by_hand; done
    case $("$LLVM_PREFIX/bin/llvm-config" --version 2>/dev/null) in 22.*) return ;; *) by_hand ;; esac
  fi
  local missing=() package
  for package in "${DEBIAN_PACKAGES[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  # Another installation of LLVM 22 is as good, and so the packages must not be forced on its owner.
  if [ "$LLVM_PREFIX" != /usr/lib/llvm-22 ] && [[ $("$LLVM_PREFIX/bin/llvm-config" --version 2>/dev/null) == 22.* ]]; then
    say "using LLVM in $LLVM_PREFIX; not installed: ${missing[*]}"
    return 0
  fi
  install_packages "${missing[@]}" || give_up \
    "apt-get could not install: ${missing[*]}" \
    "LLVM 22 is in Debian 12's updates; elsewhere https://apt.llvm.org has packages of the same names."
}

install_packages() {
  say "installing $*"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  as_root "${apt[@]}" update >&2 || say "apt-get update failed; trying with the lists that are there"
  as_root "${apt[@]}" install --no-install-recommends "$@" </dev/null >&2
}

# The browser that looks at the page of a validation report. Without one that test says so and is skipped.
browser() {
  local name
  for name in chromium chromium-browser google-chrome; do ! command -v "$name" >/dev/null || return 0; done
  if ! command -v apt-get >/dev/null || ! install_packages chromium; then
    say "chromium could not be installed; the test that looks at a report's page will be skipped"
  fi
}

rust_is_new_enough() {
  local version
  version=$(cargo --version 2>/dev/null | awk '{print $2}') && [ -n "$version" ] &&
    [ "$(printf '%s\n%s\n' "$MIN_RUST" "$version" | sort -V | head -n 1)" = "$MIN_RUST" ]
}

rust() {
  if ! rust_is_new_enough; then
    say "installing Rust $MIN_RUST (found: $(cargo --version 2>/dev/null || echo none))"
    if command -v rustup >/dev/null; then
      rustup toolchain install "$MIN_RUST" --profile minimal -c rustfmt -c clippy >&2 && rustup default "$MIN_RUST" >&2
    else
      curl --proto '=https' --tlsv1.2 -sSf --max-time 300 https://sh.rustup.rs |
        sh -s -- -y --no-modify-path --profile minimal -c rustfmt -c clippy --default-toolchain "$MIN_RUST" >&2
    fi || give_up "rustup could not install Rust $MIN_RUST; install Rust >= $MIN_RUST yourself (https://rustup.rs) and run this again"
  fi
  if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    rustup component add rustfmt clippy >&2 || give_up "cargo fmt and cargo clippy are missing; install them beside cargo"
  fi
}

# One virtual environment in .venv; `installed` is a copy of the requirements it was made from.
python_environment() {
  local requirements=scripts/requirements.txt installed=.venv/requirements.installed
  if [ ! -x .venv/bin/python ] || ! cmp -s "$requirements" "$installed"; then
    say "creating the Python environment .venv"
    python3 -m venv .venv || give_up "python3 -m venv failed; install your system's python3-venv"
    .venv/bin/python -m pip install -q --disable-pip-version-check -r "$requirements" </dev/null >&2 ||
      give_up "pip could not install the packages of $requirements"
    cp "$requirements" "$installed"
  fi
}

mdbook() {
  local requirements=scripts/requirements-docs.txt installed=.venv/requirements-docs.installed
  if type -P mdbook >/dev/null || cmp -s "$requirements" "$installed"; then return; fi
  say "installing mdBook into .venv"
  if .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    -r "$requirements" </dev/null >&2; then
    cp "$requirements" "$installed"
  else
    say "mdBook could not be installed; the HTML of the book will not be built (everything else works)"
  fi
}

system_packages
rust
if [ "${1:-}" != --build ]; then
  browser
  python_environment
  mdbook
fi
