#!/bin/bash
# The cases of a phone with systemd: the package as the README installs, uses and removes it.

. /phone/lib.sh

UNIT=sortie.service

# The README's commands bring a package that is whole, and a service that runs.
installs() {
	typed debian-1
	dpkg -s sortie | grep -x 'Status: install ok installed'
	dpkg --verify sortie
	same 'the unit' "$(systemctl is-enabled $UNIT)" enabled
	within 60 is_answering
	same 'the service' "$(systemctl is-active $UNIT)" active
	grep -q 'TOP DESTINATIONS' /run/typed || fail 'top showed no table'
}

# It is not root, and kept three of the five capabilities of its unit.
has_few_rights() {
	has_three_capabilities
	same 'CapBnd' "$(status CapBnd)" "$(capabilities 2 12 19 38 39)"
	same 'the filter of system calls' "$(status Seccomp)" 2
	same 'the main process' "$(systemctl show -P MainPID $UNIT)" "$(pid_of_agent)"
	# What it can read of others it reads: this is whose shell it is.
	same 'the cgroup' "$(cut -d: -f3 "/proc/$(pid_of_agent)/cgroup")" "/system.slice/$UNIT"
}

# What a service and a login fetch is told by app, name and byte.
counts() {
	systemd-run --quiet --wait --unit=courier curl --silent --fail --output /dev/null \
		http://service.example.org/file
	su - mobian -c 'wget --quiet --output-document=/dev/null http://login.example.net/file'
	within 60 agrees courier example.org service
	within 60 agrees wget example.net login
	sortie apps --json | jq --compact-output \
		'[.apps[] | {id, kind, rung, to: [.destinations[] | {name, sources}]}]'
	sortie apps --json | jq --exit-status \
		'[.apps[] | select(.id == "courier" and .kind == "service") | .destinations[]
			| select(.name == "example.org" and (.sources | index("dns")))] | length == 1'
	sortie apps --json | jq --exit-status \
		'[.apps[] | select(.id == "wget") | .destinations[]
			| select(.name == "example.net" and (.sources | index("dns")))] | length == 1'
	curl --silent http://127.0.0.1:9917/metrics | grep '^sortie_app_transmit_bytes_total{.*app="courier"'
}

# `sortie check` finds every hook, also with the rights of the service.
is_fit() {
	sortie check --json >/run/check || fail "$(cat /run/check)"
	jq --exit-status '.ready and ([.checks[] | select(.name | startswith("hook ")) | .status == "ok"] | all)' \
		/run/check
}

# The firewall of the unit lets nobody in it talk to another device.
talks_to_this_device_only() {
	curl --silent --fail --output /dev/null http://203.0.113.2/file
	! bash -c "echo \$\$ >/sys/fs/cgroup/system.slice/$UNIT/cgroup.procs &&
		exec curl --silent --max-time 5 --output /dev/null http://203.0.113.2/file" ||
		fail 'the unit can reach another device'
	bash -c "echo \$\$ >/sys/fs/cgroup/system.slice/$UNIT/cgroup.procs &&
		exec curl --silent --fail --max-time 5 --output /dev/null http://127.0.0.1:9917/metrics"
}

gives_little_away() {
	local level
	level=$(systemd-analyze security $UNIT --no-pager |
		sed -n "s/.*exposure level for $UNIT: \([0-9.]*\).*/\1/p")
	say "fact exposure $level"
	printf 'exposure %s\n' "$level"
	jq --null-input --exit-status --arg level "$level" '$level | tonumber <= 3.0'
}

# mode PATH MODE OWNER
mode() {
	same "$1" "$(stat --format='%a %U:%G' "$1")" "$2 $3"
}

# Only root may look; with `socket_group`, the members of that group, who may not forget.
is_looked_at_by_few() {
	mode /run/sortie 750 sortie:sortie
	mode /run/sortie/sortie.sock 600 sortie:sortie
	! su - mobian -c '/usr/sbin/sortie apps' || fail 'everybody may look'
	typed debian-2
	within 60 is_answering
	mode /run/sortie/sortie.sock 660 sortie:sortie
	su - mobian -c '/usr/sbin/sortie apps' || fail 'a member may not look'
	! su - mobian -c '/usr/sbin/sortie forget --all' || fail 'a member may forget'
}

