# NeuroCUDA: a compiler from trained PyTorch networks to spiking networks. `make` alone prints what there is.

export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
MDBOOK = $(or $(shell command -v mdbook),.venv/bin/mdbook)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-python wheel zoo results results-wait compare bench-lava gpu-pack test-gpu docs lint fmt clean

help: ## This text
	@echo 'NeuroCUDA compiles trained PyTorch networks to spiking networks and measures the difference.'
	@echo
	@echo 'First time here:'
	@echo '  make demo     installs what is missing, builds, compiles a trained CNN and validates it on 10,000 images'
	@echo
	@echo 'All targets:'
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'Then: target/release/neurocudac --help, and docs/src/tutorial.md'

setup: ## Install what is missing: LLVM/MLIR 22, Rust, a Python environment (quick if nothing is)
	@scripts/setup.sh

demo: setup ## Compile the Fashion-MNIST CNN of tests/data and validate it on all 10,000 test images
	@scripts/demo.sh

test: setup ## Every check: format, clippy, tests, lit, NumPy reference, docs; closes with a count
	@scripts/test.sh

test-python: setup ## The Python package: builds the wheel, installs it, tests it with CPU PyTorch
	@scripts/test_python.sh

wheel: setup ## The Python package as a wheel, compiler included (target/wheels)
	@scripts/wheel.sh

zoo: setup ## Measure every model of python/tests/zoo and write the table of them, docs/src/zoo.md
	@NEUROCUDAC_BLESS=1 scripts/test_python.sh -k zoo

results: setup ## Repeat every quoted figure, in the background; run it again to see how far it is
	@python3 scripts/results.py --background

results-wait: setup ## The same in the foreground; ends when all figures are there
	@python3 scripts/results.py

compare: setup ## Convert the same ResNet-18 with SpikingJelly (PyPI) and with ours, side by side; goes on where it was stopped
	@cargo build --release --locked -p neurocudac
	@scripts/compare.sh

bench-lava: setup ## Run the same network on the simulator of Loihi 2 and in Lava (PyPI): spikes compared, then time
	@cargo build --release --locked -p neurocudac
	@scripts/bench_lava.sh

gpu-pack: setup ## Prepare what a machine with a GPU needs for test-gpu, small enough to be carried there (target/gpu/packs)
	@scripts/gpu/pack.sh

test-gpu: ## On a machine with a GPU: all test images beside the CPU engine, time, SpikingJelly (no set-up, no network)
	@scripts/gpu/test_gpu.sh

docs: setup ## Build the book (target/book/index.html) and the API reference (target/doc)
	@python3 scripts/check_docs.py
	@$(MDBOOK) build docs
	@cargo doc --workspace --no-deps --locked
	@echo 'target/book/index.html'

lint: setup ## Clippy and format check, as in CI
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@python3 scripts/check_docs.py

fmt: ## Format all Rust code
	@cargo fmt --all

clean: ## Remove everything that was built (keeps .venv and docs/results)
	@cargo clean
