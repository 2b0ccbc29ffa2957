# Everything happens in .venv, from the lock files under requirements/.
# PYTHON=python3.12 chooses another Python; CMAKE_ARGS="-DGGML_CUDA=on" another build of llama.cpp.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements/pip.lock requirements/build.lock pyproject.toml
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip --quiet
BUILD := --build-constraint requirements/build.lock
ADVICE := echo 'No C++ compiler (c++) was found, which llama.cpp needs. Debian and Ubuntu: apt install build-essential. Fedora: dnf install gcc-c++. macOS: xcode-select --install. Others: see "Without a compiler" in README.md.' >&2

# Without llama.cpp's part for pictures and sound, which nothing here uses: it need not be compiled.
override CMAKE_ARGS := $(strip -DLLAVA_BUILD=OFF $(CMAKE_ARGS))
export CMAKE_ARGS

.DEFAULT_GOAL := help
.PHONY: help demo test coverage bench lock clean

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(VENV)/run.stamp ## Sweep a small model's quantizations over the embedded questions
	$(BIN)/ggufeval sweep

test: $(VENV)/dev.stamp ## Everything that must hold: format, lint, types, layers, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --no-warn-unreachable --cache-dir .mypy_cache/win32 ggufeval
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/pytest -n 2 --dist worksteal

coverage: $(VENV)/dev.stamp ## The tests once more, with the lines that none of them reaches
	$(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=term

bench: $(VENV)/run.stamp ## Speed beside the engine's own and scripts with llama-cpp-python: five minutes
	@model=$$($(BIN)/ggufeval models pull -q smollm2-135m-instruct) && set -x && \
	$(BIN)/python scripts/bench_limit.py "$$model" && \
	$(BIN)/python scripts/bench_peers.py "$$model" --per-subject 5

lock: ## Pin the newest versions anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url \
		--upgrade --generate-hashes requirements/pip.in -o requirements/pip.lock
	uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url \
		--upgrade --no-annotate requirements/build.in -o requirements/build.lock
	uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url \
		--upgrade --generate-hashes pyproject.toml -o requirements/run.lock
	uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url \
		--upgrade --generate-hashes pyproject.toml --group dev -c requirements/run.lock \
		-o requirements/dev.lock

clean: ## Remove .venv; models and results stay
	rm -rf $(VENV)

$(VENV)/pip.stamp: $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements/pip.lock
	@touch $@

$(VENV)/run.stamp: $(VENV)/pip.stamp requirements/run.lock
	@echo "Installing into $(VENV); llama.cpp is compiled, which takes about ten minutes ..."
	@$(PIP) install --require-hashes $(BUILD) -r requirements/run.lock || { command -v "$${CXX:-c++}" >/dev/null || $(ADVICE); exit 1; }
	$(PIP) install --no-deps $(BUILD) --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.lock
	$(PIP) install --require-hashes $(BUILD) -r requirements/dev.lock
	@touch $@
