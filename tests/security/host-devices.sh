#!/bin/sh
# Device nodes of the machine: made by a step where it can write, or lying in an
# archive, a layer, a mount.  A step may make any (CAP_MKNOD, as BuildKit has it),
# and opens none but those of every step and those that the user granted.
. "$(dirname "$0")/lib.sh"
roots_alone="its steps make no nodes, and what is unpacked has none (tests/rootless/steps.sh)"

# The kernel's log and memory, what makes networks (runtimes allow it by themselves), consoles,
# loop devices, file systems of users, and a disk if there is one.
disk=$(cat /sys/class/block/*/dev 2>/dev/null | head -n 1)
devices="c 1 11
c 1 1
c 10 200
c 5 1
c 4 0
c 10 237
b 7 0
c 10 229${disk:+
b ${disk%:*} ${disk#*:}}"

"$python" - "$context/nodes.tar" $devices <<'END_PYTHON'
import sys, tarfile
with tarfile.open(sys.argv[1], "w") as t:
    words = sys.argv[2:]
    for n in range(0, len(words), 3):
        i = tarfile.TarInfo("archived-" + "-".join(words[n:n + 3]))
        i.type = tarfile.BLKTYPE if words[n] == "b" else tarfile.CHRTYPE
        i.devmajor, i.devminor, i.mode = int(words[n + 1]), int(words[n + 2]), 0o666
        t.addfile(i)
END_PYTHON

each_device() { echo "$devices" | while read -r type major minor; do "$@"; done; }
make_nodes() {
    name=made-$type-$major-$minor
    echo " mknod /nodes/$name $type $major $minor; mknod /cache/$name $type $major $minor; \\"
}
try_nodes() {
    cat <<END
    for d in /nodes/archived- /nodes/made- /cache/made- /bound/nodes/archived- /bound/nodes/made- \\
        /new- /dev/new- /tmpfs/new- /cache/new- /tmp/new-; do \\
        /probe device $type $major $minor \${d}$type-$major-$minor; done; \\
END
}
cat >"$context/Dockerfile" <<END
FROM base AS layer
COPY probe /
ADD nodes.tar /nodes/
RUN --mount=type=cache,target=/cache $(each_device make_nodes)
    chmod 666 /nodes/* /cache/*
FROM base
COPY --from=layer / /
COPY --from=layer /nodes /nodes
RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/tmpfs --mount=from=layer,target=/bound \\
    --mount=from=layer,source=/nodes/archived-c-1-11,target=/bound-node \\
$(each_device try_nodes)
    /probe device c 1 11 /bound-node; /probe device c 1 11 /dev/shm/new; \\
    /probe device c 1 3 /own-null; echo x >/own-null && echo own null; \\
    head -c 1 /dev/zero | wc -c | sed 's/^/zero /'; head -c 1 /dev/urandom | wc -c | sed 's/^/urandom /'; \\
    test ! -e /dev/kmsg && test ! -e /dev/mem && echo no others; cut -d: -f3 /proc/self/cgroup | sort -u
END
cat >"$context/granted.Dockerfile" <<'END'
FROM base
COPY probe /
RUN --device=vendor.com/log=a /probe device c 1 11 /dev/granted; /probe device c 1 11 /again; \
    /probe device c 1 1 /memory
RUN /probe device c 1 11 /without
END
# The nodes of every step, and what it reads, could be the machine's, whose root is root of the step by
# its number: their owners and modes are nobody else's to change.
cat >"$context/owned.Dockerfile" <<'END'
FROM base
RUN for d in null zero full random urandom tty; do chgrp 1 /dev/$d && chmod 646 /dev/$d && stat -c '%n %g %a' /dev/$d; done; \
    chgrp 1 /proc/self/fd/0; chmod 646 /proc/self/fd/0; cat && echo read nothing
RUN --device=vendor.com/log=b chgrp 1 /dev/log-b; chmod 646 /dev/log-b; cat /dev/log-b && echo x >/dev/log-b && echo both ways
END
nodes="/dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty"
mknod -m 640 "$work/log-b" c 1 3
owners() { stat -c '%n %u %g %a' $nodes "$work/log-b"; }
mkdir "$work/cdi"
cat >"$work/cdi/vendor.json" <<END
{"cdiVersion": "0.6.0", "kind": "vendor.com/log", "devices": [
  {"name": "a", "containerEdits": {"deviceNodes": [
    {"path": "/dev/granted", "type": "c", "major": 1, "minor": 11, "fileMode": 438}]}},
  {"name": "b", "containerEdits": {"deviceNodes": [{"path": "/dev/log-b", "hostPath": "$work/log-b"}]}}]}
END
config='"cdi-dirs": ["'$work'/cdi"]'

nothing_opens() {
    opened=$(said | grep -E '^(read|write) .*: works$' | grep -v own-null || :)
    [ -z "$opened" ] || fail "$executor: $opened"
    assert_said "zero 1"
    assert_said "urandom 1"
    assert_said "no others"
}

trial() {
    try 0 --no-cache
    nothing_opens
    assert_said "read /nodes/archived-c-1-11: EPERM"
    assert_said "read /bound-node: EPERM"
    # What every step may have works, also where it made it.
    assert_said "read /own-null: works"
    assert_said "own null"
    # How it is refused differs in /dev, which a runtime makes in the step's namespace of users.
    said | sed 's/EACCES$/EPERM/' | sort >"$work/said-$executor"

    # Steps with a group of their own.
    try 0 --no-cache --cgroup-parent "/tenon-test-$$"
    rmdir /sys/fs/cgroup/*/tenon-test-$$ /sys/fs/cgroup/tenon-test-$$ 2>/dev/null || :
    nothing_opens

    # Granted by name: this one opens, in the step that was granted it.
    try 0 --no-cache -f "$context/granted.Dockerfile" --allow device=vendor.com/log=a
    assert_said "write /dev/granted: works"
    assert_said "write /again: works"
    assert_said "read /memory: EPERM"
    assert_said "write /without: EPERM"

    before=$(owners)
    try 0 --no-cache -f "$context/owned.Dockerfile" --allow device=vendor.com/log=b
    assert_eq "$before" "$(owners)"
    for d in null zero full random urandom tty; do
        assert_said "/dev/$d 1 646"
    done
    assert_said "read nothing"
    assert_said "both ways"
}
# What an executor that fails here has done to the machine.
machines=$(stat -c '%g %a %n' $nodes)
give_back() { echo "$machines" | while read -r group mode node; do chgrp "$group" "$node" && chmod "$mode" "$node"; done; }
at_exit="$at_exit give_back"
each_executor trial
[ ! -e "$work/said-oci" ] || diff "$work/said-native" "$work/said-oci" || fail "the executors differ"

