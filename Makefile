# Everything that people and CI call. Each target makes the environment in .venv if it is missing.
.DEFAULT_GOAL := help
.PHONY: help dbt demo test test-fast lint format lock bench services-up services-down services-status clean

PYTHON ?= python3
BIN := .venv/bin

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: .venv/ready ## simulate a small shop, land it, build and check all models, write the report
	@$(BIN)/run demo

test: .venv/ready ## all tests, on real Spark and Delta, in two processes
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: .venv/ready ## the tests that start neither Spark nor dbt nor a browser: seconds
	$(BIN)/python -m pytest -m "not spark and not dbt and not browser"

lint: .venv/ready ## style, types and the form of the SQL, as CI checks them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfmt --check --no-progressbar models macros

format: .venv/ready ## put Python and SQL into their form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfmt --no-progressbar models macros

bench: .venv/ready ## measure 1,000,000 sessions end to end (about 15 minutes); see benchmarks/README.md
	$(BIN)/python benchmarks/end_to_end.py

services-up: .venv/ready ## start HBase and a MongoDB emulator on this machine, for --target stores (fetched once: 85 MB)
	@$(BIN)/python -m services up

services-down: .venv/ready ## stop them; their data stay in target/services
	@$(BIN)/python -m services down

services-status: .venv/ready ## say what runs, where, and where the logs are
	@$(BIN)/python -m services status

dbt: .venv/ready ## make the environment with dbt Core that tests and benchmarks compare with (the tests make it, too)
	@PYTHON=$(BIN)/python scripts/dbt-environment

lock: ## renew the lock files from pyproject.toml and tests/dbt/requirements.in (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --output-file requirements.lock
	uv pip compile tests/dbt/requirements.in --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --output-file tests/dbt/requirements.lock
	uv pip compile tests/browser/requirements.in --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --output-file tests/browser/requirements.lock
	uv pip compile tests/orchestrators/requirements.in --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --output-file tests/orchestrators/requirements.lock

clean: ## remove what was generated: data, warehouse, target; stops the servers, whose data are in target
	@if [ -d target/services ]; then $(BIN)/python -m services down; fi
	rm -rf data warehouse target

.venv/ready: requirements.lock pyproject.toml scripts/environment
	@PYTHON="$(PYTHON)" scripts/environment
	@touch $@
