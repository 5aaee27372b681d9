# Process 1 of a machine of the lab, see machine.ts. Sets the machine up, says "born", and
# waits for its owner's end of the pipe to close. The first argument only marks whose it is.
set -euo pipefail
name=$2 private=$3 is_router=$4 checkout=$5
echo "$name" > /proc/sys/kernel/hostname

# What the machine writes lies in memory of its own.
mount -t tmpfs -o mode=700 culvert-lab "$private"
cd "$private"
mkdir etc var root local work work/{etc,var,root,local}
overlay() { mount -t overlay culvert-lab "$1" -o "lowerdir=$1,upperdir=$2,workdir=work/$2"; }
overlay /etc etc
overlay /var var
overlay /root root
overlay /usr/local local
mount -t tmpfs -o mode=755 culvert-lab /run
mount -t sysfs sysfs /sys

ln -sf "$checkout/scripts/culvert" /usr/local/bin/culvert
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$name" > /etc/hosts

# Duplicate address detection is off: nothing here has a twin, and it costs a second for each
# address. rp_filter 2, loose, is what systemd gives every machine.
set_all() { for key in "${@:2}"; do echo "$1" > "/proc/sys/net/$key"; done; }
set_all 0 ipv6/conf/{all,default}/{accept_dad,dad_transmits,accept_ra,disable_ipv6}
set_all 2 ipv4/conf/{all,default}/rp_filter
set_all "$is_router" ipv4/ip_forward ipv6/conf/{all,default}/forwarding

cd /
ip link set lo up
echo born
read -r _ || true
