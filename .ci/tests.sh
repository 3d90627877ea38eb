#!/usr/bin/env bash
# Runs one part of the tests. Parts may run side by side, so each line begins with the name of its part.
#   bash .ci/tests.sh window    those of the window, with PySide6, on a virtual screen
#   bash .ci/tests.sh pyqt6     the click path and the threads behind it once more, with the other Qt binding
#   bash .ci/tests.sh rest      all others
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=".venv/bin/python"
# Threads of OpenMP wait for each other in a loop: beside another process they take the core that it needs.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

window() { QT_API=pyside6 bash .ci/virtual_screen.sh "$python" -m pytest tests/gui; }

pyqt6() {
  PYTHONPATH="$PWD/.venv/pyqt6" QT_API=pyqt6 bash .ci/virtual_screen.sh "$python" -m pytest \
    tests/gui/test_binding.py tests/gui/test_click_path.py tests/gui/test_worker.py
}

rest() { "$python" -m pytest --ignore=tests/gui; }

case "${1:-}" in
window | pyqt6 | rest) "$1" 2>&1 | while IFS= read -r line || [ -n "$line" ]; do printf '%-6s | %s\n' "$1" "$line"; done ;;
*) echo "expected window, pyqt6 or rest, found '${1:-}'" >&2 && exit 2 ;;
esac
