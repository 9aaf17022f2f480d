#!/usr/bin/env bash
# bundle.sh BUILD FOLDER - makes a folder for a machine with a graphics processor:
# tests, bench, and their programs, compiled for sm_80, sm_90 and whatever is
# newer. There, `FOLDER/gpu-check` needs a driver and nothing else; cuBLASLt,
# cuDNN, and a Python with torch or jax are used where they are.
# ETCH_BUNDLE_FILTER, ETCH_BUNDLE_DEVICE and ETCH_BUNDLE_ONLY: less of the tests
# and of the bench; ETCH_BUNDLE_DRIVER: on which driver they are compiled.
set -euo pipefail
build=$(realpath "${1:?the build folder}")
mkdir -p "${2:?the folder to make}"
folder=$(realpath "$2")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")

mkdir -p "$folder"/{bin,lib,programs,data}
if [[ -e $folder/programs.tar.gz ]]; then # what an earlier one has made
  tar -C "$folder" -xzf "$folder/programs.tar.gz"
  rm "$folder/programs.tar.gz"
fi
programs=(FrontendCudaTests ConformanceTests)
for program in "${programs[@]}"; do
  strip -o "$folder/bin/$program" "$build/test/bin/$program"
done
strip -o "$folder/bin/etch-gpu-bench" "$build/bin/etch-gpu-bench"
# What a bare machine may lack; not its C library.
for program in "$folder"/bin/*; do
  ldd "$program"
done | awk '$3 ~ /^\// {print $3}' | sort -u |
  grep -Ev '/(libc|libm|libdl|libpthread|ld-linux[^/]*)\.so' |
  xargs -I{} cp -Lu {} "$folder/lib/"
cp -r "$here/../data" "$folder/"
oracles=$(sed -n 's/^ETCH_ORACLES:[A-Z]*=//p' "$build/CMakeCache.txt")
if [[ -n $oracles ]]; then
  mkdir -p "$folder/oracles/goldens"
  cp -r "$oracles"/goldens/{ops,trajectories,*.json} "$folder/oracles/goldens/"
fi
cp "$here/gpu-check" "$here/gpu_peers.py" "$folder/"
mkdir -p "$folder/results"

# Running everything on a driver that does nothing compiles all programs.
export ETCH_BUNDLE=$folder/programs ETCH_TEST_DEVICE=cuda
export LD_LIBRARY_PATH=$build/test/fake-cuda/${ETCH_BUNDLE_DRIVER:-Hollow}
if [[ -n $oracles ]]; then
  export ETCH_ORACLES=$oracles
fi
begin=$SECONDS
"$build/test/bin/FrontendCudaTests" \
  --gtest_filter="${ETCH_BUNDLE_DEVICE:-OnDevice.*:With*}" >/dev/null 2>&1 &
"$build/test/bin/ConformanceTests" \
  --gtest_filter="${ETCH_BUNDLE_FILTER:-Oracle/*:Bptt.*:Trajectories.*}" >/dev/null 2>&1 &
"$build/bin/etch-gpu-bench" --only "${ETCH_BUNDLE_ONLY:-}" \
  --programs "$folder/results/compile.json"
wait
echo "gpu-bundle: programs made in $((SECONDS - begin)) s," \
  "$(du -sm "$folder" | cut -f1) MiB unpacked"

count=$(find "$folder/programs" -name '*.so' | wc -l)
tar -C "$folder" -czf "$folder/programs.tar.gz" programs
rm -r "$folder/programs"
bytes=$(du -sb "$folder" | cut -f1)
echo "gpu-bundle: $folder, $count programs, $((bytes >> 20)) MiB"
((bytes <= 60 << 20)) || echo "gpu-bundle: more than 60 MiB" >&2
