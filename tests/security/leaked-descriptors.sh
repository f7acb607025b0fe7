#!/bin/sh
# Descriptors of tenon, of its guard or of a runtime that a step could use to get
# out (CVE-2024-21626): a step has 0, 1 and 2, and none of the others leads
# anywhere as its working directory, whatever name it is given.
. "$(dirname "$0")/lib.sh"
echo hush >"$work/secret"

# Those that whoever starts tenon left open: directories and a file of the machine.
exec 7<"$target" 8<"$target/dir" 9<>"$target/kept"

first() {
dockerfile <<'END'
RUN ["/probe", "descriptors"]
RUN --mount=type=secret,id=s --mount=type=cache,target=/c --mount=from=base,target=/b --mount=type=tmpfs,target=/t \
    exec /probe descriptors
USER app
RUN exec /probe descriptors
USER root
RUN /probe descriptors; exit 3
END
}

only_three() { # FILE
    awk '/descriptor /{ sub(/.*descriptor /, ""); sub(/:.*/, ""); print }' "$1" | sort | uniq -c | tr -s ' ' |
        tr '\n' ',' >"$work/numbers"
    assert_eq " $2 0, $2 1, $2 2," "$(cat "$work/numbers")"
}

# The directory is the machine's if this file is found from there.
escape() {
    cat <<END
RUN cat kept dir/kept ../kept ../../../../../../../..$target/kept 2>/dev/null; echo tried; /probe descriptors
RUN ["/bin/busybox", "cat", "kept"]
END
}

# refused_or_tried: the step was not begun for its directory, or it tried.
refused_or_tried() {
    attempt --no-cache
    assert_not_said "$outside"
    if said | grep -qx tried || grep -E '^ERROR: |container (init|process): ' "$work/err" | grep -Eq "$no_directory"; then
        tried=$((tried + 1))
        return 0
    fi
    cat "$work/err" >&2
    fail "$executor: not tried"
}
no_directory='enter the working directory: |container init: (mkdir|chdir) |container process: chdir to cwd '

trial() {
    first
    try 1 --no-cache --secret "id=s,src=$work/secret"
    assert_has "$work/err" "exit code: 3"
    said >"$work/said"
    only_three "$work/said" 4
    run 0 tenon shell --secret "id=s,src=$work/secret" /probe descriptors </dev/null
    only_three "$work/out" 1

    tried=0
    for dir in self/fd/3 self/fd/4 self/fd/5 self/fd/6 self/fd/7 self/fd/8 self/fd/9 self/fd/10 self/fd/11 \
        self/fd/12 self/fd/13 self/fd/14 self/fd/15 self/fd/16 self/fd/20 self/fd/7/../dir 1/fd/7 \
        thread-self/fd/7 self/task/1/fd/7 self/cwd self/root 1/root 1/cwd self/root/proc/self/fd/8; do
        { echo "WORKDIR /proc/$dir"; escape; } | dockerfile
        attempt --no-cache
        said >"$work/said"
        ! grep -F "$outside" "$work/said" || fail "$executor: out by /proc/$dir"
        if grep -qx tried "$work/said"; then
            tried=$((tried + 1))
            only_three "$work/said" 1
        fi
        # Back in there, by a shell.
        got=0
        tenon shell /bin/busybox cat kept "../../../../../..$target/kept" </dev/null >"$work/out" 2>&1 || got=$?
        [ $got != 0 ] && ! grep -F "$outside" "$work/out" || fail "$executor: out by /proc/$dir and a shell"
    done
    [ $tried -ge 4 ] || fail "$executor: only $tried steps ran" # cwd and root are fine places

    # By links of the image: none leads to a descriptor of ours.
    tried=0
    for dir in 3 4 5 6 7 8 9 10; do
        { echo "RUN ln -s /proc/self/fd/$dir /link && ln -s /dev/fd/$dir /link2"; echo "WORKDIR /link"; escape; } | dockerfile
        refused_or_tried
        { echo "RUN ln -s /proc/self/fd/$dir /link"; echo "WORKDIR /link/x"; escape; } | dockerfile
        refused_or_tried
    done
    [ $tried = 16 ] || fail "$executor: only $tried attempts"
    target_untouched
}
each_executor trial
