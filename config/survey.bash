# bash completion for survey(1)

# Options of a command, as --help lists them.
_survey_options()
{
	case $1 in
	geo)
		echo --country --asn --mmdb --csv --legacy --ipv4 --ipv6 --block \
		    --allow-reserved --output --write-legacy
		;;
	esac
}

# Words that the argument of an option can be; nothing: a file or free text.
_survey_values()
{
	case $1 in
	--until) echo geo scan grab dns cluster output graph report ;;
	esac
}

_survey()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} values
	local commands='geo'

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$cur")
		return
	fi
	values=$(_survey_values "$prev")
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
