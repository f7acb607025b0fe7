#!/bin/sh
# Working directories that lead through /proc, through links of the image, or up
# and out: made and entered inside the root, or refused.
. "$(dirname "$0")/lib.sh"

inside() { # what a step sees when it is where it thinks it is
    cat <<END
RUN cat "../../../../../../../../..$target/kept" "../../../../../../..$target/dir/kept" 2>/dev/null; \\
    test "\$(stat -c %d:%i "\$(pwd -P)")" = "\$(stat -c %d:%i .)" && echo "at \$(pwd -P)"
END
}
where() { # STATUS PLACE, lines before on standard input
    { cat; inside; } | dockerfile
    try "$1" --no-cache
    assert_not_said "$outside"
    [ -z "$2" ] || assert_said "at $2"
    # The same place for what the frontend makes and copies there.
    target_untouched
}

# in_or_refused PLACE: the step of the last attempt was in that directory of its root, or
# the step was not begun, for its directory is none.
entered=0 refused=0
in_or_refused() {
    assert_not_said "$outside"
    if [ $got = 0 ]; then
        assert_said "at $1"
        entered=$((entered + 1))
    else
        grep -Eq 'enter the working directory: |container init: mkdir |container init: chdir ' "$work/err" ||
            { cat "$work/err" >&2; fail "$executor: not refused for its directory"; }
        refused=$((refused + 1))
    fi
    target_untouched
}

trial() {
    where 0 / <<'END'
WORKDIR /../../../../../..
END
    where 0 /made <<'END'
WORKDIR /a/../../../../made
END
    where 0 "$target" <<END
RUN ln -s $target /link
WORKDIR /link
END
    # Made where the link leads to inside of the root.
    where 0 /up/x <<'END'
RUN mkdir /up /deep && ln -s ../../../../../../up /deep/link
WORKDIR /deep/link/x
END
    where 0 "$target/new" <<END
RUN ln -s / /all && ln -s /all$target /two
WORKDIR /two/new
COPY probe $target/dir/
COPY probe ./
END
    for link in /proc/1/root /proc/self/root /proc/self/cwd; do
        { echo "RUN ln -s $link /link"; echo "WORKDIR /link$target/dir"; inside; } | dockerfile
        attempt --no-cache
        in_or_refused "$target/dir"
        { echo "RUN ln -s $link /link"; echo "COPY probe /link$target/"; echo "ADD probe /link$target/dir/"; } | dockerfile
        try 0 --no-cache
        target_untouched
    done
    # A directory that a step of its own swaps with a link while others start in it.
    cat >"$context/Dockerfile" <<END
FROM base AS one
COPY probe /
RUN mkdir -p /w/dir && ln -s /proc/self/root$target /w/link && mkdir /w/../d
WORKDIR /w/dir
RUN rmdir /w/dir && ln -s /proc/1/root$target /w/dir
$(inside)
END
    attempt --no-cache
    in_or_refused "$target"
    # In memory of a mount, and by names with parts that the kernel takes for itself.
    for dir in /proc/self/ns /proc/self/map_files /proc/1/task /proc/sys/kernel /dev/fd /dev/pts /sys/kernel; do
        { echo "WORKDIR $dir"; inside; echo "RUN (echo x >./panic) 2>/dev/null && echo wrote; true"; } | dockerfile
        try 0 --no-cache
        said | grep -q '^at /' || { said >&2; fail "$executor: not in $dir"; }
        assert_not_said "$outside"
        [ $dir = /dev/fd ] || assert_not_said wrote
    done
}
each_executor trial
echo "$entered entered, $refused refused"
