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
.PHONY: help demo test test-slow test-clients check bench docs clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## Train a model, cancel a job, set policies: the whole product in a minute, on this machine
	$(BIN)/python demo/run.py

test: $(VENV)/.dev ## Run the tests that take seconds
	$(PYTEST)

test-slow: $(VENV)/.dev ## Run the tests that take longer
	$(PYTEST) -m slow

# Large enough to live apart: 4 GB in all. Airflow pins what nothing else may be pinned to.
CLIENTS := .venv-clients
AIRFLOW := .venv-airflow
CLIENT_TESTS := tests/e2e/test_every_framework.py tests/unit/jobs/serving/test_saved_model.py \
  tests/clients/test_hypertune.py tests/clients/test_airflow.py tests/conformance/test_executor.py

test-clients: $(CLIENTS)/.made $(AIRFLOW)/.made ## Run the tests that need TensorFlow, Ray and Airflow
	TABLECLOUD_TEST_RAY=$(CURDIR)/$(CLIENTS) TABLECLOUD_TEST_AIRFLOW=$(CURDIR)/$(AIRFLOW)/bin/python \
	  $(CLIENTS)/bin/python -m pytest -m 'not bench' $(CLIENT_TESTS)

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
	rm -rf $(VENV) $(CLIENTS) $(AIRFLOW) .demo build docs/reference .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks demo -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(CLIENTS)/.made: pyproject.toml
	$(PYTHON) -m venv --clear $(CLIENTS)
	$(CLIENTS)/bin/python -m pip install -q --disable-pip-version-check -e '.[dev,ray]' tensorflow-cpu cloudml-hypertune
	@touch $@

$(AIRFLOW)/.made:
	$(PYTHON) -m venv --clear $(AIRFLOW)
	$(AIRFLOW)/bin/python -m pip install -q --disable-pip-version-check 'apache-airflow>=2.8,<2.11' 'apache-airflow-providers-google>=10,<11'
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(call install,demo)

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/python
	$(call install,docs)

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(call install,dev)
