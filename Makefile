# Everything a newcomer needs: `make demo` and `make test` set up what they need themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-bars test test-slow check format docs reference bench bench-quick coverage clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("alphaloop needs Python 3.11 or newer, found " + sys.version.split()[0] + "; run make PYTHON=python3.12") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,bench]"
	@touch $@

setup: $(STAMP) ## Make the virtual environment and install the locked versions

demo: $(STAMP) ## Run the whole loop on a simulated chain: collect, signals, outcomes, models, reports
	$(BIN)/alphaloop demo pumpfun

demo-bars: $(STAMP) ## Run the whole loop on synthetic minute bars, to a backtest and a dry run
	$(BIN)/alphaloop demo bars --out demo-bars

test: $(STAMP) ## Prove it: every test but the long ones, with branch coverage; JOBS=1 for one process
	$(BIN)/python -m pytest -m "not slow" -n $(JOBS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered

test-slow: $(STAMP) ## The longer proofs
	$(BIN)/python -m pytest -m slow

check: $(STAMP) ## Format, lint, strict types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Rewrite the code in the house format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

reference: $(STAMP) ## Generate the reference pages from the code
	$(BIN)/python -m alphaloop.markets.bars.describe
	$(BIN)/python -m alphaloop.markets.pumpfun.describe
	$(BIN)/python -m alphaloop.cli.describe

docs: reference ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

bench: $(STAMP) ## Measure against peers and floors; results in benchmarks/results
	$(BIN)/python benchmarks/run.py

bench-quick: $(STAMP) ## The same in about two minutes; shows that the benchmarks run, not how fast
	$(BIN)/python benchmarks/run.py --quick

clean: ## Remove what was built, keep the environment
	rm -rf build dist site .coverage htmlcov .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
