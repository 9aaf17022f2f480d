#!/usr/bin/env bash
# run.sh SEEDS FUZZER NAME FOLDER [OPTION...]: makes the seeds, then lets the
# fuzzer change them for some seconds; the same changes each time. What it finds
# is kept in FOLDER/NAME/found-*: run the fuzzer on that file to see it again.
# For longer: run.sh SEEDS FUZZER NAME FOLDER -runs=-1 -max_total_time=600
set -euo pipefail
seeds=$1 fuzzer=$2 name=$3 folder=$4/$3
shift 4
rm -rf "$folder"
mkdir -p "$folder/corpus"
"$seeds" "$name" "$folder"
export ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=16
exec "$fuzzer" -seed=1 -runs=20000 -max_total_time=4 -timeout=10 -max_len=8192 \
  -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$folder/found-" \
  "$@" "$folder/corpus" "$folder/seeds"
