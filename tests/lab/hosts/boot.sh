#!/usr/bin/env bash
# Process 1 of one lab node: builds the node's root from the machine's own system folders, then keeps the node alive.
#
#   boot.sh FOLDER HOSTNAME      in new mount, UTS, IPC, PID and network namespaces, mounts private
#
# FOLDER/files becomes the node's own /etc /root /tmp /var /workspace, FOLDER/docker its /var/lib/docker. Says its pid as
# the machine sees it, and waits for one line on stdin before it does anything: a starter that dies before it has
# written that pid down leaves nothing behind. Says "ready" when the node can be entered.
set -euo pipefail

folder=$1
root=$folder/root

# bash itself must read this: a child would find its own pid. /proc is still the machine's here.
read -r pid _ </proc/self/stat
echo "$pid"
read -r _

mount -t tmpfs -o mode=755 dsk-node "$root"
for system in /bin /sbin /lib /lib32 /lib64 /libx32 /usr /opt; do
  if [[ -L $system ]]; then
    cp -P "$system" "$root$system"
  elif [[ -d $system ]]; then
    mkdir "$root$system"
    mount --rbind "$system" "$root$system"
    mount -o remount,bind,ro "$root$system"
  fi
done
for own in etc root tmp var workspace; do
  mkdir "$root/$own"
  mount --bind "$folder/files/$own" "$root/$own"
done
mount --bind "$folder/docker" "$root/var/lib/docker"

mkdir "$root"/{proc,sys,dev,run,old}
mount -t proc proc "$root/proc"
# A sysfs mounted here lists this network namespace's interfaces; the cgroups are the machine's.
mount -t sysfs sysfs "$root/sys"
mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -p "$root"/run/{sshd,lock}

cd "$root"
pivot_root . old
cd /
umount -l /old
rmdir /old
hostname "$2"
ip link set lo up
[[ ! -e /proc/sys/net/ipv6/conf/all/disable_ipv6 ]] || echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6

echo ready
exec </dev/null >/var/log/boot.log 2>&1
# bash reaps what its node orphans.
while :; do
  sleep infinity &
  wait "$!"
done
