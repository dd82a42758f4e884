#!/bin/sh
# mandoc.sh SOURCE: the manual pages are proper mdoc.
set -eu
cd "$1"
command -v mandoc >/dev/null || { echo 'skipped: no mandoc'; exit 77; }
mandoc -Tlint -Wwarning docs/survey.1 docs/survey.conf.5
