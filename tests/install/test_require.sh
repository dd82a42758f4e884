#!/bin/sh
# test_require.sh REQUIRE.SH: skips stay skips unless they are forbidden.
expect()
{
	want=$1 required=$2
	shift 2
	SURVEY_REQUIRE=$required "$require" "$@" 2>/dev/null
	status=$?
	[ $status -eq "$want" ] && return
	echo "SURVEY_REQUIRE=$required, $*: exit status $status, not $want" >&2
	exit 1
}

require=$1
expect 0 lab,web lab true
expect 1 '' lab false
expect 77 '' lab sh -c 'exit 77'
expect 77 web lab sh -c 'exit 77'
expect 77 laboratory lab sh -c 'exit 77'
expect 1 lab lab sh -c 'exit 77'
expect 1 lab,web web sh -c 'exit 77'
expect 1 web lab,web,asan sh -c 'exit 77'
