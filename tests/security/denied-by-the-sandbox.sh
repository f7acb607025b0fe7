#!/bin/sh
# Ways out of the sandbox that are shut for a step as root: system calls, kinds of
# sockets, hidden and read-only files of /proc and /sys, mounts over them, the
# kernel's keys, what is in /dev.
. "$(dirname "$0")/lib.sh"
need keyctl
key=$(keyctl add user tenon-test-$$ "not for steps" @u) || fail "no key can be made"
drop_key() { keyctl unlink "$key" @u >/dev/null 2>&1 || :; }
at_exit="$at_exit drop_key"

cat >"$work/refused" <<'END'
mount
umount
pivot_root
move_mount
open_tree
fsopen
mount_setattr
unshare user
unshare mount
clone user
clone mount
clone pid
clone net
setns
bpf
perf_event_open
kexec_load
init_module
finit_module
delete_module
reboot
swapon
swapoff
acct
quotactl
add_key
request_key
keyctl
open_by_handle_at
userfaultfd
io_uring_setup
syslog
settimeofday
clock_settime
sethostname
fanotify_init
kcmp
lookup_dcookie
socket vsock
socket packet
END
case $(uname -m) in x86_64 | i?86) printf 'iopl\nioperm\n' >>"$work/refused" ;; esac

# write FILE TEXT: what a step must not change of the kernel's.
cat >"$context/attack" <<'END'
for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/vm/drop_caches \
    /proc/sys/fs/binfmt_misc/register /proc/sys/kernel/hotplug /proc/bus/pci /proc/irq/0/smp_affinity \
    /proc/irq/default_smp_affinity /proc/fs/nfsd /proc/acpi /proc/mtrr /sys/kernel/uevent_helper /sys/power/state \
    /sys/kernel/mm/transparent_hugepage/enabled /sys/fs/cgroup/release_agent /sys/fs/cgroup/*/release_agent \
    /sys/fs/cgroup/*/notify_on_release /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs \
    /sys/class/net/lo/mtu /sys/module/*/parameters/* /proc/sys/net/ipv4/ip_forward; do
    if [ -e "$f" ] && (cat "$f" >/tmp/was; cat /tmp/was >"$f") 2>/dev/null; then echo "wrote $f"; fi
done
mkdir /sys/fs/cgroup/x /sys/fs/cgroup/*/x /sys/x /proc/x 2>/dev/null && echo "made a group"
for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/latency_stats /proc/interrupts; do
    if [ -e "$f" ] && [ -n "$(head -c 1 "$f" 2>/dev/null | od -c | head -n 1)" ] && [ "$(head -c 1 "$f" | wc -c)" != 0 ]; then
        echo "read $f"
    fi
done
for d in /proc/acpi /proc/scsi /proc/asound /sys/firmware /sys/devices/virtual/powercap; do
    [ ! -d "$d" ] || [ -z "$(ls -A "$d")" ] || echo "sees $d"
done
head -c 1 /dev/kmsg 2>/dev/null | grep -q . && echo "read /dev/kmsg"
dmesg >/dev/null 2>&1 && echo "read the kernel's log"
# Taking the covers off, or moving what they lie on.
for d in /proc /sys /dev /proc/kcore /proc/sys /sys/firmware; do
    umount "$d" 2>/dev/null && echo "uncovered $d"
    umount -l "$d" 2>/dev/null && echo "uncovered $d"
    mv "$d" "$d.away" 2>/dev/null && echo "moved $d"
    mount -o remount,rw "$d" 2>/dev/null && echo "remounted $d"
done
find /dev -type b | sed 's/^/disk /'
find /dev -mindepth 1 -maxdepth 1 | sort | tr '\n' ' ' | sed 's/^/dev: /'; echo
find /dev -type c | sort | tr '\n' ' ' | sed 's/^/nodes: /'; echo
hostname | sed 's/^/hostname /'
readlink /proc/1/exe /proc/self/root | tr '\n' ' ' | sed 's/^/first: /'; echo
cat /proc/1/cgroup | cut -d: -f3 | sort -u | sed 's/^/group /'
ipcs 2>/dev/null | grep -c 0x00beef | sed 's/^/shared memory /'
echo attacked
END
cat >"$context/Dockerfile" <<'END'
FROM base
COPY probe attack /
RUN ["/probe", "calls"]
RUN sh /attack /store-
USER app
RUN /probe calls | sed 's/^/as user: /'; sh /attack /store- | grep -E '^(wrote|made|read|sees|uncovered|moved|remounted|disk)' | sed 's/^/as user: /'; true
END

trial() {
    try 0 --no-cache
    while read -r call; do
        assert_said "$call: EPERM"
        assert_said "as user: $call: EPERM"
    done <"$work/refused"
    # Libraries fall back.
    for line in "clone3: ENOSYS" "socket netlink: works" "chroot: works" "as user: chroot: EPERM"; do
        assert_said "$line"
    done
    [ "$(said | grep -c '^attacked')" = 1 ] || fail "$executor: it was not tried"
    broken=$(said | grep -E '^(as user: )?(wrote|made|read|sees|uncovered|moved|remounted|disk) ' || :)
    [ -z "$broken" ] || fail "$executor: $broken"
    assert_said "hostname buildkitsandbox"
    assert_said "group /"
    assert_not_said "not for steps"
    said | grep -E '^(dev|nodes): ' | sed 's, /dev/core,,' >"$work/dev-$executor"
    assert_said "nodes: /dev/full /dev/null /dev/pts/ptmx /dev/random /dev/tty /dev/urandom /dev/zero "
    assert_eq 1 "$(sort -u "$work"/dev-* | grep -c '^dev')"
}
each_executor trial
