# make demo | test | check       each sets up .venv first, once
# Another interpreter:  make test PYTHON=python3.12

PYTHON ?= python3
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
STAMP := .venv/.installed

# What `make demo` runs: one short search that needs no key and no model.
DEMO := $(BIN)/heuresis demo --storage sqlite:///demo.db

.PHONY: help setup demo test test-slow test-docker check bench

help:
	@echo "make demo       search for a bin packing rule for one minute; no key needed"
	@echo "make test       run the tests (make test-slow: those that take minutes; make test-docker: the docker jail)"
	@echo "make check      style, types, import rules, and the wheel installed away from this folder"
	@echo "make bench      list the benchmarks"
	@echo "make setup      only prepare .venv; the others do it by themselves"

setup: $(STAMP)

# The stamp holds the folder it was made in: a checkout that was copied or moved gets a fresh .venv, because the old one
# would run the code of the old place.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Heuresis needs Python 3.11 or newer, and '$(PYTHON)' is not that." \
	         "Name one that is: make PYTHON=python3.12" >&2; exit 1; }
	@if [ -f $(STAMP) ] && [ "$$(cat $(STAMP))" != "$$PWD" ]; then \
	    echo "This folder was copied or moved: making .venv anew."; rm -rf .venv; fi
	@if [ ! -x $(BIN)/python ]; then \
	    echo "Making .venv with $$($(PYTHON) --version)."; \
	    $(PYTHON) -m venv .venv || { rm -rf .venv; \
	        echo "'$(PYTHON) -m venv' does not work here; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; fi
	@echo "Installing Heuresis and its tools into .venv (a minute or two the first time)."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@printf '%s\n' "$$PWD" > $(STAMP)

demo: $(STAMP)
	@echo "Running: $(DEMO)"
	@$(DEMO)

test: $(STAMP)
	@echo "Running the tests."
	@$(BIN)/pytest -n auto --maxprocesses=4

# pytest ends with 5 when no test is marked slow, which is no failure.
test-slow: $(STAMP)
	@echo "Running the slow tests."
	@$(BIN)/pytest -n auto --maxprocesses=4 -m slow || [ $$? -eq 5 ]

# As root it starts a daemon of its own and builds the image; with DOCKER_HOST it uses those that are there. One test at
# a time: some compare the mounts and processes of the whole machine.
test-docker: $(STAMP)
	@echo "Running the tests of the docker jail."
	@BIN=$(BIN) .ci/docker.sh $(BIN)/pytest -m "slow or not slow" -k docker \
	    tests/sandbox/test_docker.py tests/sandbox/test_contract.py tests/attacks

check: $(STAMP)
	@echo "Style (ruff check)."
	@$(BIN)/ruff check --quiet
	@echo "Layout (ruff format; to repair: $(BIN)/ruff format)."
	@$(BIN)/ruff format --check --quiet
	@echo "Types (mypy)."
	@$(BIN)/mypy --strict -p heuresis
	@echo "Imports go down only (import-linter)."
	@$(BIN)/lint-imports
	@echo "The wheel, installed away from this folder."
	@$(BIN)/python tests/wheel_check.py

bench: $(STAMP)
	@echo "Benchmarks; run one with: $(BIN)/python benchmarks/NAME.py"
	@for file in benchmarks/*.py; do \
	    if [ -f "$$file" ]; then \
	        printf '  %-28s %s\n' "$$(basename "$$file" .py)" "$$(sed -n '1s/^"""\([^"]*\).*/\1/p' "$$file")"; fi; done
