# Every command a contributor needs. The virtual environment is made on first use; nothing else is assumed but
# Python 3.11 or newer and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest

# An interrupted `venv` leaves a python without pip: then it is made again.
define install
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) -e '.[$(1)]'
	@touch $@
endef

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

docs: $(VENV)/.docs ## Write the reference pages of google.ml and the site: build/site/index.html
	rm -rf docs/reference/google.ml
	$(BIN)/tablecloud docs google.ml -o docs/reference/google.ml
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

clean: ## Remove everything that make made
	rm -rf $(VENV) .demo build docs/reference .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks demo -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(call install,demo)

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/python
	$(call install,docs)

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(call install,dev)
