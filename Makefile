# `make` alone lists the targets. Settings, each as NAME=value on the command line:
#   PYTHON    the interpreter to use        PYTHONS, PYTESTS  those of test-all
#   VENV      where to install              ARGS              passed on to pytest or to the script
#   PARALLEL  how the tests are spread over the cores; empty to run them one after the other

# Of each version the first that is what its name says and can make an environment, from the search path or from
# pyenv: a version manager's shim exists for every version, and fails for those that are not active; some systems ship
# Python without venv. The second argument is how many loops to leave once one is found: 2 for the first of all.
find-pythons = $(shell for version in $(1); do \
	for python in python$$version "$$(pyenv root 2>/dev/null)"/versions/$$version.*/bin/python; do \
	test "$$($$python -c 'import ensurepip, sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = $$version \
	&& echo $$python && break $(2); done; done)

# From 3.12 on the interpreter tells which functions run: the tests are quicker, and more of the code is tried.
PYTHON ?= $(call find-pythons,3.12 3.13 3.14 3.15 3.11,2)
PYTHONS ?= $(call find-pythons,3.11 3.12 3.13 3.14 3.15,1)
PYTESTS ?= 8 9

VENV ?= .venv
BIN := $(VENV)/bin
PYTEST ?= pytest
EXTRA ?= dev
ARGS ?=

# Tests that start processes wait for them: so there are half as many workers again as there are cores.
PARALLEL ?= -n $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))

# Where it is set, each run compiles all tests anew: four of the ten seconds of test-fast.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo docs package daemon test test-fast check check-others test-all test-edits test-sessions test-databases test-hosts differential \
	differential-sessions libraries plugins plugins-sessions worker-plugins bench mutants changes random-suites clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r target text; \
		do printf '  %-22s%s\n' "$$target" "$$text"; done

demo: $(VENV)/.installed-demo ## see it: cold and warm runs of tests that import pandas and friends
	$(BIN)/python -m scripts.demo $(ARGS)

docs: $(VENV)/.installed-docs ## build the documents as a site, in build/docs; a broken link is an error
	$(BIN)/python -m sphinx -W -n --keep-going -q -d build/doctrees docs build/docs $(ARGS)

