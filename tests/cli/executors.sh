#!/bin/sh
# The same checks with both executors, side by side: the table of docs/executors.md,
# printed.  A difference that is not among the explained ones is a failure, and so is a
# document that says something else.  To make the table again:
#     cd build && sh ../tests/cli/executors.sh
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need runc
doc=$abs_top_srcdir/docs/executors.md

# Items whose values differ, and may: docs/executors.md says why.
printf 'mount at /dev\nremoval of /dev/full\n' >"$work/explained"

# say ITEM VALUE: a line of the table. Values hold nothing that is this machine's.
cat >"$context/checks" <<'S'
say() { item=$1; shift; printf '%s\t%s\n' "$item" "$(echo $*)" >>/o/list; }
status() { sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }
mounted() { awk -v at="$1" '$5 == at { gsub(/,?(size|inode64|nr_inodes|mode|gid|ptmxmode|seclabel)[^,]*/, "", $6); o = $6 } END { print o }' /proc/self/mountinfo; }
try() { "$@" >/dev/null 2>&1 && echo done || echo refused; }
write_to() { (echo x >"$1") 2>/dev/null && echo written || echo refused; }
as_user=
if [ "$(id -u)" != 0 ]; then as_user="of a user: "; fi

for c in Eff Prm Bnd Inh Amb; do say "${as_user}capabilities, $c" "$(status "Cap$c")"; done
say "${as_user}groups" "$(id -G | tr ' ' '\n' | sort -n)"
say "${as_user}HOME" "$HOME"
if [ -n "$as_user" ]; then
    say "${as_user}/dev/stdout opened again" "$( (: >/dev/stdout) 2>/dev/null && echo done || echo refused)"
    exit 0
