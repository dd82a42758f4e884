# bash completion for survey(1)

# Options of a command, as --help lists them.
_survey_options()
{
	case $1 in
	run) echo --dir --until --new --force --shard --json-progress ;;
	status) echo --json ;;
	analyze)
		echo --output --dns --dns-file --resolver --mode --config --country \
		    --mmdb --scan-date --pairs-up-to --max-line --threads --graph \
		    --anonymise --keep-as
		;;
	dns)
		echo --resolver --mode --config --type --output --dir --window \
		    --rcvbuf --timeout --tries --stats
		;;
	graph)
		echo --cluster --format --output --full-up-to --workers --timeout --memory \
		    --anonymise --keep-as
		;;
	report) echo --output --title --anonymise --keep-as ;;
	stats) echo --format --table --output ;;
	geo)
		echo --country --asn --mmdb --csv --legacy --ipv4 --ipv6 --block \
		    --allow-reserved --output --write-legacy
		;;
	esac
}

# Words that the argument of a command's option can be; nothing: a file or free text.
_survey_values()
{
	case "$1 $2" in
	'run --until' | 'run -u') echo geo scan grab dns analyze graph report ;;
	'analyze --dns' | 'analyze -d') echo cached fill refresh ;;
	'analyze --mode' | 'dns --mode' | 'dns -m') echo managed unbound-dot unbound address system ;;
	'dns --type' | 'dns -t') echo A AAAA PTR ;;
	'graph --format' | 'graph -f') echo svg png pdf dot ;;
	'stats --format' | 'stats -f') echo text json csv latex ;;
	esac
}

_survey()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} values
	local commands='run status analyze geo dns graph report stats doctor'

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
		return
	fi
	values=$(_survey_values "${COMP_WORDS[1]}" "$prev")
	if [ -n "$values" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
		return
	fi
	case $cur in
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$(_survey_options "${COMP_WORDS[1]}") --help" -- "$cur")
		;;
	*)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	esac
}

complete -F _survey survey