# Machines that have control groups of version 2 alone, as far as one can be made here.
only_v2() {
    run 0 unshare --mount sh -c 'umount /sys/fs/cgroup/* 2>/dev/null; umount /sys/fs/cgroup
        mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh "$abs_top_builddir/tenon-dev" --root "$store" build \
        --progress=plain --build-context "$base" -o type=cacheonly --no-cache "$context"
    nothing_opens
    said | sed 's/EACCES$/EPERM/' | sort | diff "$work/said-$executor" - || fail "$executor: differs with version 2 alone"
}
if unshare --mount sh -c 'umount /sys/fs/cgroup/* 2>/dev/null; umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup'; then
    each_executor only_v2
else
    not_tried "version 2 alone: needs a cgroup2 that can be mounted"
fi

# Where no control group can be made, no node opens at all, but those of /dev.
group=
v2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
[ -z "$v2" ] || group=$v2/test-$$
if [ -z "$group" ] || ! mkdir "$group" 2>/dev/null || ! echo 0 >"$group/cgroup.max.descendants"; then
    not_tried "a machine without control groups: needs a version 2 group to be without"
    exit 0
fi
executor=native
store=$work/store-none
echo '{"executor": "native"}' >"$TENON_CONFIG"
run 0 sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$group" "$abs_top_builddir/tenon-dev" -D \
    --root "$store" build --progress=plain --build-context "$base" -o type=cacheonly "$context"
rmdir "$group"
assert_has "$work/err" "no control group for devices"
nothing_opens
assert_said "read /own-null: EACCES"
