#!/bin/bash
# The cases of a router: the package as the README installs, uses and removes it. The scripts of the
# package run in busybox's shell; what stands in for OpenWrt's own programs lies beside this file.

SCRATCH=/srv/cases
LOGIN='login -f root'

. /phone/lib.sh

INIT=/etc/init.d/sortie

# Root with busybox's shell, and the modules of the kernel.
owner() {
	depmod
	hostname OpenWrt
	printf '127.0.0.1 localhost OpenWrt\n' >/etc/hosts
	sed -i 's|^root:.*|root:x:0:0:root:/root:/bin/ash|' /etc/passwd
	printf '%s\n' 'PS1="ended: \$?' '# "' 'unset HISTFILE' >/root/.profile
	touch /root/.hushlogin
	cp /router/courier.init /etc/init.d/courier
	chmod 755 /etc/init.d/courier
}

# mode PATH MODE OWNER
mode() {
	same "$1" "$(stat --format='%a %U:%G' "$1")" "$2 $3"
}

# The README's commands bring all of the package, and a service that runs.
installs() {
	opkg print-architecture | grep -x 'arch x86_64 1'
	typed router-1
	within 60 is_answering
	mode /usr/sbin/sortie 755 root:root
	mode $INIT 755 root:root
	mode /etc/config/sortie 600 root:root
	mode /usr/share/sortie/uci.sh 644 root:root
	mode /lib/upgrade/keep.d/sortie 644 root:root
	$INIT enabled || fail 'it is not started with the router'
	$INIT running
	grep -q 'TOP DESTINATIONS' "$SCRATCH/typed" || fail 'top showed no table'
	touch "$SCRATCH/installed"
}

# In procd's cgroup, as its own user, with few rights, and off the flash.
runs_as_said() {
	has_three_capabilities
	same 'CapBnd' "$(status CapBnd)" "$(capabilities 2 19 39)"
	same 'the cgroup' "$(cut -d : -f 3 "/proc/$(pid_of_agent)/cgroup")" /services/sortie/instance1
	same 'the priority' "$(ps --no-headers -o nice -p "$(pid_of_agent)" | tr -d ' ')" 19
	grep 'Max locked memory .*unlimited' "/proc/$(pid_of_agent)/limits"
	mode /tmp/run/sortie 755 sortie:sortie
	mode /tmp/run/sortie/sortie.sock 600 sortie:sortie
	mode /tmp/sortie 700 sortie:sortie
}

# capacity_is COUNT: what the agent itself says of its table of flows.
capacity_is() {
	curl --silent --max-time 5 http://127.0.0.1:9917/metrics |
		grep '^sortie_map_capacity{map="flows"}' | tee "$SCRATCH/capacity" | grep -q " $1\$"
}

# A setting of UCI's reaches the agent; without a new one it is left alone.
takes_settings() {
	local before
	before=$(pid_of_agent)
	within 60 capacity_is 4096
	typed router-2
	within 60 is_answering
	[ "$(pid_of_agent)" != "$before" ] || fail 'it was not started anew'
	within 60 capacity_is 8192
	same 'what is set' "$(uci get sortie.main.flows_max)" 8192
	before=$(pid_of_agent)
	$INIT reload
	same 'the process after nothing was changed' "$(pid_of_agent)" "$before"
	# As LuCI does it.
	reload_config
	uci set sortie.main.flows_max=4096
	uci commit sortie
	reload_config
	within 60 capacity_is 4096
	[ "$(pid_of_agent)" != "$before" ] || fail 'the trigger is missing'
}

# What a service and a login fetch is told by app, name and byte. The level is the router's own.
counts() {
	uci set sortie.main.detail=domains
	uci commit sortie
	$INIT reload
	within 60 is_answering
	/etc/init.d/courier start
	su - root -c 'wget -q -O /dev/null http://login.example.net/file'
	sortie apps --json | jq --compact-output '[.apps[] | {id, kind, rung, to: [.destinations[].name]}]'
	within 60 agrees courier example.org service
	within 60 agrees wget example.net login
	sortie apps --json | jq --exit-status \
		'[.apps[] | select(.id == "courier" and .kind == "service")] | length == 1'
}

# lines_about TEXT: in the log.
lines_about() {
	grep -c "sortie.*$1" /var/log/messages
}

# A mistake is one line in the log, and no reason to end or to start again and again.
explains_a_mistake() {
	local before
	before=$(pid_of_agent)
	uci set sortie.main.flows_max=7
	uci commit sortie
	$INIT reload
	cat /var/log/messages
	same 'lines that explain it' "$(lines_about flows_max)" 1
	same 'the process' "$(pid_of_agent)" "$before"
	$INIT restart
	within 60 is_answering
	same 'lines that explain it again' "$(lines_about flows_max)" 2
	uci set sortie.main.flows_max=many
	uci commit sortie
	$INIT reload
	within 60 is_answering
	same 'lines about the next' "$(lines_about 'flows_max is no number')" 1
	uci set sortie.main.flows_max=4096
	uci commit sortie
	$INIT reload
	within 60 capacity_is 4096
}

# Not started at all with a mistake from the beginning, and told why.
does_not_start_wrong() {
	$INIT stop
	within 20 nothing_attached
	rm /var/etc/sortie.toml
	uci set sortie.main.detail=everything
	uci commit sortie
	never $INIT start
	never $INIT running
	same 'lines that explain it' "$(lines_about 'detail')" 1
	uci set sortie.main.detail=companies
	uci commit sortie
	$INIT start
	within 60 is_answering
}

is_gone() {
	! pgrep -x sortie
}

# Stopped or switched off, it leaves nothing in the kernel.
stops() {
	attached >/dev/null || fail 'nothing is attached'
	$INIT stop
	within 20 is_gone
	nothing_attached
	never $INIT running
	uci set sortie.main.enabled=0
	uci commit sortie
	$INIT start
	never $INIT running
	uci set sortie.main.enabled=1
	uci commit sortie
	$INIT start
	within 60 is_answering
}

# Since it was installed nothing was written but to memory and to the settings.
spares_the_flash() {
	[ ! -e /run/sortie ] || fail 'it is in /run'
	find / -xdev '(' -path /srv/cases -o -path /run/netns -o -path /etc/config -o -path /root ')' -prune \
		-o -newer "$SCRATCH/installed" -print | tee "$SCRATCH/written"
	[ ! -s "$SCRATCH/written" ] || fail 'that was written'
	find / -xdev -user sortie | grep . && fail 'that is its own'
	return 0
}

# The README's command takes it away, but for settings that were changed.
is_removed() {
	typed router-3
	within 20 is_gone
	nothing_attached
	never test -e $INIT
	find / -xdev -name '*sortie*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/phone/*' \
		! -path '/router/*' ! -path '/srv/*' >"$SCRATCH/left"
	same 'what is left' "$(cat "$SCRATCH/left")" /etc/config/sortie
	# Installed again, the settings are the owner's still; never changed, they go as well.
	opkg install /tmp/sortie_*.ipk
	within 60 is_answering
	same 'what was set' "$(uci get sortie.main.detail)" companies
	mv /etc/config/sortie-opkg /etc/config/sortie
	opkg remove sortie
	never test -e /etc/config/sortie
}

case $# in
	1)
		trap 'tail -n 4 /var/log/messages' EXIT
		"$1"
		;;
	*)
		mkdir -p "$SCRATCH"
		start owner world
		cases installs runs_as_said takes_settings counts explains_a_mistake does_not_start_wrong stops \
			spares_the_flash is_removed
		;;
esac
