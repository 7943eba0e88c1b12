# `make demo` and `make test` set everything up by themselves; PYTHON=... names another interpreter.
.PHONY: help setup setup-test demo test lint types lock bench-emulator bench-load bench-sync bench-marts bench-search bench-answers bench-writes docs metrics freshness
PY := .venv/bin/python
UV = $(shell command -v uv || echo .venv/bin/uv)
export DO_NOT_TRACK := 1
# Python keeps what it compiles, whatever is set here: compiling Dagster and dbt at each start takes seconds.
export PYTHONDONTWRITEBYTECODE :=

help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## make .venv with everything that runs
	@deploy/setup

setup-test:
	@deploy/setup test

demo: setup ## the whole system on this machine, with sample data; Ctrl-C stops it
	@$(PY) -m playground.demo

docs: setup ## dbt's documentation of every model and column, as one page that opens without internet
	@$(PY) -m pipelines.documentation

freshness: setup ## how long ago each source of dbt was looked at, against its limit
	@$(PY) -m pipelines.freshness

metrics: setup-test ## ask MetricFlow (ARGS='query --metrics booking_rate --group-by campaign')
	@$(PY) -m pipelines.metrics $(ARGS)

lint: setup-test ## style, rooms, SQL
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/sqlfluff lint --processes 2 --disable-progress-bar dbt_project

types: setup-test ## strict types
	.venv/bin/mypy

test: setup-test ## everything that CI checks
	@$(MAKE) --no-print-directory --jobs=2 lint types
	$(PY) -m pytest

bench-emulator: setup-test ## pages a second of the Airtable emulator
	@$(PY) -m benchmarks.emulator

bench-load: setup-test ## a whole sync: seconds, records a second, CPU, memory (ARGS='--leads 100000 --rate 5')
	@$(PY) -m benchmarks.full_load $(ARGS)

bench-sync: setup-test ## full loads beside other tools, looks, changes, bursts (ARGS='--part changes')
	@$(PY) -m benchmarks.sync $(ARGS)

bench-marts: setup-test ## builds, changed cycles and answers at 11,046 to 300,000 leads (ARGS='--leads 11046')
	@$(PY) -m benchmarks.marts $(ARGS)

bench-search: setup-test ## typed search over 100,000 leads, by kind of what is typed (ARGS='--leads 10000')
	@$(PY) -m benchmarks.search $(ARGS)

bench-answers: setup-test ## 50 people ask at once over 100,000 leads; cold start (ARGS='--leads 10000 --seconds 20')
	@$(PY) -m benchmarks.answers $(ARGS)

bench-writes: setup-test ## from storing a write to done, Airtable answering in 200 ms (ARGS='--writes 20')
	@$(PY) -m benchmarks.writes $(ARGS)

lock: setup-test ## renew the lock files within the ranges of pyproject.toml
	$(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --group build pyproject.toml -o requirements.lock
	$(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --constraint requirements.lock --group test --group metrics -o requirements-test.lock
