# The two commands, explained in README.md; what they do stands in .ci/.
# make PYTHON=/path/to/python3.12 ... chooses the interpreter.

bin := .venv/bin
parts := test-window test-rest test-pyqt6

.DEFAULT_GOAL := help
.PHONY: help demo test $(parts) clean

help:
	@echo "make demo    set up, then run the main job on the built-in section;"
	@echo "             opens napari where there is a screen, writes demo_results/ everywhere"
	@echo "make test    set up, then run ruff, mypy and all tests, those of the window on a virtual screen;"
	@echo "             the click path with both Qt bindings, PySide6 and PyQt6"
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
	@echo "Running the tests (pytest), two parts at a time: the window on a virtual screen, the rest, the window with PyQt6."
	@$(MAKE) --no-print-directory --keep-going -j2 $(parts)

$(parts): test-%:
	@bash .ci/tests.sh $*

clean:
	rm -rf .venv build dist demo_results napari_metime.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find napari_metime tests -name __pycache__ -type d -prune -exec rm -rf {} +
