#!/bin/sh
# What Alpine's services sysfs, devfs and networking do, and Debian's OpenRC leaves to sysvinit.

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=755 tmpfs /run
# Debian's OpenRC is 0.45. Newer ones use cgroup2 alone, and name the cgroups of services so.
sed -i 's|{cgroup_path}/${RC_SVCNAME}|{cgroup_path}/openrc.${RC_SVCNAME}|' /lib/rc/sh/rc-cgroup.sh
printf "rc_cgroup_mode=\"unified\"\n" >>/etc/rc.conf
ip link set lo up
exec /sbin/openrc-init
