# SPDX-License-Identifier: Apache-2.0
# Completion of gantry for bash. Commands and options are those that --help says,
# so that there is no list here to keep.

# What stands first in the lines below "Commands:".
_gantry_commands() {
	gantry --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}

# What follows "gantry COMMAND" in the usage of a command: "list", "mint", ...
_gantry_actions() {
	gantry "$1" --help 2>/dev/null |
		sed -n "s/^\([Uu]sage:\)\{0,1\} *gantry $1 \([a-z][a-z|-]*\).*/\2/p" | tr '|' '\n'
}

_gantry_options() {
	gantry "$1" --help 2>/dev/null | grep -oE -e '--[a-z][a-z-]*' | sort -u
}

_gantry_plugins() {
	gantry plugins list 2>/dev/null | sed 's/ .*//'
}

_gantry_files() {
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$1")
	compopt -o filenames 2>/dev/null
}

_gantry() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words

	COMPREPLY=()
	case $before in
	--kind)
		mapfile -t COMPREPLY < <(compgen -W "handler auth breaker storage" -- "$word")
		return
		;;
	--config | --with | --from | --to | --key | --event | --export | --body | --file | \
		--jwk | --output | --orders | --html | --man)
		_gantry_files "$word"
		return
		;;
	--plugins | --presets | --into | --templates)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		compopt -o filenames 2>/dev/null
		return
		;;
	esac
	if [[ $COMP_CWORD = 2 && ${COMP_WORDS[1]} = run-handler && $word != -* ]]; then
		_gantry_files "$word"
		return
	elif [[ $COMP_CWORD = 3 && ${COMP_WORDS[1]} = plugins && $word != -* &&
		$before =~ ^(describe|check|test-storage)$ ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_gantry_plugins)" -- "$word")
		[ ${#COMPREPLY[@]} -gt 0 ] || _gantry_files "$word"
		return
	fi
	if [ "$COMP_CWORD" = 1 ]; then
		words="$(_gantry_commands) --help --version"
	elif [ "$COMP_CWORD" = 2 ] && [[ $word != -* ]]; then
		words=$(_gantry_actions "${COMP_WORDS[1]}")
		[ -n "$words" ] || words=$(_gantry_options "${COMP_WORDS[1]}")
	else
		words=$(_gantry_options "${COMP_WORDS[1]}")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
# where it knows of no word, a file is what is meant
complete -o default -F _gantry gantry
