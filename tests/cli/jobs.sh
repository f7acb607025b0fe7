#!/bin/sh
# Steps that do not need each other run at the same time, however many they are;
# "jobs" in the configuration is a bound.
. "$(dirname "$0")/lib.sh"
need_root
make_bases
mkdir "$work/context"

# Each step waits for all the others: with fewer at a time it would not end.
count=24
{
    for i in $(seq $count); do
        echo "FROM base AS s$i"
        echo "RUN --mount=type=cache,target=/meet touch /meet/$i; \\"
        echo "    until [ \$(ls /meet | wc -l) = $count ]; do sleep 0.05; done; echo $i >/out$i"
    done
    echo "FROM scratch"
    for i in $(seq $count); do echo "COPY --from=s$i /out$i /"; done
} >"$work/context/Dockerfile"
build() {
    timeout 300 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain \
        --build-context "base=oci-layout://$bases/busybox" "$@" "$work/context"
}
run 0 build -o "$work/out.d"
assert_eq $count "$(ls "$work/out.d" | wc -l)"

# What comes before a COPY from a slow stage does not wait for that stage; here the
# stage waits for it.
cat >"$work/context/Dockerfile" <<'END'
FROM base AS one
RUN echo 1 >/one
FROM base AS two
RUN --mount=type=cache,target=/order until [ -e /order/three ]; do sleep 0.05; done; echo 2 >/two
FROM base
COPY --from=one /one /
RUN --mount=type=cache,target=/order touch /order/three; cat /one >/three
COPY --from=two /two /
RUN cat /one /two /three >/all
FROM scratch
COPY --from=2 /all /
END
run 0 build -o "$work/order"
assert_eq "1 2 1" "$(echo $(cat "$work/order/all"))"

# Each step counts who is there while it is.
{
    for i in $(seq 6); do
        echo "FROM base AS s$i"
        echo "RUN --mount=type=cache,target=/there touch /there/$i; \\"
        echo "    for t in 1 2 3 4 5; do ls /there | wc -l; sleep 0.02; done >/out$i; rm /there/$i"
    done
    echo "FROM scratch"
    for i in $(seq 6); do echo "COPY --from=s$i /out$i /"; done
} >"$work/context/Dockerfile"
echo '{"jobs": 2}' >"$TENON_CONFIG"
run 0 build -o "$work/two"
[ "$(cat "$work"/two/out* | sort -n | tail -n 1)" -le 2 ] || fail "more than two at once"

# No more at once than there are descriptors for.
{
    for i in $(seq 60); do
        echo "FROM base AS s$i"
        echo "RUN sleep 0.3; echo $i >/out"
    done
    echo "FROM scratch"
    for i in $(seq 60); do echo "COPY --from=s$i /out /$i"; done
} >"$work/context/Dockerfile"
echo '{}' >"$TENON_CONFIG"
(ulimit -Sn 512 && run 0 build -o "$work/sixty") || exit 1
assert_eq 60 "$(ls "$work/sixty" | wc -l)"

echo '{"jobs": 0}' >"$TENON_CONFIG"
run 1 build
assert_has "$work/err" "jobs: expected 1 to"
