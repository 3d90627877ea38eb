#!/usr/bin/env bash
# Sets up what `make demo` and `make test` need: .venv with the package and its tools.
#   bash .ci/setup.sh            the Python environment
#   bash .ci/setup.sh window     and the system libraries of a window on the screen that is there
#   bash .ci/setup.sh virtual    and, for the tests, those of a virtual screen and the other Qt binding
# PYTHON=/path/to/python chooses the interpreter. Once done, it is skipped: the stamp in .venv says for what it was done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

candidates="python3.13 python3.12 python3.11 python3"
venv=".venv"
stamp="$venv/set-up-for"   # written last, so an interrupted set-up has none
owner="$venv/made-by-make" # written first, so that nobody else's environment is ever removed
log="$venv/set-up.log"
# The other Qt binding, for the tests alone. Beside the packages, not among them: who does not ask for it never loads it.
pyqt6="$venv/pyqt6"

# The window's system libraries, as the loader and as Debian name them; napari needs a real OpenGL.
window_libraries="libglib-2.0.so.0      libglib2.0-0
libGL.so.1            libgl1
libEGL.so.1           libegl1
libfontconfig.so.1    libfontconfig1
libdbus-1.so.3        libdbus-1-3
libxkbcommon.so.0     libxkbcommon0
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libxcb-cursor.so.0    libxcb-cursor0
libxcb-icccm.so.4     libxcb-icccm4
libxcb-keysyms.so.1   libxcb-keysyms1
libxcb-shape.so.0     libxcb-shape0"
screen_packages="libgl1-mesa-dri fonts-dejavu-core"

say() { printf '%s\n' "$*"; }
stop() {
  printf 'set-up stopped: %s\n' "$*" >&2
  exit 1
}

is_root_on_debian() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_install() {
  say "Installing system packages: $*"
  local output
  output="$(mktemp)"
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } \
    >"$output" 2>&1; then
    cat "$output" >&2
    rm -f "$output"
    stop "apt-get could not install $*; what it said stands above"
  fi
  rm -f "$output"
}

# --- Python --------------------------------------------------------------------------------------

# A command of that name may be a wrapper that does not start, or a Python without venv: only running it tells.
is_new_enough() { "$1" -c "import sys; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1; }
is_usable() { is_new_enough "$1" && "$1" -c "import ctypes, ensurepip, ssl, venv" >/dev/null 2>&1; }

each_candidate() {
  local name
  for name in $candidates; do type -aP "$name" || true; done
}

find_python() {
  local candidate
  while read -r candidate; do
    if is_usable "$candidate"; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done < <(each_candidate)
  return 1
}

any_is_new_enough() {
  local candidate
  while read -r candidate; do
    if is_new_enough "$candidate"; then return 0; fi
  done < <(each_candidate)
  return 1
}

choose_python() {
  find_or_stop
  python="$("$python" -c 'import sys; print(sys.executable)')" # past any wrapper
}

find_or_stop() {
  if [ -n "${PYTHON:-}" ]; then
    is_usable "$PYTHON" || stop "expected PYTHON=$PYTHON to be a Python 3.11 or newer with venv, found that it is not or does not start"
    python="$PYTHON"
    return
  fi
  if python="$(find_python)"; then return; fi
  if any_is_new_enough; then
    if is_root_on_debian; then
      apt_install python3-venv
      if python="$(find_python)"; then return; fi
    fi
    stop "Python is there but its venv module is not; install it (Debian, Ubuntu: apt-get install python3-venv) and run make again"
  fi
  stop "expected Python 3.11 or newer, found none that starts; install it (Debian, Ubuntu: apt-get install python3 python3-venv; Windows, macOS: from python.org) or name one: make PYTHON=/path/to/python3.12"
}

# --- The environment -----------------------------------------------------------------------------

describe() {
  "$python" -c 'import sys; print(getattr(sys, "_base_executable", sys.executable), sys.version)' | tr '\n' ' '
  printf '\n%s\n' "$PWD"
  cksum pyproject.toml setup.py .ci/setup.sh
}

is_set_up() {
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$venv/bin/python" - >/dev/null 2>&1 <<'PY'
import sys
from importlib.util import find_spec
needed = ("napari_metime", "numpy", "scipy", "napari", "PySide6", "pytest", "mypy", "npe2", "build")
sys.exit(not all(find_spec(name) for name in needed))
PY
}

make_room() {
  if [ -e "$venv" ] && [ ! -f "$owner" ] && "$venv/bin/python" -c "" >/dev/null 2>&1; then
    stop "expected to make $venv here, found a working environment that make did not make; move it away"
  fi
  rm -rf "$venv"
  mkdir "$venv"
  touch "$owner"
}

install() {
  "$python" -m venv "$venv" &&
    "$venv/bin/python" -m pip install --upgrade pip &&
    "$venv/bin/python" -m pip install --editable ".[gui,dev]"
}

set_up_environment() {
  wanted="$(describe)"
  if is_set_up; then
    say "The environment in $venv is up to date."
    return
  fi
  make_room
  say "Making the environment in $venv with $("$python" --version) ($python)."
  say "Installing napari-metime, napari and the test tools: one to five minutes, mostly downloads."
  if ! install >"$log" 2>&1; then
    cat "$log" >&2
    stop "the packages could not be installed; what pip said stands above"
  fi
  printf '%s\n' "$wanted" >"$stamp"
  say "The environment is ready."
}

set_up_second_binding() {
  local wanted='PyQt6>=6.5,!=6.6.1' wanted_qt='PyQt6-Qt6!=6.11.0,!=6.11.1' # as napari's extra "pyqt6" asks
  if [ -f "$pyqt6/complete" ]; then return; fi
  say "Installing PyQt6 into $pyqt6, for the tests alone: about 95 MB to download."
  rm -rf "$pyqt6"
  if ! "$venv/bin/python" -m pip install --target "$pyqt6" "$wanted" "$wanted_qt" >"$log" 2>&1; then
    cat "$log" >&2
    stop "PyQt6 could not be installed; what pip said stands above"
  fi
  touch "$pyqt6/complete" # last, so that half of it is made anew
}

# --- System libraries ----------------------------------------------------------------------------

missing_packages() {
  "$python" - "$window_libraries" <<'PY'
import ctypes, sys
for line in sys.argv[1].split("\n"):
    library, package = line.split()
    try:
        ctypes.CDLL(library)
    except OSError:
        print(package, end=" ")
PY
  if [ "$1" = virtual ]; then
    command -v Xvfb >/dev/null || printf 'xvfb '
  fi
}

set_up_libraries() {
  [ "$(uname -s)" = Linux ] || return 0
  local missing
  missing="$(missing_packages "$1")"
  [ -n "$missing" ] || return 0
  # shellcheck disable=SC2086  # one word per package
  is_root_on_debian || stop "system libraries of the window are missing; install them, by Debian's names: apt-get install $missing$screen_packages"
  # shellcheck disable=SC2086
  apt_install $missing $screen_packages
  missing="$(missing_packages "$1")"
  [ -z "$missing" ] || stop "still missing after the installation: $missing"
}

choose_python
if [ $# -gt 0 ]; then set_up_libraries "$1"; fi
set_up_environment
if [ "${1:-}" = virtual ]; then set_up_second_binding; fi
