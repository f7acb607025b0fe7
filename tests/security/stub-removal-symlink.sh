#!/bin/sh
# Mount points that the image lacks are made before a step and removed after it
# (CVE-2024-23652): a step that puts links in their place, or in the place of the
# directories above, has nothing of the machine removed, made or touched.
. "$(dirname "$0")/lib.sh"
mkdir "$target/empty" "$target/a" "$target/a/b"
: >"$target/nothing"
target_before=$(target_state)
echo hush >"$work/secret"
top=${target%/*}
name=${target##*/}

cat >"$context/Dockerfile" <<END
FROM base
COPY probe /
# The directory above the stub becomes a link to one that has the same name in it.
RUN --mount=type=secret,id=s,target=/x/nothing --mount=type=tmpfs,target=/y/empty \\
    --mount=type=cache,target=/z/a/b --mount=from=base,target=$target/empty,source=/bin \\
    --mount=type=secret,id=s,target=$target/nothing \\
    mv /x /x.away; ln -s $target /x; mv /y /y.away; ln -s $target /y; mv /z/a /z/away; ln -s $target/a /z/a; \\
    mv $top $top.away; ln -s /proc/1/root$top $top; test -L /x && test -L /y && test -L /z/a && test -L $top && echo swapped
# The stub itself: its mount covers it, so the directory goes, and comes again.
RUN --mount=type=tmpfs,target=/s/t/empty mv /s /s.away; mkdir -p /s; ln -s $target /s/t
RUN --mount=type=tmpfs,target=/p/q mv /p /p.away && ln -s /.. /p
RUN --mount=type=tmpfs,target=/r/dir mv /r /r.away && ln -s /proc/self/cwd/../../../../../..$target /r
END
# By links of the image: stubs are made, and removed, inside of the root.
cat >"$context/links.Dockerfile" <<END
FROM base
RUN ln -s $target /host && ln -s ../../../../../..$target /up
RUN --mount=type=tmpfs,target=/host/empty --mount=type=tmpfs,target=/up/more/and/more \\
    --mount=type=secret,id=s,target=/up/file true
RUN ls -d / $target /up/ 2>/dev/null || true
END
cat >"$context/failing.Dockerfile" <<END
FROM base
RUN --mount=type=secret,id=s,target=/x/nothing --mount=type=tmpfs,target=/y/empty --mount=type=cache,target=/z/a/b \\
    mv /x /x.away; ln -s $target /x; mv /y /y.away; ln -s $target /y; mv /z /z.away; ln -s $target /z; exit 3
END

trial() {
    try 0 --no-cache --secret "id=s,src=$work/secret"
    target_untouched
    assert_said swapped
    try 0 --no-cache --secret "id=s,src=$work/secret" -f "$context/links.Dockerfile"
    target_untouched
    assert_eq / "$(said)"
    # Also of a step that fails and is entered again.
    try 1 --no-cache --secret "id=s,src=$work/secret" -f "$context/failing.Dockerfile"
    assert_has "$work/err" "exit code: 3"
    target_untouched
    run 0 tenon shell --secret "id=s,src=$work/secret" sh -c \
        "mv /x.away/nothing /gone; ls -d /x /y /z" </dev/null
    target_untouched
    run 0 tenon prune --all --force
    target_untouched
}
each_executor trial
