#!/usr/bin/env bash
# soak.sh ETCH-FUZZ COUNT LOG [OPTION...]: COUNT random programs, a hundred at a
# time. LOG has what was found and is where another run goes on; LOG.coverage
# has what the programs were made of. Fails where bits differed, a process ended
# early, or something was in less than one of 200 programs.
set -uo pipefail
fuzz=$1 count=$2 log=$3
shift 3
touch "$log" "$log.coverage"
for ((first = 1; first <= count; first += 100)); do
  grep -q "^programs from $first:" "$log" && continue
  timeout 1800 "$fuzz" --first "$first" --count 100 --aot 10 \
    --coverage "$log.part" "$@" >"$log.out" 2>&1
  status=$?
  {
    grep -v '^[0-9]* programs, \|^[0-9]* took ' "$log.out"
    [ "$status" -gt 1 ] && echo "ended with $status: programs from $first"
    echo "programs from $first: $(grep '^[0-9]* programs, \|^[0-9]* took ' \
      "$log.out" | tr '\n' ' ')"
  } >>"$log"
  [ "$status" -le 1 ] && cat "$log.part" >>"$log.coverage"
  rm -f "$log.part" "$log.out"
done
awk -F'\t' -v count="$count" -v log_="$log" '
  { n[$2] += $1 }
  END {
    for (name in n) {
      if (name ~ /^\? /) open_ += n[name] > 0
      else { ++all; if (n[name] * 200 < count) { ++rare; print name ": in " n[name] } }
    }
    printf "%d operators, forms and orders, each in at least one of 200 programs: all but %d; %d operators with open extents; ", all, rare, open_
    while ((getline line < log_) > 0) {
      if (line ~ /^program [0-9]+:/) ++failed
      if (line ~ /^ended with/) ++ended
      if (line ~ /^programs from/) {
        split(line, words, ": *"); split(words[2], w, " "); programs += w[1]
      }
    }
    printf "%d programs, %d failed, %d processes ended early\n", programs, failed, ended
    exit failed || ended || rare
  }' "$log.coverage"
