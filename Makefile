# Needs Python 3.11 or later and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: export test test-all stress coverage long check format clean
# A .venv that could not be made to the end (no ensurepip, Ctrl-C) is made anew the next time.
.DELETE_ON_ERROR:

export: .venv/installed
	$(BIN)/feeds export

# More workers than the two cores this is meant for: many tests wait for daemons and servers.
WORKERS ?= 4
PYTEST := $(BIN)/pytest -n $(WORKERS)

# What coverage says of the data of processes that were killed as they wrote it.
HALF_WRITTEN := -W "ignore:Data file" -W "ignore:Couldn't use data file"

# The fast part, in at most three minutes. With COVERAGE=1, which takes about as long again: fails if
# fewer branches are run, in all processes, than ever.
test: .venv/installed-dev
ifdef COVERAGE
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) -m "not stress and not long"
	$(BIN)/python $(HALF_WRITTEN) -m coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage json -q -o build/coverage/report.json
	$(BIN)/python -m tools.branches build/coverage/report.json
else
	$(PYTEST) -m "not stress and not long"
endif

coverage:
	$(MAKE) test COVERAGE=1

# Most of these wait, so more of them fit beside each other. By files, since those of a file share a
# browser, a cluster or a server, which costs more than what a test does with it.
STRESS_WORKERS ?= 6
stress: .venv/installed-dev
	$(BIN)/pytest -n $(STRESS_WORKERS) --dist loadfile -m stress

# Compiles every module, which each process that runs tests would do by itself. The tests say what fails.
.PHONY: compiled
compiled: .venv/installed-dev
	-@$(BIN)/pytest --collect-only -q >/dev/null

# All but what takes long.
test-all: test stress

# Matrices of kills, ten times as many examples of each property, and a sample of mutants that the
# tests are to notice.
long: .venv/installed-dev
	$(PYTEST) -m long
	$(PYTEST) -m hypothesis --hypothesis-profile=long
	$(BIN)/python tools/mutants.py

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The pages of docs/ as a site with search; a broken link or an unlisted page is an error.
.PHONY: docs
docs: .venv/installed-docs
	$(BIN)/sphinx-build -W --keep-going -q -j auto -d build/doctrees docs build/docs

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv out .feeds

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "feeds needs Python 3.11 or later; name one with: make PYTHON=...")'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/installed-dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch .venv/installed $@

.venv/installed-docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch .venv/installed $@
