# What the cases of a phone share. A case is a function; what it writes is its complaint if it fails.

# Where the cases keep what they need themselves: at a place that no case looks at.
SCRATCH=${SCRATCH:-/run}

# How the owner of the device logs in.
LOGIN=${LOGIN:-login -f mobian}

# What the computer outside is to know: a line of the console.
say() {
	printf 'vm: %s\n' "$*" >/dev/console
}

fail() {
	printf '%s\n' "$*"
	exit 1
}

# same WHAT FOUND WANTED
same() {
	[ "$2" = "$3" ] || fail "$1: $2 instead of $3"
}

# never COMMAND...: must fail. After a bare `!` bash would go on either way.
never() {
	! "$@" || fail "this went well: $*"
}

# within SECONDS COMMAND...: waits until the command succeeds.
within() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || fail "not in time: $*"
		sleep 0.2
	done
}

# Runs the named cases of this script, each in a shell of its own, and gives the verdict.
cases() {
	local name started text failed=0
	for name in "$@"; do
		started=$SECONDS
		rm -f "$SCRATCH/typed"
		if bash -euo pipefail "$0" "$name" >"$SCRATCH/case.log" 2>&1; then
			say "case $name ok $((SECONDS - started)) "
		else
			failed=$((failed + 1))
			[ ! -e "$SCRATCH/typed" ] || tail -n 15 "$SCRATCH/typed" >>"$SCRATCH/case.log"
			text=$(tail -n 25 "$SCRATCH/case.log" | tr -d '\r' | paste -s -d '\n' | sed ':a;N;$!ba;s/\n/ | /g')
			say "case $name failed $((SECONDS - started)) $text"
		fi
		sed "s/^/  $name: /" "$SCRATCH/case.log" >/dev/console
	done
	if [ "$failed" -eq 0 ]; then say "verdict ok $# passed"; else say "verdict failed $failed of $#"; fi
	poweroff -f
}

# Says what has been booted, and makes what all cases need.
start() {
	local step
	say "kernel $(uname -r)"
	say "fact boot seconds=$(cut -d ' ' -f 1 /proc/uptime)"
	for step in "$@"; do
		if ! bash -euo pipefail "$0" "$step" >"$SCRATCH/start.log" 2>&1; then
			say "case $step failed 0 $(tail -n 9 "$SCRATCH/start.log" | paste -s -d '|')"
			say 'verdict failed: nothing was tried'
			exit 1
		fi
	done
}

# pid_of_agent: the one that watches; its child that loads has ended by then.
pid_of_agent() {
	pgrep -xo sortie
}

is_answering() {
	curl --silent --fail --max-time 5 --output /dev/null http://127.0.0.1:9917/metrics
}

# status FIELD: of the agent's /proc/PID/status (proc(5)).
status() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid_of_agent)/status"
}

# The programs at the root of the tree, by bpftool: ours, as systemd has its own at its units only.
attached() {
	bpftool cgroup show "$(cgroup2)" 2>/dev/null | grep -c multi
}

nothing_attached() {
	! attached >/dev/null
}

cgroup2() {
	sed -n 's/^cgroup2 \([^ ]*\) .*/\1/p;s/^[^ ]* \([^ ]*\) cgroup2 .*/\1/p' /proc/mounts | head -n 1
}

# capabilities NUMBER...: a set of them (<linux/capability.h>) as /proc/PID/status shows it.
capabilities() {
	local number mask=0
	for number in "$@"; do
		mask=$((mask | 1 << number))
	done
	printf '%016x\n' "$mask"
}

# What the agent may do once it watches: CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE and CAP_BPF.
has_three_capabilities() {
	local set user
	user=$(id -u sortie)
	[ "$user" -gt 0 ] || fail 'it is root'
	same 'the user' "$(status Uid)" "$user	$user	$user	$user"
	for set in CapEff CapPrm; do
		same "$set" "$(status $set)" "$(capabilities 2 19 39)"
	done
	for set in CapInh CapAmb; do
		same "$set" "$(status $set)" "$(capabilities)"
	done
	same 'no new privileges' "$(status NoNewPrivs)" 1
}

# Its name, its user, and the modules of the kernel.
user() {
	depmod
	hostname phone
	printf '127.0.0.1 localhost phone\n' >/etc/hosts
	useradd --create-home --shell /bin/bash mobian
	printf '%s\n' 'set +o emacs' "PROMPT_COMMAND='echo \"ended: \$?\"'" >>/home/mobian/.bashrc
	touch /home/mobian/.hushlogin
	cp /phone/sortie /phone/sortie_*.deb /home/mobian/
	chown --recursive mobian: /home/mobian
	chmod 755 /home/mobian/sortie
}

