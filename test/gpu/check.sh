#!/usr/bin/env bash
# check.sh BUILD - makes a small bundle on the emulated driver and runs it there:
# what it says it will measure, and a results.json that holds all its parts.
set -euo pipefail
build=$(realpath "${1:?the build folder}")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_CACHE_HOME=$build/test/fake-cuda/cache
ETCH_BUNDLE_DRIVER=Whole ETCH_BUNDLE_FILTER='Bptt.*' ETCH_BUNDLE_ONLY=1-10-1 \
  ETCH_BUNDLE_DEVICE='OnDevice.C149*' "$here/bundle.sh" "$build" "$folder"
"$folder/gpu-check" --list | tee "$folder/list"
for word in elementwise softmax "layer norm" Adam "MLP 1-10-1" \
  "MLP 784-1000-1000-10" "product 4096" "MNIST CNN" "ResNet-50 b64" LSTM \
  torch.compile jax "etch tf32" "etch bf16" "seconds of a call, of the host"; do
  grep -qF "$word" "$folder/list" || {
    echo "check: --list says nothing of $word" >&2
    exit 1
  }
done
LD_LIBRARY_PATH=$build/test/fake-cuda/Whole "$folder/gpu-check" --only 1-10-1
python3 - "$folder/results/results.json" <<'PYTHON'
import json
import sys

results = json.load(open(sys.argv[1]))
assert results["device"]["failures"] == 0, results["device"]
assert results["conformance"]["failures"] == 0
[workload] = results["bench"]["workloads"]
systems = {system["name"]: system for system in workload["systems"]}
for name in ("etch strict", "etch"):
    assert systems[name]["seconds"] > 0 and systems[name]["host_seconds"] > 0
assert systems["etch strict"]["library_calls"] == 0
assert systems["etch"]["library_calls"] > 0
assert "missing" in systems["torch"]
print("gpu-check: results.json holds", ", ".join(results))
PYTHON
