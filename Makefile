# `make` lists what there is. Needs python3 (3.11 or later) with venv, make and git; PYTHON names another python3.
PYTHON ?= python3
UV ?= uv
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# Touched when the environment was last made from both pyproject.toml and requirements.lock as they are.
STAMP := $(VENV)/.complete
# The package that holds ensurepip is named after the interpreter on Debian and Ubuntu.
NO_VENV = $(PYTHON) cannot make a virtual environment: install one that can, on Debian and Ubuntu with `apt install python3-venv`.
TOO_OLD = $(PYTHON) is not there or older than Python 3.11: name a newer one with `make PYTHON=python3.11`.

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast check bench chaos attack mutate lock format clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'ARGS="…" is handed on by demo, test, test-fast, bench, chaos, attack and mutate.'

setup: $(STAMP) ## Make .venv from requirements.lock, again only when that or a pyproject.toml changed

$(STAMP): pyproject.toml standings/pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo '$(TOO_OLD)' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo '$(NO_VENV)' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable ./standings --editable .
	@touch $@

demo: setup ## Start everything on this machine with a simulated race in it, and leave it running
	$(BIN)/standings demo $(ARGS)

# Side by side, since most of a test is waiting for services; those of one file share what it has started. The files
# with the longest tests come first.
SIDE_BY_SIDE := --numprocesses 3 --dist loadfile --no-loadscope-reorder

test: setup ## Run the tests
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

test-fast: setup ## Run what needs no services, with few examples of each property, in about a minute
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --hypothesis-profile=few -m 'not containers and not slow' \
		tests/unit tests/property tests/contract $(ARGS)

check: setup ## Check format, lint, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/unit/test_imports.py

bench: setup ## Measure
	$(BIN)/python -m tests.benchmarks $(ARGS)

chaos: setup ## Kill and pause everything under load for two minutes, and check what was promised
	$(BIN)/python -m tests.chaos $(ARGS)

attack: setup ## Attack everything with what is too large, too slow, odd or false, and see whether it stands
	$(BIN)/python -m tests.attack $(ARGS)

mutate: setup ## See whether a test fails for each small change of the code that matters most (an hour or two)
	$(BIN)/python -m tests.mutation $(ARGS)

# Only names, versions and hashes of published files go into a lock, never where they came from: an index or a
# directory of packages that this machine is set up with must not leak into it. The image is built from locks of its
# own, with the versions of requirements.lock: what it runs, and what builds the project.
COMPILE = env -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS $(UV) --no-config pip compile --quiet \
	--universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-package endorsement-standings-client \
	--custom-compile-command 'make lock'

lock: ## Write requirements.lock and deploy/*.lock again from pyproject.toml (needs uv)
	@command -v $(UV) >/dev/null || { echo 'make lock needs uv: `pip install uv`, or name it with `make lock UV=…`.' >&2; exit 1; }
	$(COMPILE) --all-extras --output-file requirements.lock pyproject.toml
	$(COMPILE) --no-annotate --constraint requirements.lock --extra ingest --extra scorer --extra api --extra webhooks \
		--output-file deploy/runtime.lock pyproject.toml
	echo hatchling | $(COMPILE) --no-annotate --constraint requirements.lock --output-file deploy/build.lock -

format: setup ## Write the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what was made here, but no data
	rm -rf $(VENV) build dist mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
