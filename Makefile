# Every command of the project. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_LINK_MODE := copy
export UV_COMPILE_BYTECODE := 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Palimpsest needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "python3-venv is missing: apt-get install python3-venv"; exit 2; }
	@echo "· creating the virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==0.13.9

$(VENV)/.runtime: requirements.txt pyproject.toml | $(BIN)/uv
	@echo "· installing the pinned dependencies"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --requirements requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "· installing the pinned development dependencies"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --requirements requirements-dev.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/.dev ## Create the virtual environment with every pinned dependency

.PHONY: up
up: $(VENV)/.runtime ## Start the embedded stack and the proxy in the foreground
	@exec $(BIN)/palimpsest up

.PHONY: lint
lint: $(VENV)/.dev ## ruff and pyright strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright

.PHONY: format
format: $(VENV)/.dev ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: test
test: $(VENV)/.dev ## Run the whole test suite
	@$(BIN)/pytest

.PHONY: bench
bench: $(VENV)/.dev ## Measure direct, bare workflow, Palimpsest and LiteLLM side by side
	@$(BIN)/python -m bench

.PHONY: eval
eval: DATA = ../shared/data
eval: $(VENV)/.dev ## Replay the sessions in DATA=../shared/data and compare ways of keeping them short
	@$(BIN)/python -m eval --data "$(DATA)"

.PHONY: marathon
marathon: TOKENS = 5000000
marathon: $(VENV)/.dev ## Let scripted conversations grow to TOKENS=5000000 of history, on two models
	@$(BIN)/python -m tests.endless --tokens $(TOKENS)

.PHONY: chaos
chaos: SECONDS = 60
chaos: SEED = 1
chaos: $(VENV)/.dev ## Kill everything at random for SECONDS=60 SEED=1 and count what was lost
	@$(BIN)/python -m chaos --seconds $(SECONDS) --seed $(SEED)

.PHONY: replay
replay: $(VENV)/.runtime ## Replay the history of request ID=… against the working tree
	@test -n "$(ID)" || { echo "usage: make replay ID=<request id>"; exit 2; }
	@$(BIN)/palimpsest replay "$(ID)"

.PHONY: lock
lock: | $(BIN)/uv ## Pin the dependencies; UPGRADE=--upgrade takes newer ones
	@$(BIN)/uv pip compile --quiet --no-header --generate-hashes $(UPGRADE) pyproject.toml --output-file requirements.txt
	@$(BIN)/uv pip compile --quiet --no-header --generate-hashes pyproject.toml --extra dev --constraints requirements.txt --output-file requirements-dev.txt
