#!/bin/sh
# tenon doctor on machines that weaken the walls around builds: each weakness has a line, with what
# follows and what helps; a machine without it has none; a build works all the same.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
if [ -z "${OWN_MOUNTS-}" ]; then
    unshare --mount true 2>/dev/null || { echo "needs namespaces"; exit 77; }
    exec unshare --mount env OWN_MOUNTS=1 sh "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need jq
# Files stand for the kernel's settings.
unmount_fakes() { umount /proc/sys/kernel /proc/sys/fs 2>/dev/null || :; }
at_exit="unmount_fakes $at_exit"
mkdir -p "$work/kernel/yama" "$work/kernel/seccomp" "$work/fs"
strong() {
    echo 1 >"$work/kernel/yama/ptrace_scope"
    echo core >"$work/kernel/core_pattern"
    echo "kill_process kill_thread trap errno user_notif trace log allow" >"$work/kernel/seccomp/actions_avail"
    echo 2 >"$work/fs/suid_dumpable"
    echo 1 >"$work/fs/protected_symlinks"
    echo 1 >"$work/fs/protected_hardlinks"
}
strong
mount --bind "$work/kernel" /proc/sys/kernel
mount --bind "$work/fs" /proc/sys/fs

# weak TOPIC: its lines
weak() { sed -n "s/^!   *$1  *//p" "$work/out"; }
doctor() {
    got=0
    tenon --root "$store" doctor "$@" >"$work/out" 2>"$work/err" || got=$?
    [ ! -s "$work/err" ] || { cat "$work/err" >&2; fail "doctor complains"; }
}
advice() { sed -n 's/^Would help most: //p' "$work/out"; }
# has TOPIC TEXT HELPS: that is said, in both forms
has() {
    case $(weak "$1") in *"$2"*"; helps: $3"*) ;; *) cat "$work/out" >&2; fail "nothing of $1" ;; esac
    doctor --format json
    jq -se --arg topic "$1" --arg helps "$3" 'any(.[]; .check == $topic and .result == "weak" and (.advice | startswith($helps)))' \
        "$work/out" >/dev/null || { cat "$work/out" >&2; fail "nothing of $1 in JSON"; }
}

doctor
assert_eq 0 $got
for topic in ptrace cores "links of others" "links to files" "system calls" "old runtime"; do
    assert_eq "" "$(weak "$topic")"
done
helped=$(advice)

while IFS='|' read -r file value topic text helps; do
    strong
    case $value in PIPE*) value="|${value#PIPE}" ;; esac
    if [ -n "$value" ]; then echo "$value" >"$work/$file"; else rm -r "${work:?}/$file"; fi
    doctor
    assert_eq 0 $got # a build works all the same
    assert_eq "$helped" "$(advice)"
    has "$topic" "$text" "$helps"
    [ -n "$value" ] || mkdir -p "$work/kernel/yama"
done <<'END_TABLE'
kernel/yama/ptrace_scope|0|ptrace|their secrets|sudo sysctl -w kernel.yama.ptrace_scope=1
kernel/yama||ptrace|there is no Yama|a kernel with Yama
fs/suid_dumpable|1|cores|others may read|sudo sysctl -w fs.suid_dumpable=0
kernel/core_pattern|PIPE/usr/lib/handler %p|cores|/usr/lib/handler, which runs as root|sudo sysctl -w kernel.core_pattern=core
fs/protected_symlinks|0|links of others|follow links|sudo sysctl -w fs.protected_symlinks=1
fs/protected_hardlinks|0|links to files|links to files of others|sudo sysctl -w fs.protected_hardlinks=1
kernel/seccomp/actions_avail|kill_process trap|system calls|user_notif|Linux 5.0
END_TABLE
strong

# What others see of programs.
mount -t proc proc /proc
mount --bind "$work/kernel" /proc/sys/kernel
mount --bind "$work/fs" /proc/sys/fs
doctor
has processes "arguments of all programs" "sudo mount -o remount,hidepid"
if mount -t proc -o hidepid=2 proc /proc 2>"$work/err"; then
    doctor
    assert_eq "" "$(weak processes)"
    umount /proc
else
    not_tried "a /proc that hides: $(cat "$work/err")"
fi
umount /proc/sys/kernel /proc/sys/fs /proc

# A file system without attributes.
mkdir "$work/plain"
mount -t ramfs ramfs "$work/plain"
tenon --root "$work/plain/store" doctor >"$work/out" 2>"$work/err" || :
case $(weak attributes) in *"files of images lose theirs; helps: tenon --root "*) ;; *) cat "$work/out"; fail "a store without attributes" ;; esac
umount "$work/plain"

# Runtimes by their number, where steps run with one.
TENON_CONFIG=$work/tenon.json
export TENON_CONFIG
number() {
    printf '#!/bin/sh\necho "%s"\n' "$1" >"$work/runtime"
    chmod 755 "$work/runtime"
    tenon --root "$store" doctor >"$work/out" 2>"$work/err" || :
}
while IFS='|' read -r said expected; do
    printf '{"executor": "oci", "plugins": {"executor-oci": {"runtime": "%s"}}}' "$work/runtime" >"$TENON_CONFIG"
    number "$said"
    if [ -z "$expected" ]; then
        assert_eq "" "$(weak "old runtime")"
    else
        case $(weak "old runtime") in
        "$work/runtime is runc ${said#runc version }, of which $expected are known"*"executors.md); helps: a newer runc"*) ;;
        *) cat "$work/out" >&2; fail "$said: not told" ;;
        esac
    fi
    echo '{"executor": "native"}' >"$TENON_CONFIG"
    number "$said"
    assert_eq "" "$(weak "old runtime")"
done <<'END_TABLE'
runc version 1.0.0-rc93|CVE-2024-21626, CVE-2025-31133
runc version 1.1.5+ds1|CVE-2024-21626, CVE-2025-31133
runc version 1.1.11|CVE-2024-21626, CVE-2025-31133
runc version 1.1.12|CVE-2025-31133
runc version 1.2.0-rc.1|CVE-2025-31133
runc version 1.2.7|CVE-2025-31133
runc version 1.2.8|
runc version 1.3.0|CVE-2025-31133
runc version 1.3.2|CVE-2025-31133
runc version 1.3.3|
runc version 1.3.10|
runc version 1.4.0-rc.2|CVE-2025-31133
runc version 1.4.0-rc.3|
runc version 1.4.0|
runc version 2.0.0|
crun version 1.8.1|
runc version unknown|
END_TABLE
