# Stands in for /lib/functions.sh of OpenWrt's base-files: what reads UCI, and what runs around installing
# and removing a package.

# A file of UCI is a list of these three commands.
config() {
	CONFIG_SECTION=$2
}

option() {
	eval "CONFIG_${CONFIG_SECTION}_$1=\$2"
}

list() {
	local length
	eval "length=\$((\${CONFIG_${CONFIG_SECTION}_$1_LENGTH:-0} + 1))"
	eval "CONFIG_${CONFIG_SECTION}_$1_LENGTH=$length CONFIG_${CONFIG_SECTION}_$1_ITEM$length=\$2"
}

config_load() {
	. "/etc/config/$1"
}

# config_get VARIABLE SECTION OPTION [DEFAULT]
config_get() {
	eval "$1=\${CONFIG_$2_$3:-\$4}"
}

config_get_bool() {
	local found
	config_get found "$2" "$3" "$4"
	case $found in
		1 | on | true | yes | enabled) eval "$1=1" ;;
		0 | off | false | no | disabled) eval "$1=0" ;;
		*) eval "$1=\$4" ;;
	esac
}

# config_list_foreach SECTION OPTION FUNCTION
config_list_foreach() {
	local length item=1 value
	config_get length "$1" "$2_LENGTH" 0
	while [ "$item" -le "$length" ]; do
		config_get value "$1" "$2_ITEM$item"
		"$3" "$value"
		item=$((item + 1))
	done
}

# next_id FILE: from 65536 on, more than 16 bits.
next_id() {
	local id=65536
	while cut -d : -f 3 "$1" | grep -qx "$id"; do
		id=$((id + 1))
	done
	printf '%s\n' "$id"
}

# For each USER:GROUP of the field Require-User.
add_group_and_user() {
	local pair user group
	for pair in $(sed -n 's/^Require-User: *//p' "/usr/lib/opkg/info/$1.control"); do
		user=${pair%:*} group=${pair#*:}
		grep -q "^$group:" /etc/group || printf '%s:x:%s:\n' "$group" "$(next_id /etc/group)" >>/etc/group
		grep -q "^$user:" /etc/passwd ||
			printf '%s:x:%s:%s:%s:/var/run/%s:/bin/false\n' "$user" "$(next_id /etc/passwd)" \
				"$(sed -n "s/^$group:[^:]*:\([0-9]*\):.*/\1/p" /etc/group)" "$user" "$user" >>/etc/passwd
	done
}

# default_postinst .../PACKAGE.postinst
default_postinst() {
	local script package
	package=$(basename "${1%.*}")
	add_group_and_user "$package"
	for script in $(grep '^/etc/init.d/' "/usr/lib/opkg/info/$package.list"); do
		"$script" enable
		"$script" start
	done
}

default_prerm() {
	local script package
	package=$(basename "${1%.*}")
	for script in $(grep '^/etc/init.d/' "/usr/lib/opkg/info/$package.list"); do
		"$script" disable
		"$script" stop
	done
}
