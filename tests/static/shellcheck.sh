#!/bin/sh
# Usage: shellcheck.sh SOURCE.  Every shell script of the project.
set -eu
cd "$1"
command -v shellcheck >/dev/null || { echo 'skipped: no shellcheck'; exit 77; }
find install-deps.sh .ci config tests -type f -exec grep -lE '^#!.*[/ ](ba)?sh( |$)' {} + | sort |
	xargs shellcheck
shellcheck --shell=bash config/completion/survey.bash