# What was seen is on the disk after a stop, for the agent's eyes only, and known after the start.
remembers() {
	local before file
	before=$(pid_of_agent)
	sortie app wget | grep example.net || fail 'it does not know wget'
	systemctl restart $UNIT
	within 60 is_answering
	[ "$(pid_of_agent)" != "$before" ]
	mode /var/lib/sortie 700 sortie:sortie
	file=$(find /var/lib/sortie -type f | head -n 1)
	[ -s "$file" ] || fail 'nothing was written'
	find /var/lib/sortie -mindepth 1 ! '(' -perm 600 -user sortie ')' | grep . && fail 'others may read'
	sortie app wget | tee /run/past
	grep -q 'example.net' /run/past || fail 'it has forgotten'
}

is_explained() {
	systemctl status --no-pager $UNIT >/run/status || true
	grep -q 'sortie\.toml.*flows_max' /run/status
}

# A mistake in the configuration is one line that says where, and no reason to try again and again.
explains_a_mistake() {
	cp /etc/sortie/sortie.toml /run/sortie.toml
	echo 'flows_max = "many"' >>/etc/sortie/sortie.toml
	systemctl restart $UNIT
	within 60 systemctl is-failed --quiet $UNIT
	within 20 is_explained
	cat /run/status
	same 'lines that explain it' "$(grep -c 'flows_max' /run/status)" 1
	same 'the exit code' "$(systemctl show -P ExecMainStatus $UNIT)" 10
	cp /run/sortie.toml /etc/sortie/sortie.toml
	systemctl restart $UNIT
	within 60 is_answering
}

# Killed, it leaves nothing in the kernel, and systemd starts it again.
comes_back() {
	local before programs
	programs=$(attached)
	before=$(pid_of_agent)
	kill -KILL "$before"
	within 20 nothing_attached
	within 120 is_answering
	[ "$(pid_of_agent)" != "$before" ]
	same 'programs at the root' "$(attached)" "$programs"
}

# Installed again, it runs on with the owner's settings.
is_installed_again() {
	local before
	before=$(pid_of_agent)
	echo '# mine' >>/etc/sortie/sortie.toml
	dpkg --install /home/mobian/sortie_*.deb
	within 60 is_answering
	[ "$(pid_of_agent)" != "$before" ]
	grep -qx '# mine' /etc/sortie/sortie.toml
}

# In all that time it had nothing to complain about but the mistake.
complains_of_nothing() {
	journalctl --sync
	journalctl --no-pager --output=cat _SYSTEMD_UNIT=$UNIT |
		grep -v '^sortie: ready\|^sortie: stopping\|flows_max' && fail 'it complains'
	journalctl --no-pager --output=short-monotonic --priority=warning UNIT=$UNIT |
		grep -v '^-- \|flows_max\|status=10\|status=9\|exit-code\|signal' && fail 'systemd complains'
	return 0
}

# The README's command takes it away, with settings, memory and programs. The user stays.
is_removed() {
	typed debian-3
	never dpkg -s sortie
	never pgrep -x sortie
	nothing_attached
	same 'the unit' "$(systemctl show -P LoadState $UNIT)" not-found
	find / -xdev -name '*sortie*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/phone/*' ! -path '/router/*' \
		! -path '/home/*' ! -path '/run/*' | grep . && fail 'that is left'
	for path in /etc/sortie /var/lib/sortie /run/sortie; do
		[ ! -e "$path" ] || fail "$path is left"
	done
}

# One file does without any package, and Ctrl-C is its end.
runs_without_a_package() {
	typed file-1
	never pgrep -x sortie
	nothing_attached
}

case $# in
	1) "$1" ;;
	*)
		start user world
		cases installs has_few_rights is_fit counts talks_to_this_device_only gives_little_away \
			is_looked_at_by_few remembers explains_a_mistake comes_back is_installed_again \
			complains_of_nothing is_removed runs_without_a_package
		;;
esac
