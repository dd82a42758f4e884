#!/bin/sh
# clang_tidy.sh SOURCE DIR: what .clang-tidy asks for, over all of src; DIR is the clang preset's build.
set -eu
command -v run-clang-tidy >/dev/null || { echo 'skipped: no clang-tidy'; exit 77; }
run-clang-tidy -quiet -p "$2" "^$1/src/" >"$2.tidy" 2>/dev/null && exit
sed 's/\x1b\[[0-9;]*m//g' "$2.tidy" | grep -E '(warning|error):' | sort -u || tail -n 40 "$2.tidy"
exit 1
