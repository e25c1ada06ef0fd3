# Everything happens in .venv, which the first command makes with the first Python from 3.11 on that it finds. To choose:
#     make test PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEV := $(VENV)/.installed-dev
EXAMPLES := $(VENV)/.installed-examples
DOCS := $(VENV)/.installed-docs
OTHERS := 3.11 3.12 3.13 3.14
PIP := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit test-all test-faults bench docs clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# An environment with the development tools has all that the examples need.
demo: $(if $(wildcard $(DEV)),$(DEV),$(EXAMPLES))  ## run the example flow on real flight data
	@$(BIN)/python examples/flights.py
	@printf '\n$$ prefect show last\n\n'
	@$(BIN)/prefect show last
	@printf '\nA run that failed or was killed goes on with: %s/prefect resume last\n' $(BIN)

test: lint types unit  ## check everything: style, types, tests

lint: $(DEV)  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)  ## check types
	$(BIN)/mypy

unit: $(DEV)  ## run the tests
	$(BIN)/python -m pytest

test-faults: $(DEV)  ## kill workers for minutes, and run flows a thousand times: nothing hangs, leaks or runs twice
	$(BIN)/python -m pytest tests/faults -m faults

# A version that is only a name (as a version manager leaves it behind) does not run, and is passed over.
test-all:  ## run the tests on each Python from 3.11 on that this machine has
	@for version in $(OTHERS); do \
		if command -v python$$version >/dev/null && python$$version --version >/dev/null 2>&1; then \
			echo "== Python $$version"; \
			$(MAKE) --no-print-directory unit VENV=.venv-$$version PYTHON=python$$version || exit 1; \
		fi; \
	done

bench: $(DEV)  ## measure what the engine costs, and fill the tables of README and docs
	$(BIN)/python bench/all.py

docs: $(DOCS)  ## build the documentation into site/
	$(BIN)/mkdocs build --strict

clean:  ## remove the environments and everything that was built
	rm -rf .venv .venv-* build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than pyproject.toml when what that asks for is installed; then nothing is done, without a network too.
$(DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python $(PIP) -e '.[dev,examples]'
	@touch $@

$(EXAMPLES): pyproject.toml | $(BIN)/python
	$(BIN)/python $(PIP) -e '.[examples]'
	@touch $@

$(DOCS): pyproject.toml | $(BIN)/python
	$(BIN)/python $(PIP) -e '.[docs]'
	@touch $@

$(BIN)/python:
	@for python in $(PYTHON) $(addprefix python,$(OTHERS)); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "making $(VENV) with $$python"; \
			exec $$python -m venv $(VENV); \
		fi; \
	done; \
	echo "prefect-core needs Python 3.11 or newer. Install it, or say where it is: make PYTHON=/path/to/python3"; exit 1
