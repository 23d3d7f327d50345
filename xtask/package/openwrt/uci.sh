# Writes the section of /etc/config/sortie that $1 names as the TOML that sortie reads.
# The functions of /lib/functions.sh are there.

sortie_quoted() {
	printf '"'
	printf '%s' "$1" | sed 's/[\\"]/\\&/g' | tr -d '\n'
	printf '"'
}

sortie_text() {
	local value
	config_get value "$1" "$2"
	[ -n "$value" ] && printf '%s = %s\n' "$2" "$(sortie_quoted "$value")"
	return 0
}

sortie_number() {
	local value
	config_get value "$1" "$2"
	case "$value" in
		"") ;;
		*[!0-9]*) logger -t sortie -p daemon.err "$2 is no number: $value" ;;
		*) printf '%s = %s\n' "$2" "$value" ;;
	esac
}

sortie_item() {
	SORTIE_LIST="$SORTIE_LIST${SORTIE_LIST:+, }$(sortie_quoted "$1")"
}

sortie_toml() {
	local key listen directory user
	# Unlike the others it may be empty: then there is no HTTP server.
	config_get listen "$1" listen "127.0.0.1:9917"
	[ "$listen" = "off" ] && listen=""
	printf 'listen = %s\n' "$(sortie_quoted "$listen")"
	# /run is on the flash of older releases, if it is there at all.
	config_get directory "$1" runtime_dir "/var/run/sortie"
	printf 'runtime_dir = %s\n' "$(sortie_quoted "$directory")"
	# The package has made this user.
	config_get user "$1" user "sortie"
	printf 'user = %s\n' "$(sortie_quoted "$user")"
	SORTIE_LIST=""
	config_list_foreach "$1" allowed_hosts sortie_item
	[ -n "$SORTIE_LIST" ] && printf 'allowed_hosts = [%s]\n' "$SORTIE_LIST"
	SORTIE_LIST=""
	config_list_foreach "$1" notify_command sortie_item
	[ -n "$SORTIE_LIST" ] && printf 'notify_command = [%s]\n' "$SORTIE_LIST"
	for key in socket_group cgroup_root log_level detail country_database asn_database \
		state_dir write_mode; do
		sortie_text "$1" "$key"
	done
	for key in flows_max apps_max destinations_max app_destinations_max destination_series_max \
		series_max remembered_max drain_interval_seconds; do
		sortie_number "$1" "$key"
	done
}
