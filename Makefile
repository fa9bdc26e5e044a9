# `make help` lists what there is. Paths are relative, so a checkout may have spaces in its name.
# Variables may be given on the command line: make run PORT=8001, make demo REPO="/a/checkout /another".

PYTHON ?= python3
BIN := .venv/bin
PACKAGES := config accounts sync openhumans_client github_client sandbox tests
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help bench audit costs faults bootstrap bootstrap-dev run demo test browser screenshots lint load requirements clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1|\2/p' Makefile | \
		while IFS='|' read -r target text; do printf '%-22s %s\n' "$$target" "$$text"; done

bootstrap:  ## make .venv and install what `run` and `demo` need
	@$(PYTHON) config/run/bootstrap.py local

bootstrap-dev:  ## the same, and what `test` needs
	@$(PYTHON) config/run/bootstrap.py dev

run: bootstrap  ## start everything and print the URL; PORT=8001 and REPO="/a/checkout" may be given
	@exec $(BIN)/python -m config.run service

demo: bootstrap  ## the whole job without a person, on the history of REPO (default: this checkout)
	@exec $(BIN)/python -m config.run demo

lint: bootstrap-dev  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m config.run servers -- mypy $(PACKAGES)
	$(BIN)/lint-imports

test: lint  ## lint, migrations check, and all tests on real Postgres and Valkey
	$(BIN)/python -m config.run servers -- \
		sh -c 'python manage.py makemigrations --check --dry-run && python -m pytest -n 3'

browser: bootstrap-dev  ## every page in every state, and the main job, in a real Chromium
	$(BIN)/python -m config.run servers -- python -m pytest tests/browser/test_main_job.py \
		tests/browser/check_pages.py tests/browser/check_touch.py

faults: bootstrap-dev  ## the long fault drills: kill, restart, break, and compare; SEED=4711 plays one again, WRITE=1 keeps the table in docs/faults.md
	FAULTS=long $(BIN)/python -m config.run servers -- python -m pytest -n 2 --maxschedchunk 1 tests/faults

screenshots: bootstrap-dev  ## take the pictures in docs/screenshots again
	$(BIN)/python -m config.run servers -- python -m pytest tests/browser/pictures.py

costs: bootstrap-dev  ## measure what syncing costs and write it into the README
	$(BIN)/python -m config.run servers -- python -m tests.benchmarks.costs --write

bench: bootstrap-dev  ## cost, speed, memory and scale into docs/benchmarks.md; ONLY=cost for one part
	env -u DATABASE_URL -u REDIS_URL $(BIN)/python -m config.run servers -- \
		python -m tests.benchmarks.bench --write $(if $(ONLY),--only $(ONLY))

# Tools that must not stand beside the service's own packages.
.venv-%/installed: requirements/%.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-$*
	$(BIN)/uv pip install --quiet --python .venv-$*/bin/python --require-hashes -r $<
	@touch $@

load: bootstrap-dev .venv-load/installed  ## 200 members look at their dashboards while 50 are synced, for 90 seconds; WRITE=1 keeps the table in docs/load.md
	$(BIN)/python -m tests.load $(if $(WRITE),--write)

audit: bootstrap-dev .venv-audit/installed  ## known weaknesses of what is pinned, where that can be asked
	$(BIN)/python -m config.run.audit .venv-audit/bin/pip-audit requirements/base.txt requirements/local.txt

requirements: bootstrap-dev  ## pin the newest allowed packages, with hashes
	echo 'uv' | $(COMPILE) --upgrade -o requirements/bootstrap.txt -
	echo 'locust' | $(COMPILE) --upgrade -o requirements/load.txt -
	echo 'pip-audit' | $(COMPILE) --upgrade -o requirements/audit.txt -
	$(COMPILE) --upgrade -o requirements/base.txt pyproject.toml
	$(COMPILE) --upgrade --extra local -c requirements/base.txt -o requirements/local.txt pyproject.toml
	$(COMPILE) --upgrade --extra local --extra dev -c requirements/local.txt -o requirements/dev.txt pyproject.toml

clean:  ## remove .venv and caches; the data folder stays
	rm -rf .venv .venv-audit .venv-load .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -not -path './.data/*' -prune -exec rm -rf {} +
