# bash completion for survey(1): survey itself says what a word may be.

_survey()
{
	local cur=${COMP_WORDS[COMP_CWORD]} before='' word words=() lines=() at=0 i

	[ "$cur" != '=' ] || cur=
	# --format=json comes as three words; survey gets it as one.
	for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
		word=${COMP_WORDS[i]//\\/}
		if ((i > 1)) && [[ ${words[-1]} == --* && ($word == '=' || $before == '=') ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
		before=$word
		((i == COMP_CWORD)) && at=$((${#words[@]} - 1))
	done
	word=${words[at]}
	mapfile -t lines < <("${words[0]/#\~/$HOME}" --complete "$at" "${words[@]:1}" 2>/dev/null)
	case ${lines[0]-} in
	:files)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	:directories)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	:paths) compopt -o filenames 2>/dev/null ;;
	:list) compopt -o nospace 2>/dev/null ;;
	esac
	COMPREPLY=()
	for ((i = 1; i < ${#lines[@]}; i++)); do
		# Bash puts back what stands before the equals sign itself.
		word=${lines[i]%%$'\t'*}
		[[ ${words[at]} != --*=* ]] || word=${word#*=}
		COMPREPLY+=("$word")
	done
}

complete -F _survey survey
