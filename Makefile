# Everything from a bare checkout: Python 3.11 or newer and make are all that is needed.
#   make demo   a small benchmark from suite to table      make test   the tests
PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
CONSTRAINTS := constraints.txt
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := results/demo-$(shell date +%Y%m%d-%H%M%S)

# One thread a worker: faster on a busy machine than two, and the same bits everywhere.
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo leaderboard leaderboard-record test test-all test-oldest lint ruff types floors format clean

help:  ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make .venv and install clbench into it, once

$(READY): pyproject.toml $(CONSTRAINTS)
	@command -v $(PYTHON) > /dev/null || { echo "clbench needs Python 3.11 or newer, and there is no $(PYTHON) here. Say which to use: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("clbench needs Python 3.11 or newer; %s is %d.%d. Say which to use: make PYTHON=python3.12 ..." % (sys.executable, *sys.version_info[:2]))'
	@echo "==> setup: installing clbench and what it needs into $(VENV) (two to four minutes the first time; torch is large)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@
	@echo "==> setup: done ($$($(BIN)/python --version), torch $$($(BIN)/python -c 'import importlib.metadata as m; print(m.version("torch"))'))"

demo: setup  ## run suites/split_digits.yaml and print its table: about a minute, no download
	@echo "==> demo: clbench run suites/split_digits.yaml --out $(DEMO)"
	@$(BIN)/clbench run suites/split_digits.yaml --out $(DEMO)

leaderboard: setup  ## rebuild leaderboard/ from the records in leaderboard/records/
	$(BIN)/clbench leaderboard leaderboard/records/*.h5 --out leaderboard

leaderboard-record: setup  ## run the demo's suite again into leaderboard/records/, and rebuild
	rm -rf results/leaderboard
	$(BIN)/clbench run suites/split_digits.yaml --out results/leaderboard --quiet
	cp results/leaderboard/split_digits.h5 leaderboard/records/
	$(MAKE) --no-print-directory leaderboard

test: setup  ## the tests, but for those marked slow (COVER=1 measures coverage, and insists on its floor)
	$(BIN)/python -m pytest -n $(WORKERS) -m 'not slow' $(if $(COVER),--cov --cov-report=term) $(FLAGS)

test-all: setup  ## every test
	$(BIN)/python -m pytest -n $(WORKERS)

# Old packages warn of each other's deprecations, of which nobody here can do anything.
test-oldest:  ## the tests with the oldest versions that pyproject.toml claims (installs a torch of their own)
	$(MAKE) --no-print-directory test VENV=.venv-oldest CONSTRAINTS=constraints-oldest.txt \
		FLAGS='-W default::DeprecationWarning -W default::PendingDeprecationWarning -W default::FutureWarning'

lint: ruff types floors  ## style, types, and who may import whom

ruff: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup
	$(BIN)/mypy

floors: setup
	$(BIN)/lint-imports

format: setup  ## put the code into its one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove the environment and every cache; results/ stays
	rm -rf .venv .venv-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
