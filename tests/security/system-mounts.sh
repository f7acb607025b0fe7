#!/bin/sh
# Mounts over /dev, /proc and /sys, or on what is in them: runtimes hide files of the
# kernel with the null device that they find in the step's /dev (CVE-2025-31133), after
# the step's mounts are there, which may have put a link in its place. By name, by
# links of an image, by links in what another mount brings, by a cache that other steps
# write to at the same time.
. "$(dirname "$0")/lib.sh"

# What is hidden: a word for each file of which anything is seen.
cat >"$context/look" <<'END'
for f in keys timer_list kcore sched_debug interrupts; do
    [ "$(head -c 1 /proc/$f 2>/dev/null | wc -c)" = 0 ] || echo "uncovered $f"
done
for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern; do
    (: >>$f) 2>/dev/null && echo "uncovered $f for writing"
done
[ -z "$(ls -A /sys/firmware 2>/dev/null)" ] || echo "uncovered /sys/firmware"
echo looked
END
cat >"$context/attack" <<'END'
FROM base AS evil
COPY probe look /
RUN mkdir -p /d/shm /d/mqueue /d/pts /l && for n in null zero full random urandom tty console ptmx; do ln -s /proc/keys /d/$n; done; \
    ln -s /dev /l/dev; ln -s /proc /l/proc; ln -s /dev/null /l/null; ln -s ../null /d/shm/link; : >/file
FROM evil AS linked
RUN ln -s /dev /x && ln -s /proc /y && ln -s /dev/null /z
END
# NAME, what is tried; FROM linked follows.
list='dev|--mount=from=evil,source=/d,target=/dev,rw
dev by a link|--mount=from=evil,source=/d,target=/x,rw
dev, unclean|--mount=from=evil,source=/d,target=/usr/../dev/.,rw
dev by a mounted link|--mount=from=evil,source=/l,target=/m --mount=from=evil,source=/d,target=/m/dev,rw
null|--mount=from=evil,source=/file,target=/dev/null
null as a directory|--mount=from=evil,source=/d,target=/dev/null
null by a link|--mount=from=evil,source=/file,target=/z
null by a mounted link|--mount=from=evil,source=/l,target=/m --mount=from=evil,source=/file,target=/m/null
null in shm|--mount=from=evil,source=/d/shm,target=/dev/shm --mount=from=evil,source=/file,target=/dev/shm/link
pts|--mount=from=evil,source=/d,target=/dev/pts
proc|--mount=from=evil,source=/d,target=/proc
proc by a link|--mount=from=evil,source=/d,target=/y
proc by a mounted link|--mount=from=evil,source=/l,target=/m --mount=from=evil,source=/d,target=/m/proc
a file of proc|--mount=from=evil,source=/file,target=/proc/keys
proc, emptied|--mount=type=tmpfs,target=/proc/sys
sys|--mount=from=evil,source=/d,target=/sys
firmware|--mount=type=tmpfs,target=/sys/firmware'
lines() { echo "$list" | while IFS='|' read -r name flags; do "$@" "$name" "$flags" || exit 1; done; }

look() { # NAME FLAGS
    { cat "$context/attack"; printf 'FROM linked\nRUN %s sh /look\n' "$2"; } >"$context/Dockerfile"
    attempt --no-cache
    # Without /proc or /dev there is nothing to look at; a step says so or does not run.
    ! said | grep -F uncovered || fail "$executor: $1"
    [ "$got" = 1 ] || said | grep -qx looked || fail "$executor: $1: nothing was tried"
    echo "$1: $got" >>"$work/went-$executor"
}

trial() {
    lines look
    # What is not refused works, beside all that: mounts where builds have them.
    # (Below another mount in /dev native alone can have one.)
    below=/dev/shm/c/x
    [ $executor = native ] || below=/srv/c/x
    printf 'FROM base\nCOPY look /\n%s\n' "RUN --mount=type=tmpfs,target=/dev/shm,size=1m --mount=type=cache,target=$below \\
 --mount=type=secret,id=s,target=/run/secrets/s df -k /dev/shm | awk 'END { print \"shm \" \$2 }'; sh /look" >"$context/Dockerfile"
    echo word >"$work/secret"
    attempt --no-cache --secret "id=s,src=$work/secret"
    [ "$got" = 0 ] || { cat "$work/err" >&2; fail "$executor: mounts where builds have them are refused"; }
    assert_said "shm 1024"
    assert_said looked
    ! said | grep -F uncovered || fail "$executor: beside mounts of its own"
    # What is refused is refused for its mount: without one it runs.
    look "no mount" ""
    grep -qx "no mount: 0" "$work/went-$executor" || fail "$executor: the trial tries nothing"

    # The runtime is told which, by name.
    [ $executor = oci ] || return 0
    { cat "$context/attack"; printf 'FROM linked\nRUN --mount=from=evil,source=/d,target=/dev true\n'; } >"$context/Dockerfile"
    try 1
    assert_has "$work/err" 'mount target "/dev": not supported by executor-oci'
    assert_has "$work/err" 'set {"executor": "native"}'
}
each_executor trial

# While another step puts a link in the place of the target, in what they share.
race() {
    {
        cat <<'END'
FROM base AS evil
COPY probe look /
RUN --mount=type=cache,id=race,target=/c rm -rf /c/*; mkdir -p /d /c/t && ln -s /proc/keys /d/null && ln -sfn /dev /c/other
FROM evil AS swapper
RUN --mount=type=cache,id=race,target=/c /probe swap 200000 /c/t /c/other; echo swapped
FROM evil AS victim
END
        for n in 1 2 3 4 5 6; do
            echo "RUN --mount=type=cache,id=race,target=/c --mount=from=evil,source=/d,target=/c/t,rw : $n; sh /look; exit 0"
        done
        printf 'FROM base\nCOPY --from=swapper /look /1\nCOPY --from=victim /look /2\n'
    } >"$context/Dockerfile"
    attempt --no-cache
    ! said | grep -F uncovered || fail "$executor: by a race"
}
each_executor race
