#!/bin/sh
# A cache mount whose source= is changed to a link while a step that shares the
# cache is being set up (CVE-2024-23651), and a cache that starts as a copy of a
# directory with such links in it: nothing of the machine is mounted or copied.
. "$(dirname "$0")/lib.sh"
rounds=${SECURITY_ROUNDS-8}

# One step swaps a directory of the cache with a link to the machine's until all
# others are over; they mount just that directory, and look.  Where the link is
# found it leads inside of the cache, to nothing, and the step fails.
{
    cat <<END
FROM base AS tools
COPY probe /
FROM tools AS fill
ARG ROUND
RUN --mount=type=cache,id=swap,target=/c rm -rf /c/*; mkdir -p /c/sub && ln -sfn $target /c/link; touch /filled
FROM fill AS swapper
RUN --mount=type=cache,id=swap,target=/c n=0; while test ! -e /c/over && test \$n -lt 400; do \\
    echo >>/c/swaps; /probe swap 50 /c/sub /c/link >/dev/null || exit 1; n=\$((n + 1)); done; touch /swapped
# Who looks begins when somebody swaps.
FROM fill AS begun
RUN --mount=type=cache,id=swap,target=/c n=0; until test -s /c/swaps || test \$n = 1200; do n=\$((n + 1)); sleep 0.05; done; touch /begun
END
    for i in 1 2 3 4; do
        cat <<END
FROM begun AS look$i
RUN --mount=type=cache,id=swap,source=sub,target=/m --mount=type=cache,id=swap,source=/sub,target=/n,ro \\
    cat /m/kept /n/kept /m/dir/kept 2>/dev/null; touch /m/new; echo looked; touch /looked$i
END
    done
    cat <<END
FROM base AS last
COPY --from=look1 /looked1 /
COPY --from=look2 /looked2 /
COPY --from=look3 /looked3 /
COPY --from=look4 /looked4 /
RUN --mount=type=cache,id=swap,target=/c touch /c/over
FROM base
COPY --from=last /looked1 /
COPY --from=swapper /swapped /
END
} >"$work/swap.Dockerfile"

# A seed with links: absolute, up, through /proc, to a directory and a file of it.
cat >"$work/seed.Dockerfile" <<END
FROM base AS seed
RUN mkdir -p /seed/in /seed/real && ln -s $target /seed/abs && ln -s ../../../../../../..$target /seed/up && \\
    ln -s /proc/1/root$target /seed/proc && ln -s $target/kept /seed/file && ln -s /seed/real /seed/good && \\
    echo fine >/seed/real/fine
FROM base
ARG ROUND
RUN --mount=type=cache,id=a-\$ROUND,target=/a,from=seed,source=/seed cat /a/abs/kept /a/up/kept /a/file /a/proc/kept 2>/dev/null; \\
    test -L /a/abs && test -L /a/file && echo links
RUN --mount=type=cache,id=b-\$ROUND,target=/b,from=seed,source=/seed/good cat /b/fine
END
for source in /seed/abs /seed/up /seed/proc /seed/file ../../../../../..$target; do
    cat >"$work/bad$(echo "$source" | tr / -).Dockerfile" <<END
FROM base AS seed
RUN mkdir -p /seed && ln -s $target /seed/abs && ln -s ../../../../../../..$target /seed/up && \\
    ln -s /proc/1/root$target /seed/proc && ln -s $target/kept /seed/file
FROM base
RUN --mount=type=cache,target=/a,from=seed,source=$source cat /a/kept /a/dir/kept; ls /a
END
done

trial() {
    # Rounds in which somebody swapped count; there are as many as asked for.
    looked=0 raced=0 round=0
    while [ $raced -lt "$rounds" ] && [ $round -lt $((rounds * 3)) ]; do
        round=$((round + 1))
        attempt --build-arg "ROUND=$round" -f "$work/swap.Dockerfile"
        [ $got = 0 ] || assert_has "$work/err" '": source: "/sub": No such file'
        ! cat "$store"/cache-mounts/*/swaps "$store"/cache-mounts/*/*/swaps 2>/dev/null | grep -q '^$' ||
            raced=$((raced + 1))
        assert_not_said "$outside"
        looked=$((looked + $(said | grep -cx looked || :)))
        target_untouched
    done
    echo "$executor: $raced races in $round rounds, $looked steps had the directory"
    [ $raced = "$rounds" ] || fail "$executor: only $raced of $round rounds were races"
    [ $looked -gt 0 ] || { cat "$work/err" >&2; fail "$executor: no step mounted the directory"; }
    try 0 --build-arg ROUND=1 -f "$work/seed.Dockerfile"
    assert_said links
    assert_said fine
    assert_not_said "$outside"
    # Without a race: a part of a cache, which is what a link in it makes of it.
    cat >"$context/Dockerfile" <<END
FROM base
ARG ROUND
RUN --mount=type=cache,id=parts,target=/c rm -rf /c/*; mkdir -p /c/real /c$target && echo mine >/c/real/file && \\
    echo inner >/c$target/kept && ln -s real /c/to && ln -s $target /c/abs && ln -s ../../../../../..$target /c/up
RUN --mount=type=cache,id=parts,source=real,target=/a --mount=type=cache,id=parts,source=/to,target=/b \\
    --mount=type=cache,id=parts,source=abs,target=/c --mount=type=cache,id=parts,source=up,target=/d \\
    --mount=type=cache,id=parts,source=real/file,target=/file cat /a/file /b/file /c/kept /d/kept /file
RUN --mount=type=cache,id=parts,source=real,sharing=locked,target=/a cat /a/file
END
    try 0 --no-cache
    assert_eq "mine mine inner inner mine mine" "$(said | grep -x -e mine -e inner -e kept | tr '\n' ' ' | sed 's/ $//')"
    cat >"$context/Dockerfile" <<END
FROM base
RUN --mount=type=cache,id=parts,source=real,target=/a,sharing=locked --mount=type=cache,id=parts,target=/b,sharing=locked true
END
    run 1 timeout 120 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --build-context "$base" \
        -o type=cacheonly "$context"
    assert_has "$work/err" "in the same step"
    for file in "$work"/bad-*.Dockerfile; do
        got=0
        build "$store" --build-context "$base" -o type=cacheonly -f "$file" "$context" >"$work/out" 2>"$work/err" || got=$?
        assert_eq 1 $got
        assert_not_said "$outside"
        target_untouched
    done
}
each_executor trial
