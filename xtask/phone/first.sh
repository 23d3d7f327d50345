#!/bin/sh
# What Alpine's services sysfs, devfs and networking do, and Debian's OpenRC leaves to sysvinit.

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=755 tmpfs /run
# Newer ones do that by themselves.
printf "rc_cgroup_mode=\"unified\"\n" >>/etc/rc.conf
ip link set lo up
exec /sbin/openrc-init
