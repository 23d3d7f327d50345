_sortie() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} options
	case $previous in
		--config | --ebpf-object) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
		--interval | --app | --destination | --device) return ;;
	esac
	case ${COMP_WORDS[1]} in
		run) options="--ebpf-object" ;;
		top) options="--once --interval --destinations --all" ;;
		apps) options="--json --destinations --all" ;;
		app) options="--json --all" ;;
		findings) options="--json --all --first-day" ;;
		forget) options="--app --destination --device --all" ;;
		check) options="--json" ;;
		help) options="run top apps app findings forget check config exit-codes" ;;
		*) options="run top apps app findings forget check help --version" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options --config --help" -- "$word")
}
complete -F _sortie sortie
