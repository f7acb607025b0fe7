#!/bin/sh
# RUN --mount=type=cache: each key; kept over builds, never in the image; dropped
# by --no-cache; seen by du and collected by prune. Steps at the same time:
# mount-cache-sharing.sh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need jq

# ---- the keys ------------------------------------------------------------------
mkdir "$context/seed"
echo seed >"$context/seed/file"
dockerfile <<'D'
FROM base AS seeds
RUN mkdir -p /s/d /empty && echo of stage >/s/d/file && chmod 2750 /s/d && chown 1000:1002 /s/d /s/d/file && ln -s file /s/d/link
FROM base AS s
ARG N
WORKDIR /w
RUN mkdir /o
RUN --mount=type=cache,target=/c stat -c '%a %u %g' /c >/o/default; echo $N >>/c/log; wc -l </c/log >>/o/default
# The path is the name, whatever its spelling; an id is another name; one name at two
# places is one directory.
RUN --mount=type=cache,target=//c/../c/ wc -l </c/log >/o/clean
RUN --mount=type=cache,dst=rel echo of the work directory >/w/rel/file
RUN --mount=type=cache,id=rel,destination=/elsewhere cat /elsewhere/file >/o/relative
RUN --mount=type=cache,id=/c,target=/other wc -l </other/log >/o/id
RUN --mount=type=cache,id=new,target=/c ls -A /c >/o/new; echo hidden in a cache >/c/x
RUN --mount=type=cache,id=two,target=/a --mount=type=cache,id=two,target=/b echo x >/a/x; cat /b/x >/o/twice
# mode, uid, gid make another cache.
RUN --mount=type=cache,target=/c,mode=0700,uid=1000,gid=1002 stat -c '%a %u %g' /c >/o/owner; ls -A /c >>/o/owner; touch /c/owned
RUN --mount=type=cache,target=/c,mode=0700,uid=1000,gid=1002 ls -A /c >>/o/owner
RUN --mount=type=cache,target=/c,mode=1777 stat -c '%a %u %g' /c >/o/mode; ls -A /c >>/o/mode
# What it starts with: of a stage, with owners and modes; of an image; nothing.
RUN --mount=type=cache,target=/sd,from=seeds,source=/s/d stat -c '%a %u %g' /sd /sd/file >/o/seeded; \
    readlink /sd/link >>/o/seeded; cat /sd/file >>/o/seeded; echo changed >/sd/file
RUN --mount=type=cache,target=/sd,from=seeds,source=/s/d cat /sd/file >>/o/seeded
RUN --mount=type=cache,target=/sd,from=seeds,source=/empty ls -A /sd >>/o/seeded
RUN --mount=type=cache,target=/sd,from=base,source=/home ls -A /sd >/o/image
RUN --mount=type=bind,from=seeds,source=/s/d,target=/b cat /b/file >/o/unchanged
# A part of it, without from=.
RUN --mount=type=cache,id=whole,target=/c mkdir -p /c/sub && echo of the part >/c/sub/file
RUN --mount=type=cache,id=whole,source=sub,target=/part ls /part >/o/part; cat /part/file >>/o/part; echo more >/part/more
RUN --mount=type=cache,id=whole,target=/c cat /c/sub/more >>/o/part; rm -r /c/sub
# Read-only.
RUN --mount=type=cache,target=/c,ro (echo x >/c/ro) 2>/dev/null && echo wrote >/o/ro || echo refused >/o/ro; wc -l </c/log >>/o/ro
RUN --mount=type=cache,target=/c,readonly=false echo x >/c/rw && echo wrote >>/o/ro
# Kept from one step to the next in all modes.
RUN --mount=type=cache,id=p,target=/p,sharing=private --mount=type=cache,id=l,target=/l,sharing=locked echo a >>/p/f; echo b >>/l/f
RUN --mount=type=cache,id=p,target=/p,sharing=PRIVATE --mount=type=cache,id=l,target=/l,sharing=locked cat /p/f /l/f >/o/modes
RUN ls -d /c /w/rel /elsewhere /other /sd /p /l /a /b 2>/dev/null >/o/left || true
FROM scratch
COPY --from=s /o /
D
count=0
for executor in $executors; do
    use_executor $executor
    store=$work/store-$executor
    result --build-arg N=1
    saw default "755 0 0
