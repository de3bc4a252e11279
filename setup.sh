#!/usr/bin/env bash
# Sets typica up: ./setup.sh [EXTRAS], by default all of them and what the tests need.
# VENV names the environment's folder (default .venv), PYTHON the interpreter.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python3}
venv=${VENV:-.venv}
extras=${1:-all,dev}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "setup: typica needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." \
        "Name another with PYTHON=python3.12 ./setup.sh" >&2
    exit 2
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install -q uv
# uv does not read pip's own setting of a folder with wheels, where a CPU build of torch may lie.
folder=${PIP_FIND_LINKS:-}
folder=${folder%% *}
if [ -n "$folder" ] && [ -d "$folder" ]; then export UV_FIND_LINKS="$folder"; fi
"$venv/bin/uv" pip install --python "$venv/bin/python" -c constraints.txt -e ".[$extras]"
echo "setup: done. Try: $venv/bin/typica --help"
