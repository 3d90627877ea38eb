# The two commands, explained in README.md; what they do stands in .ci/.
# make PYTHON=/path/to/python3.12 ... chooses the interpreter.

bin := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test clean

help:
	@echo "make demo    set up, then run the main job on the built-in section;"
	@echo "             opens napari where there is a screen, writes demo_results/ everywhere"
	@echo "make test    set up, then run ruff, mypy and all tests, those of the window on a virtual screen"
	@echo "make clean   remove what the two made in this folder"
	@echo "PYTHON=...   after any of them chooses the interpreter (3.11 or newer)"

demo:
	@bash .ci/setup.sh $(if $(DISPLAY)$(WAYLAND_DISPLAY),window)
	@echo "Running the main job on the built-in section."
	@$(bin)/napari-metime demo --out "$(CURDIR)/demo_results"

test:
	@bash .ci/setup.sh virtual
	@echo "Checking style (ruff)."
	@$(bin)/ruff check napari_metime tests
	@echo "Checking types (mypy)."
	@$(bin)/mypy
	@echo "Running the tests (pytest), those of the window on a virtual screen."
	@bash .ci/virtual_screen.sh $(bin)/python -m pytest

clean:
	rm -rf .venv build dist demo_results napari_metime.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find napari_metime tests -name __pycache__ -type d -prune -exec rm -rf {} +
