#!/usr/bin/env bash
# setup.sh - installs the Debian packages that Etch is built and tested with.
#
# Takes no time when nothing is missing; otherwise needs root or sudo. With
# --optional also those that only some things need: HTML pages (doxygen), drawn
# graphs (graphviz).
set -euo pipefail

packages=(
  # LLVM, MLIR, the compiler that builds us, the linker we link in
  llvm-22-dev libmlir-22-dev mlir-22-tools liblld-22-dev lld-22
  clang-22 libclang-rt-22-dev
  # FileCheck, lit
  llvm-22-tools python3
  # The build
  cmake ninja-build ccache git libstdc++-12-dev
  # Libraries
  zlib1g-dev libzstd-dev libpng-dev libjpeg-dev
  # Tests and benchmarks
  libgtest-dev libgmock-dev python3-numpy
)

optional=(doxygen graphviz)
if [[ ${1:-} == --optional ]]; then
  packages+=("${optional[@]}")
fi

if ! command -v dpkg-query >/dev/null; then
  echo "setup: not a Debian system; needed are: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if [[ ${#missing[@]} == 0 ]]; then
  exit 0
fi

echo "setup: installing ${missing[*]}"
root=()
if [[ $(id -u) != 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: neither root nor sudo; please install the packages above" >&2
    exit 1
  fi
  root=(sudo)
fi
apt_get() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" </dev/null
}
available() {
  local policy
  policy=$(apt-cache policy "$1")
  [[ $policy == *"Candidate: "[^\(]* ]]
}

# Old lists may name package versions that the mirror has dropped, so try what
# is there, then look again.
if available llvm-22-dev &&
   apt_get install --no-install-recommends "${missing[@]}"; then
  exit 0
fi
apt_get update
if ! available llvm-22-dev; then
  # Debian 12 has LLVM 22 among its security updates; LLVM's own archive has it
  # for the others.
  . /etc/os-release
  echo "setup: adding apt.llvm.org for ${VERSION_CODENAME}"
  apt_get install --no-install-recommends ca-certificates wget
  key=$(wget -qO- https://apt.llvm.org/llvm-snapshot.gpg.key)
  echo "$key" | "${root[@]}" tee /etc/apt/trusted.gpg.d/apt.llvm.org.asc >/dev/null
  list="deb http://apt.llvm.org/${VERSION_CODENAME}/ llvm-toolchain-${VERSION_CODENAME}-22 main"
  echo "$list" | "${root[@]}" tee /etc/apt/sources.list.d/llvm-22.list >/dev/null
  apt_get update
fi
apt_get install --no-install-recommends "${missing[@]}"
