# Two commands need nothing but Python 3.11 to 3.13, git, make and OpenSSH: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# No tool of ours or of others phones home.
export DO_NOT_TRACK := 1
export DBT_ENGINE_SEND_ANONYMOUS_USAGE_STATS := false
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# The stamps make a second run reuse what is there.
$(VENV)/.installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# Many processes follow; each would compile our modules again where Python may not keep the result.
	@$(BIN)/python -m compileall -q tellerline activation ingestion orchestration sandbox demo
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: install install-dev
install: $(VENV)/.installed ## Make .venv from the lock
install-dev: $(VENV)/.installed-dev ## Add the tools of CI to .venv

.PHONY: lint lint-python lint-sql
lint: install-dev ## ruff, mypy, import-linter, sqlfluff
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint-python lint-sql

lint-python: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-sql: install-dev
	$(BIN)/sqlfluff lint models tests/assertions macros --processes 2

.PHONY: lock
lock: ## Resolve the dependencies again (needs uv)
	uv lock --quiet
	uv export --quiet --no-emit-project --no-header --no-annotate --no-group dev --group build --output-file requirements.lock
	uv export --quiet --no-emit-project --no-header --no-annotate --only-group dev --output-file requirements-dev.lock

.PHONY: clean
clean: ## Remove what a build made (state under .tellerline and .demo stays)
	rm -rf target dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.PHONY: demo demo-next-day dagster docs
demo: install ## Simulated feeds become approved audiences at two destinations
	@$(BIN)/python -m demo

demo-next-day: install ## One more day of feeds; only what changed is sent
	@$(BIN)/python -m demo --next-day

dagster: install ## Open the graph of the last demo on http://127.0.0.1:3000
	@$(BIN)/python -m demo.opened $(BIN)/dagster dev

docs: install ## Open dbt docs of the last demo on http://127.0.0.1:8080
	@$(BIN)/python -m demo.opened $(BIN)/dbt docs generate --selector everything
	@$(BIN)/python -m demo.opened $(BIN)/dbt docs serve --host 127.0.0.1

.PHONY: test test-python breadth campaign bench
test: lint test-python ## Lint, types, imports, dbt build with its tests, and each promise in pytest

test-python: install-dev ## pytest; the dbt project is built with unit and data tests on the way
	@$(BIN)/python -m pytest -n 3 --dist loadscope -m "not campaign and not breadth" -q

breadth: install-dev ## The same promises at many more points: mutants, kills, faults, late files
	@$(BIN)/python -m pytest -n 3 --dist loadscope -m "breadth and not campaign" -q

campaign: install-dev ## Long fault campaigns
	@$(BIN)/python -m pytest -n 2 -m campaign

bench: install-dev ## The figures, each with its baseline from the same run
	@$(BIN)/python -m benchmarks