# A network beyond a veth pair, with a name server that knows every name and a web server on each of
# three addresses. What comes and goes there is counted by nftables, an address at a time.
world() {
	modprobe -a veth nf_tables tcp_diag udp_diag
	ip netns add world
	ip link add out type veth peer name in netns world
	# As on a wire: no packet is larger than the network's.
	ethtool -K out tso off gso off gro off >/dev/null
	ip netns exec world ethtool -K in tso off gso off gro off >/dev/null
	ip address add 203.0.113.1/24 dev out
	ip link set out up
	ip route add default via 203.0.113.2
	ip -n world address add 203.0.113.2/24 dev in
	ip -n world address add 198.51.100.1/32 dev in
	ip -n world address add 198.51.100.2/32 dev in
	ip -n world link set in up
	ip -n world link set lo up
	# Counted where packets come out of the wire, cut up as they were sent.
	nft -f - <<-'END'
		table netdev truth {
			chain come { type filter hook ingress device out priority 0;
				ip saddr 198.51.100.1 counter comment "from-service"
				ip saddr 198.51.100.2 counter comment "from-login"
			}
		}
	END
	ip netns exec world nft -f - <<-'END'
		table netdev truth {
			chain come { type filter hook ingress device in priority 0;
				ip daddr 198.51.100.1 counter comment "to-service"
				ip daddr 198.51.100.2 counter comment "to-login"
			}
		}
	END
	mkdir -p /srv/www
	head -c 250000 /dev/zero >/srv/www/file
	printf 'nameserver 203.0.113.2\n' >/etc/resolv.conf
	ip netns exec world dnsmasq --no-resolv --no-hosts --log-facility=- --pid-file="$SCRATCH/world.pid" \
		--address=/service.example.org/198.51.100.1 --address=/login.example.net/198.51.100.2
	ip netns exec world busybox httpd -p 80 -h /srv/www
	within 30 curl --silent --fail --output /dev/null http://203.0.113.2/file
}

# truth WHAT: bytes that came out of the wire.
truth() {
	{ nft list ruleset; ip netns exec world nft list ruleset; } | sed -n "s/.*bytes \([0-9]*\) comment \"$1\".*/\1/p"
}

# told APP NAME FIELD: what the agent says about a destination of an app.
told() {
	sortie apps --json | jq --raw-output --arg app "$1" --arg name "$2" --arg field "$3" \
		'[.apps[] | select(.id == $app) | .destinations[] | select(.name == $name)
			| .totals[$field]] | add // 0'
}

# agrees APP NAME WHAT: the agent has counted what the other network has. The last acknowledgement of
# a connection that the phone closed first is sent by no socket: up to 60 bytes may be missing.
agrees() {
	local sent received missing
	sent=$(told "$1" "$2" sent_bytes)
	received=$(told "$1" "$2" received_bytes)
	missing=$(($(truth "to-$3") - sent))
	printf '%s to %s: sent %s, received %s; truth %s and %s\n' "$1" "$2" "$sent" "$received" \
		"$(truth "to-$3")" "$(truth "from-$3")"
	[ "$received" -gt 250000 ] && [ "$received" -eq "$(truth "from-$3")" ] &&
		[ "$missing" -ge 0 ] && [ "$missing" -le 60 ]
}

# Runs a block of the README as the phone's user types it: at a terminal, after a login, one line after
# the other. What the comment of a line says ends it is pressed, and a question is answered with yes.
typed() {
	local terminal line prompts=1
	rm -f "$SCRATCH/keys"
	mkfifo "$SCRATCH/keys"
	exec 4<>"$SCRATCH/keys"
	: >"$SCRATCH/typed"
	TERM=linux script --quiet --flush --command \
		"stty columns 160 rows 30; exec $LOGIN" "$SCRATCH/typed" <&4 >/dev/null &
	terminal=$!
	within 60 prompted $prompts
	while IFS= read -r line <&3; do
		prompts=$((prompts + 1))
		printf '%s\n' "$line" >&4
		case $line in
			*' q ends it'*) press q shows_table ;;
			*' Ctrl-C ends it'*) press '\003' is_answering ;;
			*) press 'y\n' is_asked ;;
		esac
		within 120 prompted $prompts
		same "the end of $line" "$(prompt | tail -n 1)" 'ended: 0'
	done 3<"/phone/readme/$1"
	printf 'exit\n' >&4
	wait $terminal
	exec 4>&-
}

# press KEYS CONDITION: presses keys when it is time, unless the command ends before.
press() {
	within 120 holds_or_ended "$2"
	# shellcheck disable=SC2059
	prompted $prompts || printf "$1" >&4
}

holds_or_ended() {
	"$1" || prompted $prompts
}

# What the shell says when it is ready for the next line: how the last one ended.
prompt() {
	tr -d '\r' <"$SCRATCH/typed" | grep -o 'ended: [0-9]*$'
}

prompted() {
	[ "$(prompt | wc -l)" -ge "$1" ]
}

is_asked() {
	tail -n 1 "$SCRATCH/typed" | grep -F '[Y/n]'
}

shows_table() {
	grep -q 'TOP DESTINATIONS' "$SCRATCH/typed"
}
