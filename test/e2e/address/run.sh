#!/usr/bin/env bash
# run.sh ETCH-FUZZ-ADDRESS LIBRARY PLANTED.CPP COUNT: AddressSanitizer finds
# nothing in COUNT random programs, and each fault of LIBRARY that makes a
# program go beside its buffers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export ETCH_SANITIZE=address ASAN_OPTIONS=detect_leaks=0
"$1" --count "$4" --aot 10 --guard
cp "$1" "$folder/etch-fuzz"
cp "$2" "$folder/libEtchCompiler.so"
faults=$(sed -n 's/^    {"\([a-z-]*-address\)", "etch-.*/\1/p' "$3")
test -n "$faults"
for fault in $faults; do
  export XDG_CACHE_HOME="$folder/$fault"
  mkdir "$XDG_CACHE_HOME"
  ETCH_PLANT=$fault "$folder/etch-fuzz" --first-failure --count "$4" --aot 0 \
    --guard >"$folder/log" 2>&1 || true
  if ! grep -m1 'ERROR: AddressSanitizer' "$folder/log"; then
    echo "$fault: not found in $4 programs"
    exit 1
  fi
  grep -m1 'WRITE\|READ' "$folder/log"
  rm -rf "$XDG_CACHE_HOME"
done
