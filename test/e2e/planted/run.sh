#!/usr/bin/env bash
# run.sh ETCH-FUZZ LIBRARY PLANTED.CPP COUNT: with each fault of the compiler in
# LIBRARY, one of COUNT random programs must give other bits than eager mode, or
# be refused; without a fault none may.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$1" "$folder/etch-fuzz"
cp "$2" "$folder/libEtchCompiler.so"
faults=$(sed -n 's/^    {"\([a-z-]*\)", "etch-.*/\1/p' "$3" | grep -v -- -address)
export XDG_CACHE_HOME="$folder/none"
mkdir "$XDG_CACHE_HOME"
"$folder/etch-fuzz" --count 40 --aot 0 >"$folder/log" ||
  { cat "$folder/log"; echo "found a fault where there is none"; exit 1; }
found=0 total=0
for fault in $faults; do
  export XDG_CACHE_HOME="$folder/$fault"
  mkdir "$XDG_CACHE_HOME"
  total=$((total + 1))
  if ETCH_PLANT=$fault "$folder/etch-fuzz" --first-failure --count "$4" \
      --aot 0 >"$folder/log" 2>&1; then
    echo "$fault: not found in $4 programs"
  else
    found=$((found + 1))
    echo "$fault: $(grep -m1 '^program' "$folder/log" || echo 'the process ends')"
  fi
  rm -rf "$XDG_CACHE_HOME"
done
echo "$found of $total faults found"
test "$total" -ge 20 -a "$found" -eq "$total"
