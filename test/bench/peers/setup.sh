#!/usr/bin/env bash
# setup.sh FOLDER - puts the bench's rivals into a folder that can be thrown
# away: Python's into a virtual environment, Debian's unpacked without being
# installed. What cannot be had is left out; the bench reports it as missing.
set -uo pipefail

folder=$(mkdir -p "$1" && cd "$1" && pwd)
stamp=$folder/complete
[[ -e $stamp ]] && exit 0

echo "bench: fetching rivals into $folder" >&2
if [[ ! -x $folder/python/bin/python ]]; then
  python3 -m venv "$folder/python"
fi
# One at a time: what one of them lacks must not keep the others away.
for package in numpy onnx onnxruntime jax torch; do
  "$folder/python/bin/python" -m pip install --quiet "$package" >&2 ||
    echo "bench: no $package" >&2
done

# Libraries of matrix products, and what they need beyond a usual system.
mkdir -p "$folder/packages"
cd "$folder/packages"
for package in libopenblas0-pthread libgfortran5 libquadmath0 \
  libdnnl3 libdnnl2 libtbb12 ocl-icd-libopencl1; do
  if apt-cache show "$package" >/dev/null 2>&1; then
    apt-get download -qq "$package" >&2 || echo "bench: no $package" >&2
  fi
done
mkdir -p "$folder/debian"
for package in *.deb; do
  [[ -e $package ]] && dpkg-deb --extract "$package" "$folder/debian"
done
touch "$stamp"
