# fish completion for survey(1): survey itself says what a word may be.

function __survey_complete
	set -l words (commandline -opc)
	set -l token (string unescape -- (commandline -ct))
	set -l program $words[1]
	set -e words[1]
	set -l lines ($program --complete (math (count $words) + 1) $words "$token" 2>/dev/null)
	switch "$lines[1]"
		case ':files'
			__fish_complete_path "$token"
		case ':directories'
			__fish_complete_directories "$token" ''
		case '*'
			set -e lines[1]
			printf '%s\n' $lines
	end
end

complete -c survey -f -a '(__survey_complete)'
