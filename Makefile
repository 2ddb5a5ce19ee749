# Every command of the project. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
export UV_LINK_MODE := copy
export UV_COMPILE_BYTECODE := 1
export UV_PROJECT_ENVIRONMENT := $(VENV)

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Palimpsest needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "python3-venv is missing: apt-get install python3-venv"; exit 2; }
	@echo "· creating the virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9

# --inexact: uv itself lives in the environment and is no dependency of the project.
$(VENV)/.runtime: uv.lock pyproject.toml | $(UV)
	@echo "· installing the locked dependencies"
	@$(UV) sync --quiet --locked --inexact --no-default-groups --python $(BIN)/python
	@touch $@

$(VENV)/.dev: uv.lock pyproject.toml | $(UV)
	@echo "· installing the locked dependencies, those for development too"
	@$(UV) sync --quiet --locked --inexact --group dev --python $(BIN)/python
	@touch $(VENV)/.runtime $@

# Building Temporal takes minutes where it cannot be downloaded: no test shall wait for that.
$(VENV)/.temporal: palimpsest/devstack/temporal_binary.py | $(VENV)/.dev
	@$(BIN)/python -m palimpsest.devstack.temporal_binary > /dev/null
	@touch $@

.PHONY: setup
setup: $(VENV)/.dev $(VENV)/.temporal ## Create the virtual environment with every locked dependency, and get Temporal

.PHONY: up
up: $(VENV)/.runtime ## Start the embedded stack and the proxy in the foreground
	@exec $(BIN)/palimpsest up

.PHONY: lint
lint: $(VENV)/.dev ## ruff, pyright strict and the import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo --no-cache
	@$(BIN)/pyright

.PHONY: format
format: $(VENV)/.dev ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: unit
unit: $(VENV)/.dev # Only what is quick
	@$(BIN)/pytest tests/unit -n 2 -m "not long"

.PHONY: check
check: $(VENV)/.dev ## Lint, and run the quick tests, which need no server, in under 90 s
	@$(MAKE) --no-print-directory -j 2 lint unit

# More workers than cores: most tests wait. Those marked `alone` need the machine for themselves.
.PHONY: test
test: WORKERS = 5
test: $(VENV)/.dev $(VENV)/.temporal ## Run the whole test suite, with WORKERS=5 side by side
	@status=0; \
	$(BIN)/pytest -n $(WORKERS) -m "not alone" || status=$$?; \
	$(BIN)/pytest -m alone || status=$$?; \
	exit $$status

.PHONY: bench
bench: $(VENV)/.dev ## Measure direct, bare workflow, Palimpsest and LiteLLM side by side
	@$(BIN)/python -m harness.bench

.PHONY: eval
eval: DATA = ../shared/data
eval: $(VENV)/.dev ## Replay the sessions in DATA=../shared/data and compare ways of keeping them short
	@$(BIN)/python -m harness.eval --data "$(DATA)"

.PHONY: marathon
marathon: TOKENS = 5000000
marathon: $(VENV)/.dev ## Let scripted conversations grow to TOKENS=5000000 of history, on two models
	@$(BIN)/python -m harness.marathon --tokens $(TOKENS)

.PHONY: chaos
chaos: SECONDS = 60
chaos: SEED = 1
chaos: $(VENV)/.dev ## Kill everything at random for SECONDS=60 SEED=1 and count what was lost
	@$(BIN)/python -m harness.chaos --seconds $(SECONDS) --seed $(SEED)

.PHONY: soak
soak: SECONDS = 1800
soak: SEED = 1
soak: $(VENV)/.dev ## Let clients behave badly for SECONDS=1800: memory flat, no bug, nothing lost
	@$(BIN)/python -m harness.soak --seconds $(SECONDS) --seed $(SEED)

.PHONY: replay
replay: $(VENV)/.runtime ## Replay the history of request ID=… against the working tree
	@test -n "$(ID)" || { echo "usage: make replay ID=<request id>"; exit 2; }
	@$(BIN)/palimpsest replay "$(ID)"

.PHONY: lock
lock: | $(UV) ## Lock the dependencies; UPGRADE=--upgrade takes newer ones
	@$(UV) lock --quiet $(UPGRADE)
