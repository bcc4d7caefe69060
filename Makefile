# Every command a contributor needs. The virtual environment is made on first use; nothing else is assumed but
# Python 3.11 or newer and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check bench docs clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## Train a model, cancel a job, set policies: the whole product in a minute, on this machine
	$(BIN)/python demo/run.py

test: $(VENV)/.dev ## Run the tests that take seconds
	$(PYTEST)

test-slow: $(VENV)/.dev ## Run the tests that take longer
	$(PYTEST) -m slow

check: $(VENV)/.dev ## Check style, types and the floors of the architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## Measure: one table of figures a benchmark
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

docs: $(VENV)/.demo ## Write the reference pages of google.ml to build/reference
	$(BIN)/tablecloud docs google.ml -o build/reference/google.ml

clean: ## Remove everything that make made
	rm -rf $(VENV) .demo build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks demo -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) -e '.[dev]'
	@touch $@
