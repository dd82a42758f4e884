#!/bin/sh
# clang_tidy.sh SOURCE DIR: what .clang-tidy asks for, over all of src; DIR is the clang preset's build.
# The analyzer looks at as many states of a function as its "shallow" mode does: half the time.
# TIDY_NODES=225000 is its full depth, for a release.
set -eu
nodes=${TIDY_NODES:-75000}
command -v run-clang-tidy >/dev/null || { echo 'skipped: no clang-tidy'; exit 77; }
run-clang-tidy -quiet -extra-arg=-Xclang -extra-arg=-analyzer-config -extra-arg=-Xclang \
    -extra-arg=max-nodes="$nodes" -p "$2" "^$1/src/" >"$2.tidy" 2>/dev/null && exit
sed 's/\x1b\[[0-9;]*m//g' "$2.tidy" | grep -E '(warning|error):' | sort -u || tail -n 40 "$2.tidy"
exit 1
