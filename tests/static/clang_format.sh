#!/bin/sh
# clang_format.sh SOURCE: every C and C++ file is as .clang-format has it.
# Versions differ in details; version 14 is the one that decides.
set -eu
cd "$1"
format=$(command -v clang-format-14 || command -v clang-format) ||
	{ echo 'skipped: no clang-format'; exit 77; }
case $("$format" --version) in
*' version 14.'*) ;;
*) echo 'skipped: clang-format is not version 14'; exit 77 ;;
esac
find src include tests -name '*.[ch]' -o -name '*.cpp' | sort |
	xargs "$format" --dry-run -Werror --ferror-limit=1
