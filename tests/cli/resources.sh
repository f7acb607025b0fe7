#!/bin/sh
# --resource: what the kernel was told, and that it does it; --cgroup-parent. Where
# there is no control group to be had the build says so.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
dockerfile <<'D'
FROM base AS s
RUN mkdir /o
RUN cd /sys/fs/cgroup; read_one() { cat $1 2>/dev/null || cat $2 2>/dev/null || echo none; }; \
    { echo memory $(read_one memory/memory.limit_in_bytes memory.max); \
      echo shares $(read_one cpu/cpu.shares cpu.weight); \
      echo quota $(read_one cpu/cpu.cfs_quota_us cpu.max); \
      echo period $(read_one cpu/cpu.cfs_period_us cpu.max); \
      echo cpus $(read_one cpuset/cpuset.cpus cpuset.cpus); } >/o/told; \
    echo processors $(nproc) >/o/done; \
    throttled() { cat cpu/cpu.stat cpu.stat 2>/dev/null | grep -q '^nr_throttled [1-9]'; }; \
    n=0; until throttled || [ $n -ge 2000 ]; do n=$((n + 1)); done; \
    if throttled; then echo throttled; else echo free; fi >>/o/done; \
    cat /proc/self/cgroup >/o/groups
FROM scratch
COPY --from=s /o /
D
v2=
[ ! -e /sys/fs/cgroup/cgroup.controllers ] || v2=1
for executor in $executors; do
    use_executor $executor
    got=0
    rm -rf "$work/tree"
    build --no-cache -o "$work/tree" --resource memory=64m --resource memory-swap=-1 --resource cpu-shares=512 \
        --resource cpu-quota=5000 --resource cpu-period=50000 --resource cpuset-cpus=0 >"$work/out" 2>"$work/err" || got=$?
    if [ $got = 1 ] && grep -q "resource limits:\|cgroup" "$work/err"; then
        sed 's/^/  | /' "$work/err"
        skip "needs control groups for memory, cpu and cpuset"
    fi
    assert_eq 0 $got
    saw told "memory 67108864
shares $([ -z "$v2" ] && echo 512 || echo 20)
quota $([ -z "$v2" ] && echo 5000 || echo 5000 50000)
period $([ -z "$v2" ] && echo 50000 || echo 5000 50000)
cpus 0"
    saw done "processors 1
throttled"
    # The step sees its group as the root.
    ! grep -v ':/$' "$work/tree/groups" || fail "$executor: the step sees the groups above"

    # Limits are no part of a key.
    run 0 build -o type=cacheonly --resource memory=128m
    assert_eq 3 "$(steps_ended "$work/err" CACHED | wc -l)" # all of them
    # A group of somebody's choice, above the step's.
    parent=tenon-test-$$
    printf 'FROM base\nRUN --mount=type=cache,target=/marks echo begun; n=0; while ! test -e /marks/go; do n=$((n + 1)); [ $n -lt 600 ] || exit 9; sleep 0.05; done; rm /marks/go\n' >"$context/slow.Dockerfile"
    printf 'FROM base\nARG N\nRUN --mount=type=cache,target=/marks touch /marks/go\n' >"$context/go.Dockerfile"
    rm -f "$work/slow"
    "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache -f "$context/slow.Dockerfile" \
        --cgroup-parent "$parent" --build-context "base=oci-layout://$bases/busybox" "$context" >"$work/slow" 2>&1 &
    pid=$!
    remember $pid
    wait_for "$work/slow" "begun"
    find /sys/fs/cgroup -maxdepth 3 -path "*/$parent/tenon-*" -type d >"$work/groups"
    [ -s "$work/groups" ] || fail "$executor: not below --cgroup-parent"
    run 0 build -f "$context/go.Dockerfile" --build-arg N=$executor
    wait $pid || { cat "$work/slow" >&2; fail "the step"; }
    # The step's own is gone; the other is for whoever named it.
    while read -r group; do
        await "the end of the step's group" test ! -d "$group"
        rmdir "${group%/*}"
    done <"$work/groups"
done

# ---- refused -------------------------------------------------------------------
refused() { # TEXT VALUE
    run 2 build --resource "$2"
    assert_has "$work/err" "$1"
}
refused 'invalid value for memory: "much"' memory=much
refused 'invalid value for cpu-quota: "1.5"' cpu-quota=1.5
refused 'invalid value for cpu-shares: ""' cpu-shares=
refused 'invalid resource "disk=1g"' disk=1g
refused 'invalid resource "memory"' memory
printf 'FROM base\nRUN true\n' | dockerfile
for executor in $executors; do
    use_executor $executor
    run 1 build --no-cache --resource memory=64m --resource memory-swap=1m
    run 1 build --no-cache --resource cpuset-cpus=4000
done
