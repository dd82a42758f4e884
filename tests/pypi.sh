#!/bin/sh
# pypi.sh PYTHON ARG...: run PYTHON, that of the environment which
# install-deps.sh --test makes; without it the test is skipped.
[ -x "$1" ] || { echo "skipped: no $1; install-deps.sh --test makes it"; exit 77; }
exec "$@"
