#!/usr/bin/env bash
# Set up everything that `make demo` and `make test` need, and nothing twice:
# system libraries (Debian, by apt, only the missing ones), a virtual environment in .venv, the package in it.
#   TORCH_INDEX=<address>  take torch from this package index (for example PyTorch's CPU or CUDA index)
set -euo pipefail
cd "$(dirname "$0")/.."
extra=${1:-all}

say() { printf '%s\n' "$*" >&2; }

system_libraries() {
    command -v dpkg-query >/dev/null 2>&1 || return 0 # not Debian: Qt's own requirements apply
    local wanted=(xvfb xauth libfontconfig1 fonts-dejavu-core libglib2.0-0 libgl1 libegl1 libgl1-mesa-dri
        libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4
        libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0
        libxcb-xkb1 libdbus-1-3)
    local missing=()
    for package in "${wanted[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    [ ${#missing[@]} -eq 0 ] && return 0
    local sudo=()
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            sudo=(sudo)
        else
            say "Missing system libraries. Please run: sudo apt-get install ${missing[*]}"
            exit 1
        fi
    fi
    say "Installing system libraries: ${missing[*]}"
    "${sudo[@]}" apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "Python 3.11 or newer is needed; '$python' is $("$python" --version 2>&1). Set PYTHON to another one."
    exit 1
}
system_libraries

stamp=.venv/.installed-$extra
state=$(cat pyproject.toml constraints.txt napari.yaml scripts/hatch_build.py scripts/setup.sh | sha256sum | cut -c1-16)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ] && exit 0

say "Setting up .venv (once; about 2 GB with torch and Qt)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
pip=(.venv/bin/python -m pip --disable-pip-version-check --quiet)
# torch first and alone: a later resolution must not choose another build.
if [ -n "${TORCH_INDEX:-}" ]; then
    "${pip[@]}" install --index-url "$TORCH_INDEX" --constraint constraints.txt torch
else
    "${pip[@]}" install --constraint constraints.txt torch
fi
"${pip[@]}" install --constraint constraints.txt --editable ".[$extra]"
printf '%s' "$state" >"$stamp"
