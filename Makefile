# make demo    set everything up and run the main job on the bundled sample
# make test    set everything up and run the tests
# make lint    ruff and mypy
.PHONY: demo test lint setup screenshots clean
SHELL := /bin/bash
PY := .venv/bin/python
OUT ?= demo-out
# Two files of tests at a time; TOGETHER= runs one after the other.
TOGETHER ?= -n 2 --dist loadfile
# A display of our own for tests and screenshots: the same everywhere, and no window pops up.
XVFB := QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 1600x1000x24"

demo:
	@scripts/setup.sh all
	@.venv/bin/napari-unet demo --out $(OUT) $(if $(DISPLAY)$(WAYLAND_DISPLAY),,--headless)

setup:
	@scripts/setup.sh dev

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PY) -m mypy

test: lint
	@if command -v xvfb-run >/dev/null; then $(XVFB) $(PY) -m pytest $(TOGETHER) -m "not slow and not gpu" $(ARGS); \
	else $(PY) -m pytest $(TOGETHER) -m "not slow and not gpu" $(ARGS); fi

screenshots: setup
	@$(XVFB) $(PY) scripts/screenshots.py

clean:
	rm -rf .venv build dist demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis
