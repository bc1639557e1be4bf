#!/bin/sh
# Build the virtual environment VENV with EXTRAS (comma-separated) from requirements.lock, hashes checked.
# Needs Python 3.11 to 3.13 with venv and pip; uv itself comes from the lock too.
set -eu
venv=$1
extras=$2

usable() { "$1" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }

python=
for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3; do
  if usable "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  echo "error: Python 3.11, 3.12 or 3.13 with the venv module is needed" >&2
  echo "  hint: make install PYTHON=/path/to/python3.12; on Debian also: apt install python3-venv" >&2
  exit 2
fi

if ! usable "$venv/bin/python"; then
  "$python" -m venv --clear "$venv"
fi
if ! [ -x "$venv/bin/uv" ]; then
  awk '/^uv==/ {found = 1} found {print} found && !/\\$/ {exit}' requirements.lock > "$venv/uv.lock.txt"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$venv/uv.lock.txt"
fi
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --constraint requirements.lock --editable ".[$extras]"
if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then
  # Python keeps no bytecode of what it imports, so every process would compile all its modules again: most of its CPU time.
  # Some packages hold files that are no valid Python.
  "$venv/bin/python" -m compileall -q -j 0 "$venv/lib" harness >/dev/null 2>&1 || true
fi
echo "installed into $venv"