fi
say "no new privileges" "$(status NoNewPrivs)"
say "system call filter" "$(status Seccomp)"
say "blocked, ignored signals" "$(sed -n 's/^Sig\(Blk\|Ign\):.//p' /proc/1/status)"
say "number of the first process" $$
say "session is its own" "$(awk '{ print ($6 == 1 ? "yes" : "no") }' /proc/1/stat)"
say "umask" "$(umask)"
say "host name" "$(hostname)"
say "PATH" "$PATH"
say "variables" "$(env | sed 's/=.*//' | grep -vx '_\|PWD\|SHLVL\|OLDPWD\|[A-Z]*_NS' | sort)"
say "standard input" "$(cat | wc -c) bytes; $(test -t 0 && echo terminal || echo none)"
say "descriptors" "$(ls /proc/self/fd | sort -n)" # 3: of ls
for pair in mnt:$MNT_NS pid:$PID_NS ipc:$IPC_NS uts:$UTS_NS cgroup:$CGROUP_NS net:$NET_NS user:$USER_NS time:$TIME_NS; do
    own=$(readlink "/proc/self/ns/${pair%%:*}")
    say "namespace ${pair%%:*}" "$([ "$own" = "${pair#*:}" ] && echo "the machine's" || echo "its own")"
done
say "/dev" "$(ls /dev | grep -vx 'core\|kmsg' | sort)"
say "/dev nodes" "$(for d in full null random tty urandom zero; do stat -c '%t:%T %a' /dev/$d; done)"
for at in /proc /dev /dev/pts /dev/shm /dev/mqueue /sys; do say "$at: mount options" "$(mounted $at)"; done
say "/etc/hosts: mount options" "$(mounted /etc/hosts | sed 's/,*relatime//')"
say "/dev/shm, KB" "$(df -k /dev/shm | awk 'END { print $2 }')"
for p in kcore keys latency_stats timer_list timer_stats sched_debug scsi acpi asound; do
    if [ -d /proc/$p ]; then hidden=$(ls -A /proc/$p | wc -l); else hidden=$(head -c 1 /proc/$p 2>/dev/null | wc -c); fi
    say "/proc/$p" "$hidden seen"
done
say "/sys/firmware" "$(ls -A /sys/firmware 2>/dev/null | wc -l) seen"
for p in /proc/sys/kernel/domainname /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/profiling /proc/irq/x /proc/bus/x /proc/fs/x /sys/x; do
    say "write to $p" "$(write_to $p)"
done
say "control groups made" "$(for d in $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs); do try mkdir ${d%/*}/x; done | sort -u)"
say "mount" "$(try mount -t tmpfs none /tmp)"
say "mount, bind" "$(try mount -o bind /etc /tmp)"
say "remount of / and /proc/sys" "$(try mount -o remount,rw /proc/sys) $(try mount -o remount,ro /)"
say "unmount of /proc" "$(try umount /proc)"
for n in mount user net pid uts ipc; do say "unshare, $n" "$(try unshare --$n true)"; done
say "pivot_root" "$(try pivot_root /tmp /tmp)"
say "chroot" "$(try chroot / true)"
say "host name set" "$(try hostname other)"
say "clock set" "$(date -s "@$(date +%s)" 2>&1 | grep -q 'not permitted' && echo refused || echo done)"
say "nice below 0" "$(try nice -n -5 true)"
say "swapon" "$(try swapon /etc/passwd)"
say "insmod" "$(try insmod /etc/passwd)"
say "dmesg" "$(try dmesg)"
say "chown, setuid bit" "$(touch /x && chown 5:6 /x && chmod 4755 /x && stat -c '%u %g %a' /x)"
say "nodes made" "$(try mknod /disk b 254 0) $(try mknod /null c 1 3) $(try mkfifo /fifo)"
say "node of a disk, opened" "$( (: </disk) 2>/dev/null && echo opened || echo refused)"
say "node of the kernel's memory, in /dev" "$(mknod /dev/m c 1 1 && { (: </dev/m) 2>/dev/null && echo opened || echo refused; })"
say "node of a tunnel, opened" "$(mknod /tun c 10 200 && { (exec 3<>/tun) 2>/dev/null && echo opened || echo refused; })"
say "node of /dev/zero made by a step" "$(mknod /zero c 1 5 && { (: </zero) 2>/dev/null && echo opened || echo refused; })"
rm -f /x /disk /null /fifo /zero /tun /dev/m
say "removal of /dev/full" "$(try rm /dev/full)"
say "ulimit, core" "$(ulimit -c)"
say "ulimit, files" "$(ulimit -n) $(ulimit -Hn)"
say "kill of 1 by itself" "$(kill -9 1 && echo no effect)"
say "processes seen" "$(grep -q checks /proc/1/cmdline && [ "$(ls -d /proc/[0-9]* | wc -l)" -lt 20 ] && echo its own || echo others)"
say "loopback address" "$(ip -o addr show lo | grep -c '127.0.0.1/8')"
S
{
    cat <<'D'
FROM base AS s
RUN mkdir -m 1777 /o && : >/o/list && chmod 666 /o/list
D
    for ns in mnt pid ipc uts cgroup net user time; do echo "ARG $(echo $ns | tr a-z A-Z)_NS=$(readlink /proc/self/ns/$ns)"; done
    cat <<'D'
RUN --mount=type=bind,source=checks,target=/checks sh /checks
RUN --network=none echo "network none: devices	$(ls /sys/class/net) $(cat /sys/class/net/lo/flags)" >>/o/list
USER app
RUN --mount=type=bind,source=checks,target=/checks sh /checks
USER root
RUN (sleep 1111; echo late) & setsid sleep 1111 & true
RUN echo "processes of the step before	$(pidof sleep | wc -w)" >>/o/list
FROM scratch
COPY --from=s /o/list /
D
} | dockerfile

# After the build: what a step is said to have done, by its end.
code() { # ITEM INSTRUCTIONS: how the build says that it failed
    printf 'FROM base\n%s\n' "$2" >"$context/code.Dockerfile"
    got=0
    build --no-cache -f "$context/code.Dockerfile" -o type=cacheonly >"$work/out" 2>"$work/err" || got=$?
    printf '%s\t%s\n' "$1" "status $got; $(sed -n 's/.*did not complete successfully: //p' "$work/err" | tail -n 1); $(sed -n 's/^hint: //p' "$work/err" | sed '/whole output is in /d; s/tenon shell.*/tenon shell/')" >>"$work/tree/list"
}
for executor in oci native; do
    use_executor $executor
    result --no-cache --ulimit core=0 --ulimit nofile=512:1024
    for at in /dev/shm /sys/firmware; do
        printf 'FROM base\nRUN --mount=type=tmpfs,target=%s ls %s\n' $at $at >"$context/code.Dockerfile"
        run 0 build --no-cache -f "$context/code.Dockerfile" -o type=cacheonly
        printf 'mount at %s\tdone\n' $at >>"$work/tree/list"
    done
    printf 'FROM base\nRUN --mount=type=tmpfs,target=/dev head -c 1 /proc/keys | wc -c\n' >"$context/code.Dockerfile"
    if build --no-cache -f "$context/code.Dockerfile" -o type=cacheonly >"$work/out" 2>"$work/err"; then
        printf 'mount at /dev\tdone; %s of /proc/keys seen\n' "$(sed -nE 's/^#[0-9]+ ([0-9.]+ )?([0-9]+)$/\2/p' "$work/err")" >>"$work/tree/list"
    else
        assert_has "$work/err" "not supported by executor-oci"
        printf 'mount at /dev\trefused\n' >>"$work/tree/list"
    fi
    code "end with 3" "RUN exit 3"
    code "end by signal 9" "RUN sh -c 'kill -9 \$\$'; exit \$?"
    code "no such program" 'RUN ["none"]'
    code "no program, but a directory" 'RUN ["/etc"]'
    code "a file that is not executable" 'RUN ["/etc/passwd"]'
    code "no such interpreter" "RUN echo '#!/none' >/p && chmod 755 /p
RUN [\"/p\"]"
    code "directory that the user cannot enter" 'RUN mkdir -m 700 /locked
USER app
WORKDIR /locked
RUN pwd; ! ls >/dev/null 2>&1; exit 4'
    cp "$work/tree/list" "$work/$executor"
done

# The table.
join_lists() {
    awk -F '\t' -v explained="$work/explained" '
        BEGIN { while ((getline line <explained) > 0) may[line] = 1
                print "| | `executor-oci` (runc) | `executor-native` | same |"; print "| --- | --- | --- | --- |" }
        FNR == NR { oci[$1] = $2; order[++n] = $1; next }
        { native[$1] = $2; if (!($1 in oci)) { oci[$1] = "(not asked)"; order[++n] = $1 } }
        END { for (i = 1; i <= n; i++) { k = order[i]
                same = oci[k] == native[k] ? "yes" : may[k] ? "no (1)" : "NO"
                printf "| %s | %s | %s | %s |\n", k, oci[k], native[k], same } }' "$work/oci" "$work/native"
}
join_lists >"$work/table"
cat "$work/table"
[ "$(grep -c '^' "$work/table")" -gt 80 ] || fail "the list of checks is short"
! grep '| NO |$' "$work/table" >&2 || fail "the executors differ"
while read -r item; do
    grep -F "| $item |" "$work/table" | grep -qF '| no (1) |' || fail "explained, and no difference any more: $item"
done <"$work/explained"
sed -n '/^| | `executor-oci` (runc)/,/^$/{/^$/!p}' "$doc" >"$work/of-doc"
diff "$work/of-doc" "$work/table" || fail "docs/executors.md has another table"
