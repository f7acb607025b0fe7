#!/bin/sh
# kill -9 in the middle of a RUN, a COPY, a pull and an export, at random
# moments: no mount, no process, no half record; the next build is right and
# sweeps what was left.  FAULT_ROUNDS rounds each (scripts/check: 10), in which
# what the build said shows that it was killed in the middle of that; those that
# came late are looked at as well, and tried again.  FAULT_SEED repeats a
# test.
. "$(dirname "$0")/lib.sh"
need_root
rounds=${FAULT_ROUNDS:-3}
seed=${FAULT_SEED:-$$}
echo "FAULT_SEED=$seed FAULT_ROUNDS=$rounds"

# Moments: fractions of the time from the beginning to the end of what is to be
# hit, a whole test's worth at once.
tries=$((rounds * 3))
awk -v seed="$seed" -v n=$((tries * 4)) \
    'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.4f\n", rand() }' >"$work/fractions"
exec 3<"$work/fractions"

. "$abs_top_srcdir/tests/fault/kinds.sh"
printf 'FROM base
RUN true
' >"$context/sweep.Dockerfile"

for kind in run copy pull export; do
    start=$(now)
    for warm in 1 2; do
        fresh $kind "reference $warm"
        end_in KILL $kind 0 0 "$work/reference.tar"
        took=$took_ms
        cp "$work/iid" "$work/reference.iid"
    done
    killed=0 middle=0
    while [ $middle -lt "$rounds" ] && [ $killed -lt $tries ]; do
        killed=$((killed + 1))
        fresh $kind "$killed"
        read -r fraction <&3
        end_in KILL $kind "$fraction" "$took" "$work/killed.tar"
        case $ended in
        middle) middle=$((middle + 1)) ;;
        *) took=$(awk "BEGIN { print $took * 0.8 }") ;; # the machine is less busy than it was
        esac
        no_process
        no_mount "$root"
        store_right "$root"
        # What stands under the name of an export is whole.
        if [ -e "$work/killed.tar" ]; then
            tar -tf "$work/killed.tar" >/dev/null 2>&1 || fail "$kind $killed: half an archive"
        fi
        assert_eq "" "$(cd "$work" && ls -d killed.tar?* .killed* 2>/dev/null || :)"
        run 0 build "$root" $(flags $kind "$work/next.tar")
        cmp -s "$work/iid" "$work/reference.iid" ||
            fail "$kind $killed: $(cat "$work/iid") instead of $(cat "$work/reference.iid")"
        no_leftover "$root"
        # An empty control group goes with the next step that runs, if none did.
        groups=$(find /sys/fs/cgroup -name "tenon-$tenon-*" 2>/dev/null || :)
        if [ -n "$groups" ]; then
            run 0 build "$root" --no-cache -f "$context/sweep.Dockerfile" --build-context "$base" -o type=cacheonly "$context"
            assert_eq "" "$(find /sys/fs/cgroup -name "tenon-$tenon-*" 2>/dev/null || :)"
        fi
        rm -f "$work/killed.tar" "$work/next.tar"
    done
    store_right "$root"
    # Most of them; the moments are chance.
    [ $((middle * 2)) -ge "$rounds" ] || fail "$kind: only $middle kills in the middle of it"
    # A collector takes what has a name and no row.
    "$abs_top_builddir/tenon-dev" --root "$root" prune --force --filter until=1000h >"$work/prune" 2>&1 ||
        { cat "$work/prune" >&2; fail "prune"; }
    "$python" -E -S "$here/check-store" --collected "$root" || fail "$kind: left after a prune"
    no_leftover "$root"
    echo "$kind: $middle killed in the middle, of $killed ($took ms); $(since "$start") ms"
done
