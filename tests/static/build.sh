#!/bin/sh
# build.sh SOURCE DIR PRESET: configure and build a preset in DIR; a warning is an error there.
set -eu
cd "$1"
case $3 in
clang) command -v clang >/dev/null || { echo 'skipped: no clang'; exit 77; } ;;
esac
if cmake --preset "$3" -B "$2" >"$2.log" 2>&1 && cmake --build "$2" >>"$2.log" 2>&1; then
	exit
fi
grep -E '(warning|error):|FAILED' "$2.log" || tail -n 40 "$2.log"
exit 1
