_sortie() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} options
	case $previous in
		--config | --ebpf-object) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
		--interval) return ;;
	esac
	case ${COMP_WORDS[1]} in
		run) options="--ebpf-object" ;;
		top) options="--once --interval --all" ;;
		apps) options="--json --all" ;;
		check) options="--json" ;;
		help) options="run top apps check config exit-codes" ;;
		*) options="run top apps check help --version" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options --config --help" -- "$word")
}
complete -F _sortie sortie
