#!/bin/sh
# require.sh LABELS COMMAND...: run a test.  Its exit status 77 says that it
# cannot run here; where $SURVEY_REQUIRE names one of its labels (both are
# comma-separated), that is a failure.
labels=$1
shift
"$@"
status=$?
[ "$status" -eq 77 ] || exit "$status"
IFS=,
for label in $labels; do
	case ",$SURVEY_REQUIRE," in
	*",$label,"*)
		echo "skipped, but SURVEY_REQUIRE asks for $label" >&2
		exit 1
		;;
	esac
done
exit 77
