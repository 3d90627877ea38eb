#!/usr/bin/env bash
# Runs a command under a virtual screen of its own, with napari's settings in a temporary folder:
#   bash .ci/virtual_screen.sh COMMAND...
# Not on Linux (macOS) there is no virtual screen and the command gets the screen that is there.
set -euo pipefail

scratch="$(mktemp -d)"
server=""
clean_up() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 143' TERM HUP

if [ "$(uname -s)" = Linux ]; then
  # The server picks a free display number itself, so runs side by side do not collide.
  Xvfb -displayfd 3 -screen 0 1600x1000x24 -dpi 96 +extension GLX +render -noreset -nolisten tcp \
    3>"$scratch/display" >"$scratch/log" 2>&1 &
  server=$!
  for _ in $(seq 100); do
    if [ -s "$scratch/display" ] || ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
  done
  if [ ! -s "$scratch/display" ]; then
    cat "$scratch/log" >&2
    echo "the virtual screen did not start; what Xvfb said stands above" >&2
    exit 1
  fi
  DISPLAY=":$(tr -d '[:space:]' <"$scratch/display")"
  export DISPLAY
  export QT_QPA_PLATFORM=xcb      # 'offscreen' has no OpenGL, which the canvas needs
  export LIBGL_ALWAYS_SOFTWARE=1  # the same renderer on every machine
  unset WAYLAND_DISPLAY
  mkdir -m 700 "$scratch/runtime"
  export XDG_RUNTIME_DIR="$scratch/runtime"
fi
export NAPARI_CONFIG="$scratch/napari/settings.yaml" # a user's settings neither change the tests nor are changed
export NAPARI_ASYNC=0
"$@"
