#!/bin/sh
# Sources and targets of --mount that are links, that lie below links, or that a
# step which runs at the same time swaps in what both of them share.  What is
# mounted, and where, is inside of the root or of the input, or the step fails.
. "$(dirname "$0")/lib.sh"
rounds=${SECURITY_ROUNDS-6}
echo hush >"$work/secret"

# Links of an image as sources and targets; none is a race.
cat >"$context/links.Dockerfile" <<END
FROM base AS from
RUN mkdir -p /real$target/dir /in$target/dir $target/dir && echo inner >$target/kept && echo inner >/real/kept && \\
    ln -s $target /abs && ln -s ../../../../../../../..$target /up && ln -s real /rel && ln -s $target/kept /file && \\
    ln -s loop2 /loop1 && ln -s loop1 /loop2
FROM base AS to
RUN mkdir -p /t && ln -s $target /t/abs && ln -s ../../../../../..$target /t/up && ln -s /t/abs/dir /t/two
FROM to
RUN --mount=from=from,source=/abs,target=/a --mount=from=from,source=up,target=/b --mount=from=from,source=/rel,target=/c \\
    --mount=from=from,source=/file,target=/d --mount=from=from,source=/../../..$target,target=/e \\
    cat /a/kept /b/kept /c/kept /d /e/kept
RUN --mount=type=tmpfs,target=/t/abs/new --mount=from=from,source=/real,target=/t/up/bound,rw \\
    --mount=type=cache,target=/t/two/cache --mount=type=secret,id=s,target=/t/abs/secret \\
    touch /t/abs/new/x /t/up/bound/x /t/two/cache/x; cat /t/abs/secret $target/secret; ls $target/new $target/bound
END
for line in "from=from,source=/loop1,target=/a" "from=from,source=/magic,target=/a" "from=from,source=/magic2/kept,target=/a" \
    "from=from,source=/magic3,target=/a" "type=tmpfs,target=/t/magic/dir" "type=cache,target=/t/magic/dir" \
    "from=from,target=/t/magic" "type=secret,id=s,target=/t/magic/kept" "type=secret,id=s,target=/t/fd/x" "type=tmpfs,target=/t/loop/x"; do
    cat >"$context/bad$(echo "$line" | tr '/,=' '---').Dockerfile" <<END
FROM base AS from
RUN ln -s loop2 /loop1 && ln -s loop1 /loop2 && ln -s /proc/self/cwd /magic && ln -s /proc/1/root$target /magic2 && \\
    ln -s /proc/self/fd/3 /magic3
FROM base
RUN mkdir /t && ln -s /proc/1/root$target /t/magic && ln -s /proc/self/fd /t/fd && ln -s loop /t/loop
RUN --mount=$line cat /a/kept /t/magic/kept /t/magic/dir/kept; touch /a/x /t/magic/x /t/magic/dir/x; echo ran
END
done

# In a cache that two steps share, one swaps directories with links while others
# have mounts below them: points for mounts are made there by tenon or the runtime.
race() {
    cat <<END
FROM base AS tools
COPY probe /
FROM tools AS fill
ARG ROUND
RUN --mount=type=cache,id=race,target=/c rm -rf /c/*; mkdir -p /c/sub/in && ln -sfn $target /c/link && \\
    ln -sfn /proc/1/root$target /c/magic; touch /filled
FROM fill AS swapper
RUN --mount=type=cache,id=race,target=/c n=0; while test ! -e /c/over && test \$n -lt 400; do \\
    echo >>/c/swaps; /probe swap 25 /c/sub /c/link >/dev/null || exit 1; /probe swap 25 /c/sub /c/magic || exit 1; n=\$((n + 1)); done; touch /swapped
# Who looks begins when somebody swaps.
FROM fill AS begun
RUN --mount=type=cache,id=race,target=/c n=0; until test -s /c/swaps || test \$n = 1200; do n=\$((n + 1)); sleep 0.05; done; touch /begun
END
    for i in 1 2 3 4; do
        cat <<END
FROM begun AS look$i
RUN --mount=type=cache,id=race,target=/c --mount=type=tmpfs,target=/c/sub/in --mount=type=tmpfs,target=/c/sub/made$i \\
    --mount=from=base,source=/bin,target=/c/sub/dir --mount=type=secret,id=s,target=/c/sub/kept \\
    echo mounted; touch /c/sub/in/x /c/sub/made$i/x; touch /looked$i
END
    done
    cat <<END
FROM base AS last
COPY --from=look$1 /looked$1 /
RUN --mount=type=cache,id=race,target=/c touch /c/over
FROM base
COPY --from=last /looked$1 /
COPY --from=swapper /swapped /
END
}

no_mount_there='too many links|not found|Too many levels|No such file|no such file|not a directory|cannot be mounted'
trial() {
    try 0 --no-cache --secret "id=s,src=$work/secret" -f "$context/links.Dockerfile"
    assert_not_said "$outside"
    assert_eq 5 "$(said | grep -cx inner)"
    assert_eq 2 "$(said | grep -cx hush)"
    target_untouched
    tried=0
    for file in "$context"/bad*.Dockerfile; do
        attempt --no-cache --secret "id=s,src=$work/secret" -f "$file"
        assert_not_said "$outside"
        # Nothing is mounted, or inside of the root: a runtime makes there what is missing.
        if [ $got = 0 ]; then
            assert_said ran
        else
            grep -E '^ERROR: |error mounting ' "$work/err" | grep -Eq "$no_mount_there" ||
                { cat "$work/err" >&2; fail "$executor: $file fails otherwise"; }
        fi
        tried=$((tried + 1))
        target_untouched
    done
    assert_eq 10 $tried
    # Rounds in which somebody swapped count; there are as many as asked for.
    mounted=0 refused=0 swaps=0 raced=0 round=0
    while [ $raced -lt "$rounds" ] && [ $round -lt $((rounds * 3)) ]; do
        round=$((round + 1))
        race $((round % 4 + 1)) >"$context/race.Dockerfile"
        # Many of them fail: where the link is met, the place is refused or made elsewhere.
        attempt --secret "id=s,src=$work/secret" --build-arg "ROUND=$round" -f "$context/race.Dockerfile"
        if said | grep -qx mounted; then
            mounted=$((mounted + 1))
        else
            grep -E '^ERROR: |error mounting ' "$work/err" | grep -q '"/c/sub\|/c/sub' ||
                { cat "$work/err" >&2; fail "$executor: no mount was tried in round $round"; }
            refused=$((refused + 1))
        fi
        now=$(cat "$store"/cache-mounts/*/swaps "$store"/cache-mounts/*/*/swaps 2>/dev/null | wc -l)
        [ "$now" = 0 ] || raced=$((raced + 1))
        swaps=$((swaps + now))
        target_untouched
        no_mount "$target"
    done
    [ $raced = "$rounds" ] || fail "$executor: only $raced of $round rounds were races"
    echo "$executor: $raced races in $round rounds, $mounted with the mounts in place, $refused refused; $swaps times 50 swaps"
}
each_executor trial