package: $(VENV)/.installed-package ## build wheel and sdist in dist, check them, and write what the package needs to build/sbom.cdx.json
	rm -rf dist build/sbom && mkdir -p build
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/python -m venv build/sbom && build/sbom/bin/python -m pip install --quiet --disable-pip-version-check dist/*.whl
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o build/sbom.cdx.json build/sbom/bin/python
	rm -rf build/sbom

daemon: $(VENV)/.installed-$(EXTRA) ## run this project's daemon in the foreground
	$(BIN)/python -m pytest -p pytest_zygote --daemon $(ARGS)

test: $(VENV)/.installed-$(EXTRA) ## run the tests
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-fast: $(VENV)/.installed-$(EXTRA) ## run the unit tests, which start no process: ten seconds
	PYTEST_DAEMON_DISABLE=1 $(BIN)/python -m pytest -p pytest_zygote -n auto --ignore=tests/e2e -m 'not integration' --hypothesis-profile=fast $(ARGS)

# Patches are found by looks at all objects of a process: beside few other tests, that takes a quarter of the time.
EDITS := tests/adapters/patching

check: $(VENV)/.installed-dev ## the gate: format, lint, types, layers, tests, coverage
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL) $(EDITS)
	$(BIN)/coverage run -m pytest $(PARALLEL) --ignore=$(EDITS) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

check-others: $(VENV)/.installed-dev ## run a fast part of the tests on the other Pythons that are found
	$(BIN)/python -m scripts.other_pythons $(PYTHONS)

test-all: ## run the tests on every Python 3.11 to 3.15 found, with pytest 8 and 9
	@test -n "$(strip $(PYTHONS))" || { echo 'No Python 3.11 to 3.15 found; name them: PYTHONS="..."' >&2; exit 1; }
	@trap 'exit 130' INT; failed=; \
	for python in $(PYTHONS); do for pytest in $(PYTESTS); do \
		name=$$($$python -c 'import sys; print("python%d.%d" % sys.version_info[:2])')-pytest$$pytest; \
		echo "== $$name"; \
		$(MAKE) --no-print-directory test \
			PYTHON="$$python" PYTEST="pytest==$$pytest.*" EXTRA=test VENV=".venvs/$$name" \
			|| failed="$$failed $$name"; \
	done; done; \
	test -z "$$failed" || { echo "Failed:$$failed" >&2; exit 1; }

test-edits: $(VENV)/.installed-dev ## try every known kind of edit, and 2,000 random ones
	ZYGOTE_TEST_ALL_EDITS=1 $(BIN)/python -m pytest tests/e2e/test_edit_cases.py $(ARGS)
	$(BIN)/python -m scripts.edits

test-databases: $(VENV)/.installed-$(EXTRA) ## run the tests of Django's databases with all kinds of them
	ZYGOTE_TEST_ALL_DATABASES=1 $(BIN)/python -m pytest tests/e2e/test_django_databases.py $(ARGS)

test-hosts: $(VENV)/.installed-dev ## run the tests of hosts with all that may happen to them; needs sshd
	ZYGOTE_TEST_ALL_HOSTS=1 $(BIN)/python -m pytest tests/e2e/test_hosts.py tests/e2e/test_host_faults.py $(ARGS)

differential: $(VENV)/.installed-$(EXTRA) ## compare warm runs with plain pytest, result by result
	$(BIN)/python -m scripts.differential $(ARGS)

SESSIONS := PYTEST_DAEMON_SESSIONS=3 PYTEST_DAEMON_FORCE_SESSIONS=1

differential-sessions: $(VENV)/.installed-$(EXTRA) ## the same, with all runs from collected sessions that can be
	$(SESSIONS) $(BIN)/python -m scripts.differential $(ARGS)

test-sessions: $(VENV)/.installed-$(EXTRA) ## run the tests of terminal and surroundings from collected sessions
	$(SESSIONS) $(BIN)/python -m pytest tests/e2e/test_terminal.py tests/e2e/test_run_surroundings.py \
		--deselect tests/e2e/test_run_surroundings.py::test_runs_at_the_same_time_do_not_wait_for_each_other $(ARGS)

libraries: $(VENV)/.installed-$(EXTRA) ## try a hundred libraries plain and warm, and write docs/libraries.md: hours
	$(BIN)/python -m scripts.libraries $(ARGS)
	$(BIN)/python -m scripts.libraries --page

plugins: $(VENV)/.installed-$(EXTRA) ## run projects that use popular plugins and libraries, plain and warm
	$(BIN)/python -m scripts.plugins $(ARGS)

worker-plugins: $(VENV)/.installed-$(EXTRA) ## run projects that use plugins by our workers and by pytest-xdist's
	$(BIN)/python -m scripts.worker_plugins $(ARGS)

plugins-sessions: $(VENV)/.installed-$(EXTRA) ## the same, with all runs from collected sessions that can be
	$(SESSIONS) $(BIN)/python -m scripts.plugins $(ARGS)

bench: $(VENV)/.installed-$(EXTRA) ## measure cold, parallel and warm runs
	$(BIN)/python -m scripts.benchmark $(ARGS)

mutants: $(VENV)/.installed-$(EXTRA) ## check that --affected misses nothing: ARGS="FOLDER SOURCES --count 100 --exact"
	$(BIN)/python -m scripts.mutants $(ARGS)

changes: $(VENV)/.installed-$(EXTRA) ## change generated projects at random; --affected must leave out nothing: ARGS="--projects 200 --seed 1"
	$(BIN)/python -m scripts.changes $(ARGS)

random-suites: $(VENV)/.installed-$(EXTRA) ## compare what workers do in random suites with plain pytest: ARGS="--suites 200 --seed 1"
	$(BIN)/python -m scripts.random_suites $(ARGS)

clean: ## remove environments, caches and reports
	rm -rf .venv .venvs .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'No Python 3.11 or newer found; name one: PYTHON=...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One stamp for each extra; the names of the extras stand in pyproject.toml.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]' '$(PYTEST)'
	@touch $@
