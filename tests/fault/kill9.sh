#!/bin/sh
# kill -9 in the middle of a RUN, a COPY, a pull and an export, at random
# moments: no mount, no process, no half record; the next build is right and
# sweeps what was left.  FAULT_ROUNDS rounds each (scripts/check: 25); FAULT_SEED
# repeats one.
. "$(dirname "$0")/lib.sh"
need_root
need docker-registry python3
make_bases

rounds=${FAULT_ROUNDS:-3}
seed=${FAULT_SEED:-$$}
echo "FAULT_SEED=$seed FAULT_ROUNDS=$rounds"

# Moments: fractions of a whole build's time, a whole test's worth at once.
awk -v seed="$seed" -v n=$((rounds * 4)) \
    'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.4f\n", rand() }' >"$work/fractions"
exec 3<"$work/fractions"

context=$work/context
mkdir -p "$context/tree"
python3 - "$context" <<'END_PYTHON'
import os, random, sys
r = random.Random(1)
for i in range(200):
    d = "%s/tree/%d" % (sys.argv[1], i % 20)
    os.makedirs(d, exist_ok=True)
    open("%s/%d" % (d, i), "wb").write(r.randbytes(500))
open(sys.argv[1] + "/big", "wb").write(r.randbytes(2 << 20))
END_PYTHON
cp -r "$context/tree" "$context/tree2"

# The salt makes a step another one, and what it gives the same.
cat >"$context/run.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN --mount=type=bind,source=salt,target=/salt \
    for i in 1 2 3 4 5 6 7 8; do mkdir -p /d/$i && echo $i >/d/$i/f; sleep 0.02; done
RUN echo end >/end
END_FILE
cat >"$context/copy.Dockerfile" <<'END_FILE'
FROM base AS one
COPY salt /salt
FROM one AS two
COPY --link=false tree /tree
COPY big /big
COPY --chmod=600 tree2 /tree2
FROM base
COPY --from=two /tree /tree2 /all/
COPY --from=two /big /all/
END_FILE
cat >"$context/export.Dockerfile" <<'END_FILE'
FROM base
RUN --mount=type=bind,source=salt,target=/salt true
COPY tree /tree
COPY big /big
END_FILE

start_registry </dev/null
cat >"$context/pulled.Dockerfile" <<'END_FILE'
FROM base
COPY big /one
COPY tree /two
COPY big /three/four
END_FILE
printf 'FROM %s/pulled\n' "$registry" >"$context/pull.Dockerfile"
echo 0 >"$context/salt"
base="base=oci-layout://$bases/busybox"
export SOURCE_DATE_EPOCH=1700000000
run 0 build "$work/other-store" -f "$context/pulled.Dockerfile" --build-context "$base" \
    -o "type=image,name=$registry/pulled,push=true" "$context"

flags() { # KIND DEST
    set -- -f "$context/$1.Dockerfile" --build-context "$base" "$context" --iidfile "$work/iid" \
        -o "type=oci,rewrite-timestamp=true,dest=$2"
    printf '%s\n' "$@"
}

# one KIND NAME ROOT ROUND
fresh() {
    echo "$1 $2" >"$context/salt"
    # What was pulled stays in a store; so each has its own.
    if [ "$1" = pull ]; then root=$work/store-pull; rm -rf "$root"; else root=$store; fi
}

for kind in run copy pull export; do
    start=$(now)
    for warm in 1 2; do
        fresh $kind "reference $warm"
        began=$(now)
        run 0 build "$root" $(flags $kind "$work/reference.tar")
        took=$(since "$began")
        cp "$work/iid" "$work/reference.iid"
    done
    ended=0
    for round in $(seq "$rounds"); do
        fresh $kind "$round"
        read -r fraction <&3
        begin "$root" $(flags $kind "$work/killed.tar")
        sleep "$(awk -v f="$fraction" -v t="$took" 'BEGIN { printf "%.4f", f * t / 1000 }')"
        kill -KILL $tenon 2>/dev/null || :
        status=0
        wait $tenon 2>/dev/null || status=$?
        if [ $status = 0 ]; then ended=$((ended + 1)); fi
        no_process
        no_mount "$root"
        store_right "$root"
        # What stands under the name of an export is whole.
        if [ -e "$work/killed.tar" ]; then
            tar -tf "$work/killed.tar" >/dev/null 2>&1 || fail "$kind $round: half an archive"
        fi
        assert_eq "" "$(cd "$work" && ls -d killed.tar?* .killed* 2>/dev/null || :)"
        run 0 build "$root" $(flags $kind "$work/next.tar")
        cmp -s "$work/iid" "$work/reference.iid" ||
            fail "$kind $round: $(cat "$work/iid") instead of $(cat "$work/reference.iid")"
        no_leftover "$root"
        if [ -d /sys/fs/cgroup ]; then
            assert_eq "" "$(find /sys/fs/cgroup -name "tenon-$tenon-*" 2>/dev/null || :)"
        fi
        rm -f "$work/killed.tar" "$work/next.tar"
    done
    store_right "$root"
    echo "$kind: $rounds killed, $ended of them had ended ($took ms each); $(since "$start") ms"
done