1"
    saw clean 1
    saw relative "of the work directory"
    saw id 1
    saw new ""
    saw twice x
    saw owner "700 1000 1002
owned"
    saw mode "777 0 0" # as with BuildKit: permissions alone
    saw seeded "2750 1000 1002
644 1000 1002
file
of stage
changed"
    saw image app
    saw unchanged "of stage"
    saw part "file
of the part
more"
    saw ro "refused
1
wrote"
    saw modes "a
b"
    saw left ""
    # Kept over builds, and no part of a key.
    result --build-arg N=2
    saw default "755 0 0
2"
    saw owner "700 1000 1002
owned
owned"
    saw modes "a
a
b
b"
    # Never in the store's layers or the image.
    ! grep -rl "hidden in a cache$" "$store/snapshots" >"$work/hits" || fail "in $(cat "$work/hits")"
done

# ---- --no-cache: that step's alone ---------------------------------------------
dockerfile <<'D'
FROM base AS one
RUN --mount=type=cache,target=/one echo >>/one/log; wc -l </one/log >/n
FROM base AS two
ARG N
RUN --mount=type=cache,target=/one,sharing=locked echo >>/one/log; wc -l </one/log >/n
RUN --mount=type=cache,target=/own,mode=0700 echo >>/own/log; wc -l </own/log >/m
FROM scratch
COPY --from=two /n /two
COPY --from=two /m /own
D
store=$work/store-drop
counts() {
    result "$@"
    echo $(cat "$work/tree/two" "$work/tree/own")
}
assert_eq "1 1" "$(counts --build-arg N=1)"
assert_eq "2 2" "$(counts --build-arg N=2)"
assert_eq "2 2" "$(counts --build-arg N=2)"
# The caches of steps that are not run by it stay.
assert_eq "3 3" "$(counts --build-arg N=3 --no-cache-filter one)"
assert_eq "1 1" "$(counts --build-arg N=3 --no-cache-filter two)"
assert_eq "2 2" "$(counts --build-arg N=4)"
assert_eq "1 1" "$(counts --build-arg N=4 --no-cache)"
# What was dropped is not left behind in the store.
ids() { tenon du --filter type=exec.cachemount --format json | jq -s length; }
assert_eq 2 "$(ids)"

# ---- names apart ---------------------------------------------------------------
assert_eq "2 2" "$(counts --build-arg N=5)"
assert_eq "1 1" "$(counts --build-arg N=6 --build-arg BUILDKIT_CACHE_MOUNT_NS=other)"
assert_eq "2 2" "$(counts --build-arg N=7 --build-arg BUILDKIT_CACHE_MOUNT_NS=other)"
assert_eq "3 3" "$(counts --build-arg N=8)"
assert_eq 4 "$(ids)"

# ---- du and prune --------------------------------------------------------------
run 0 tenon prune --force --filter type=exec.cachemount --format json
assert_eq "4 exec.cachemount" "$(jq -rs '"\(length) \(map(.Type) | unique | join(","))"' "$work/out")"
assert_eq 0 "$(ids)"
assert_eq "" "$(ls "$store/cache-mounts")"
assert_eq "1 1" "$(counts --build-arg N=9)"

# ---- refused -------------------------------------------------------------------
refused() { # TEXT MOUNT
    printf 'FROM base\nRUN --mount=%s true\n' "$2" >"$context/bad.Dockerfile"
    run 1 build -f "$context/bad.Dockerfile"
    assert_has "$work/err" "$1"
}
refused 'unsupported sharing value "looked" (did you mean locked?)' type=cache,target=/c,sharing=looked
refused 'invalid mount target "/"' type=cache,target=/
refused "unexpected key 'required'" type=cache,target=/c,required=true
refused "unexpected key 'size'" type=cache,target=/c,size=1m
refused 'source: ' type=cache,target=/c,from=base,source=/none
refused 'cache "/fresh": source: "/none"' type=cache,target=/c,id=fresh,source=none
refused "invalid cache sharing set for bind mount" type=bind,target=/c,sharing=locked
