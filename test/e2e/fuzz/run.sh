#!/usr/bin/env bash
# run.sh ETCH-FUZZ ORACLE.PY COUNT: COUNT random programs in all modes, then
# against NumPy, then NumPy against programs with a changed value. Without NumPy
# the test counts as skipped, once the modes agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" --count "$3" --aot 5 --quota "$(($3 / 50))" --values "$folder"
# Debian's NumPy belongs to Debian's Python.
for python in python3 /usr/bin/python3; do
  "$python" -c "import numpy" 2>/dev/null && break
done
"$python" "$2" "$folder"
"$python" "$2" "$folder" --perturb
