#!/usr/bin/env bash
# Tests the Python package as a user gets it: builds the wheel, installs it, runs python/tests; then the wheel alone in an
# environment without PyTorch. pytest lists what it skipped and why. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/wheel.sh
scripts/python_env.sh
env=target/python-env clean=target/python-clean
pip() { "$1/bin/python" -m pip install -q --disable-pip-version-check --no-input "${@:2}" </dev/null >&2; }

printf '\n==> the wheel in a clean environment\n'
rm -rf "$clean"
python3 -m venv "$clean"
pip "$clean" target/wheels/neurocuda-*.whl
# From another folder: the package must be the installed one.
(cd "$clean" && bin/python ../../python/tests/clean_environment.py)

printf '\n==> python/tests\n'
pip "$env" --force-reinstall --no-deps target/wheels/neurocuda-*.whl
[ -d ../shared/data ] || echo "skipped: tests on the checkpoints of ../shared/data: there is no ../shared beside the repository"
exec "$env/bin/python" -P -m pytest python/tests "$@"
