# make demo    the plugin at work on the sample run (without a display: pictures and files in demo/)
# make test    the tests, those of the real window included, on all processors; ARGS="tests/core -k cosine" for some of them
# make test-all    with the expensive ones, more random cases, and in random order
# make test-pyside6    those that must hold with every Qt binding, with PySide6 instead of PyQt6
# make check   ruff, mypy, import-linter
# make bench   side by side with nilearn (ARGS=--full for the large run too, ARGS=--help for more)
# make clean   removes what the other commands made, except .venv and .venv-pyside6; make distclean removes those too
#
# PYTHON=… chooses the interpreter these are made with; otherwise the first Python >= 3.11 found is taken.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYSIDE6 := .venv-pyside6
PYTHON ?=
ARGS ?=

# The demo and the benchmarks open real windows: on a screen of their own, so that none pops up on yours.
ifeq ($(shell uname -s),Linux)
OWN_SCREEN := env -u WAYLAND_DISPLAY QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24"
endif

# Tests open windows on screens that they start themselves. One process a processor, one thread a process: more would wait
# for each other.
OWN_SCREENS := env -u DISPLAY -u WAYLAND_DISPLAY
TESTS := $(OWN_SCREENS) $(BIN)/python -m pytest
WORKERS := --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

.PHONY: demo test test-all test-pyside6 check bench clean distclean

demo: $(VENV)/.plugin
ifneq ($(DISPLAY)$(WAYLAND_DISPLAY),)
	tools/display-libraries
	$(BIN)/python -m tools.demo $(ARGS)
else
	tools/display-libraries xvfb xauth
	$(OWN_SCREEN) $(BIN)/python -m tools.demo --pictures demo $(ARGS)
endif

test: $(VENV)/.tools
	tools/display-libraries xvfb
ifeq ($(ARGS),)
	$(ONE_THREAD) $(TESTS) $(WORKERS) -m "not nightly and not alone"
	$(TESTS) -m "alone and not nightly"
else
	$(TESTS) $(ARGS)
endif

test-all: $(VENV)/.tools
	tools/display-libraries xvfb
	HYPOTHESIS_PROFILE=nightly $(ONE_THREAD) $(TESTS) $(WORKERS) -p randomly -m "not alone" $(ARGS)
	HYPOTHESIS_PROFILE=nightly $(TESTS) -p randomly -m alone $(ARGS)

# Only files that have such tests: others need what is not installed there, nilearn for one.
test-pyside6: $(PYSIDE6)/.tools
	tools/display-libraries xvfb
	QT_API=pyside6 $(ONE_THREAD) $(OWN_SCREENS) $(PYSIDE6)/bin/python -m pytest $(WORKERS) -m bindings $(ARGS) \
		$$(grep --recursive --files-with-matches --include='test_*.py' 'mark\.bindings' tests)

check: $(VENV)/.tools
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.tools
	tools/display-libraries xvfb xauth
	$(OWN_SCREEN) $(BIN)/python -m benchmarks $(ARGS)

# Each stamp is newer than pyproject.toml when what that file asks for is installed.
$(VENV)/.plugin: pyproject.toml
	tools/make-venv $(VENV) $(PYTHON)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[pyqt6]'
	touch $@

$(VENV)/.tools: $(VENV)/.plugin
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	touch $@

$(PYSIDE6)/.tools: pyproject.toml
	tools/make-venv $(PYSIDE6) $(PYTHON)
	$(PYSIDE6)/bin/python -m pip install --quiet --disable-pip-version-check --group window --editable '.[pyside6]'
	touch $@

clean:
	rm -rf build dist demo *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './$(PYSIDE6)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) $(PYSIDE6)
