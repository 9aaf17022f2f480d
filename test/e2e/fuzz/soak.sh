#!/usr/bin/env bash
# soak.sh ETCH-FUZZ COUNT LOG [OPTION...]: COUNT random programs, 25 at a time.
# LOG has what was found and is where another run goes on; LOG.coverage has what
# the programs were made of. Fails where bits differed, a process ended early,
# or something was in less than one of 200 programs.
set -uo pipefail
fuzz=$1 count=$2 log=$3
shift 3
touch "$log" "$log.coverage"
figures='^[0-9]* programs, \|^[0-9]* took \|^[0-9]* kept '
while
  first=$(awk '/^programs from/ { n = $3 + $4 } END { print n ? n : 1 }' "$log")
  ((first <= count))
do
  timeout 1800 "$fuzz" --first "$first" --count 25 --aot 10 \
    --coverage "$log.part" "$@" >"$log.out" 2>&1
  status=$?
  {
    grep -v "$figures" "$log.out"
    if [ "$status" -le 1 ]; then
      echo "programs from $first: $(grep "$figures" "$log.out" | tr '\n' ' ')"
    else
      echo "programs from $first: 25 programs, ended with $status"
    fi
  } >>"$log"
  [ "$status" -le 1 ] && cat "$log.part" >>"$log.coverage"
  rm -f "$log.part" "$log.out"
done
awk -F'\t' -v log_="$log" '
  { n[$2] += $1 }
  END {
    while ((getline line < log_) > 0) {
      if (line ~ /^program [0-9]+:/) ++failed
      if (line ~ /^programs from/) {
        split(line, words, ": *"); split(words[2], w, " "); programs += w[1]
        if (line ~ /ended with/) ++ended
        if (line ~ /took/) {
          split(line, words, " took "); split(words[2], w, " ")
          k = split(words[1], v, " "); batched += v[k]
          one += w[5]; libraries += w[9]
        }
      }
    }
    for (name in n) {
      if (name ~ /^\? /) open_ += n[name] > 0
      else { ++all; if (n[name] * 200 < programs) { ++rare; print name ": in " n[name] } }
    }
    printf "%d programs, %d failed, %d processes ended early\n", programs, failed, ended
    printf "%d took batches of several extents: %d as one program, %d as one library\n", batched, one, libraries
    printf "%d operators, forms and orders, all but %d in at least one of 200 programs; %d operators with open extents\n", all, rare, open_
    exit failed || ended || rare
  }' "$log.coverage"
