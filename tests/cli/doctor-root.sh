#!/bin/sh
# tenon doctor as root, on machines that lack something or have it otherwise: control
# groups of version 2, the right to mount, overlays, processes, an executor.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ -z "${OWN_MOUNTS-}" ]; then
    unshare --mount true 2>/dev/null || { echo "needs namespaces"; exit 77; }
    exec unshare --mount env OWN_MOUNTS=1 sh "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need jq cc setpriv unshare
program=$abs_top_builddir/tenon-dev

line() { # MARK TOPIC TEXT
    grep -q "^$1  *$2  .*$3" "$work/out" || { sed 's/^/  | /' "$work/out" >&2; fail "no \"$1 $2 ... $3\""; }
}

# Control groups as they may be found: a file system stands for the kernel's.
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
if [ -d /sys/fs/cgroup ] && [ -n "$own" ]; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    run 0 tenon doctor
    line -- cgroups "not mounted: steps cannot be limited"
    mkdir -p "/sys/fs/cgroup$own"
    echo "cpuset cpu memory pids" >/sys/fs/cgroup/cgroup.controllers
    for dir in "/sys/fs/cgroup$own" "$(dirname "/sys/fs/cgroup$own")"; do
        cp /sys/fs/cgroup/cgroup.controllers "$dir/" 2>/dev/null || :
    done
    run 0 tenon doctor
    line ok cgroups "version 2, groups can be created (cpuset cpu memory pids)"
    assert_eq "" "$(find /sys/fs/cgroup -name 'tenon-*')"
    find /sys/fs/cgroup -name cgroup.controllers -exec sh -c 'echo "cpu pids" >"$1"' - {} \;
    run 0 tenon doctor
    line -- cgroups "version 2, groups can be created (cpu pids)"
    mount -o remount,ro /sys/fs/cgroup
    run 0 tenon doctor
    line -- cgroups "version 2, not delegated (Read-only file system)"
    umount /sys/fs/cgroup
else
    not_tried "control groups of version 2: /proc/self/cgroup knows none"
fi

# Root that may not mount, and a file system that gives no overlay, namespaces or proc.
run 1 setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$program" --root "$store" doctor
line NO rights "root without the privilege to mount"
run 1 unshare --pid --fork --kill-child setpriv --bounding-set=-sys_admin "$program" --root "$store" doctor --format json
assert_eq none "$(jq -rs '.[-1].mode' "$work/out")"

# A kernel that does not mount what a step needs: a library in front says so.
cat >"$work/no-mount.c" <<'END_C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

int
mount(const char *from, const char *to, const char *type, unsigned long flags, const void *data)
{
    int (*real)(const char *, const char *, const char *, unsigned long, const void *) =
        dlsym(RTLD_NEXT, "mount");
    const char *refused = getenv("REFUSED");
    if (refused && type && !strcmp(type, refused)) {
        errno = ENODEV;
        return -1;
    }
    return real(from, to, type, flags, data);
}
END_C
cc -shared -fPIC -o "$work/no-mount.so" "$work/no-mount.c" -ldl
without() { env REFUSED="$1" LD_PRELOAD="$work/no-mount.so" "$program" --root "$store" doctor; }
run 0 without nothing
line ok overlay "works in the store's file system"
run 0 without overlay
line -- overlay "No such device; trees are copied"
without proc >"$work/out" 2>"$work/err" || [ $? = 1 ]
grep -q "No such device" "$work/out" || { cat "$work/out" >&2; fail "a missing proc is not told"; }

# An executor that is none, and what stands in the way of a store.
echo '{"executor": "none"}' >"$work/tenon.json"
run 1 tenon doctor
line NO executor "none: "
run 1 tenon doctor --format json
assert_eq none "$(jq -rs '.[-1].mode' "$work/out")"
echo '{}' >"$work/tenon.json"
run 0 tenon doctor --format json
assert_eq root "$(jq -rs '.[-1].mode' "$work/out")"
assert_no_file "$store"
assert_eq "" "$(find "$work" -name '.tenon-doctor*')"
