#!/bin/busybox sh
# The first program of a router: what procd and the script `boot` of OpenWrt do before the services start.

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# The shell and its tools are busybox's there.
for name in sh ash wget tar logger; do
	busybox ln -sf busybox "/usr/bin/$name"
done
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t cgroup2 -o nodev,noexec,nosuid,nsdelegate cgroup2 /sys/fs/cgroup
# All that is not on the flash.
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /tmp
rm -rf /var
ln -s tmp /var
mkdir -p /var/run /var/log /var/lock /var/state /tmp/.uci
chmod 700 /tmp/.uci
ip link set lo up

for name in opkg uci procd reload_config; do
	ln -s "/router/$name" "/usr/sbin/$name"
done
rm -rf /lib/functions.sh /etc/rc.common /etc/rc.d /etc/config
ln -s /router/functions.sh /lib/functions.sh
ln -s /router/rc.common /etc/rc.common
mkdir -p /etc/rc.d /etc/config /usr/lib/opkg/info
busybox syslogd -O /var/log/messages
cp /router/sortie_*.ipk /tmp

bash /router/cases.sh
# The dead are buried by this shell, as its children, until the machine ends.
while :; do
	sleep 1
done
