#!/bin/bash
# The cases of a phone with OpenRC: the service as it is on postmarketOS and Alpine.

. /phone/lib.sh

openrc_is_complete() {
	mkdir -p /srv/recipe
	tar -xzf /phone/recipe.tar.gz -C /srv/recipe
	cp /phone/apk.sh /usr/local/sbin/apk
	cp /phone/localmount.initd /etc/init.d/localmount
	cp /phone/courier.initd /etc/init.d/courier
	chmod 755 /usr/local/sbin/apk /etc/init.d/localmount /etc/init.d/courier
	rc-update --update
}

# The README's commands bring a service that runs.
installs() {
	openrc --version
	typed alpine-1
	within 60 is_answering
	rc-service sortie status
	rc-update show default | grep sortie || fail 'it is not started with the phone'
	grep -q 'TOP DESTINATIONS' /run/typed || fail 'top showed no table'
}

runs_as_said() {
	has_three_capabilities
	# Root started it, and it gave the rest up for good.
	same 'CapBnd' "$(status CapBnd)" "$(capabilities 2 19 39)"
	same 'the cgroup' "$(cut -d : -f 3 "/proc/$(pid_of_agent)/cgroup")" /openrc.sortie
	same 'the parent' "$(ps --no-headers -o comm -p "$(status PPid)")" supervise-daemo
	same 'the priority' "$(ps --no-headers -o nice -p "$(pid_of_agent)" | tr -d ' ')" 19
	grep 'Max locked memory .*unlimited' "/proc/$(pid_of_agent)/limits"
}

# What a service and a login fetch is told by app, name and byte.
counts() {
	rc-service courier start
	# A login is in the cgroup of no service.
	echo $BASHPID >/sys/fs/cgroup/cgroup.procs
	su - mobian -c 'wget --quiet --output-document=/dev/null http://login.example.net/file'
	sortie apps --json | jq --compact-output '[.apps[] | {id, kind, rung, to: [.destinations[].name]}]'
	within 60 agrees courier example.org service
	within 60 agrees wget example.net login
	sortie apps --json | jq --exit-status \
		'[.apps[] | select(.id == "courier" and .kind == "service")] | length == 1'
}

restarts() {
	local before
	before=$(pid_of_agent)
	rc-service sortie restart
	within 60 is_answering
	[ "$(pid_of_agent)" != "$before" ]
	rc-service sortie status
	sortie app wget | grep example.net || fail 'it has forgotten'
}

# Killed, it leaves nothing in the kernel, and OpenRC starts it again.
comes_back() {
	local before
	before=$(pid_of_agent)
	attached >/dev/null || fail 'nothing is attached'
	kill -KILL "$before"
	within 20 nothing_attached
	within 120 is_answering
	[ "$(pid_of_agent)" != "$before" ]
	rc-service sortie status
}

stops() {
	rc-service sortie stop
	never pgrep -x sortie
	never pgrep supervise-daemo
	nothing_attached
	never rc-service sortie status
	rc-service sortie start
	within 60 is_answering
}

is_removed() {
	typed alpine-2
	never pgrep -x sortie
	nothing_attached
	find / -xdev -name '*sortie*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/phone/*' ! -path '/router/*' \
		! -path '/home/*' ! -path '/srv/*' ! -path '/run/openrc/*' | grep . && fail 'that is left'
	return 0
}

case $# in
	1) "$1" ;;
	*)
		start user world openrc_is_complete
		cases installs runs_as_said counts restarts comes_back stops is_removed
		;;
esac
