#!/bin/sh
# Secrets in what other processes can get at: a core of tenon that crashes, its
# memory, its environment and that of its guards, as another user of the machine and
# from a step; another step's processes and mounts.
. "$(dirname "$0")/lib.sh"
need setpriv
secret=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
in_env=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$secret" >"$work/secret"
printf '%s\n%s\n' "$secret" "$in_env" >"$work/wanted"
chmod 755 "$work"

# One holds secrets for as long as the other looks.
cat >"$context/Dockerfile" <<'END'
FROM base AS first
COPY probe /
FROM first AS holder
ARG MARK
RUN --mount=type=secret,id=file --mount=type=secret,id=var,env=TOKEN --mount=type=cache,id=meet,target=/c \
    test -n "$TOKEN" && test -s /run/secrets/file || exit 9; echo $$ >/c/holds; echo holding; \
    n=0; while test ! -e /c/looked && test $n -lt 600; do sleep 0.1; n=$((n + 1)); done; touch /held
FROM first AS looker
ARG MARK
RUN --mount=type=cache,id=meet,target=/c n=0; while test ! -e /c/holds && test $n -lt 600; do sleep 0.1; n=$((n + 1)); done; \
    ls /proc | grep -c '^[0-9]' | sed 's/^/processes /'; \
    cat /proc/[0-9]*/environ | tr '\0' '\n' | sed 's/^/environ /'; cat /proc/[0-9]*/cmdline | tr '\0' '\n' | sed 's/^/cmdline /'; \
    cat /proc/[0-9]*/root/run/secrets/* /proc/[0-9]*/cwd/run/secrets/* /run/secrets/* 2>/dev/null; \
    cat /proc/mounts | sed 's/^/mounts /'; \
    find / -xdev -name 'file' -path '*secret*' -exec cat {} + 2>/dev/null; echo looked; touch /c/looked /looked
FROM base
COPY --from=holder /held /
COPY --from=looker /looked /
END

# crash COMMAND...: as soon as it says "holding" it gets a SIGSEGV; how it ended is
# in $work/crash.
crash() {
    (
        cd "$work"
        ulimit -c unlimited
        exec "$python" - "$work/crash" "$@" <<'END_PYTHON'
import os, signal, subprocess, sys
p = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
for line in p.stderr:
    if line.rstrip().endswith(b" holding") or line == b"holding\n":
        p.send_signal(signal.SIGSEGV)
        break
for line in p.stderr:
    pass
_, status = os.waitpid(p.pid, 0)
with open(sys.argv[1], "w") as f:
    f.write("signal %d, %s" % (os.WTERMSIG(status), "a core" if os.WCOREDUMP(status) else "no core"))
END_PYTHON
    )
}
crash sh -c 'echo holding >&2; exec sleep 60'
cores=1
if [ "$(cat "$work/crash")" != "signal 11, a core" ]; then
    cores=0
    partly="cores (nothing leaves one here: $(cat "$work/crash"))"
fi
rm -f "$work"/core*

as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

trial() {
    printf 'FROM base\nRUN --mount=type=cache,id=meet,target=/c rm -rf /c/*\n' >"$context/clear.Dockerfile"
    try 0 --no-cache -f "$context/clear.Dockerfile"
    cat >"$context/wait.Dockerfile" <<'END'
FROM base
RUN --mount=type=cache,id=meet,target=/c n=0; while test ! -e /c/holds && test $n -lt 600; do sleep 0.1; n=$((n + 1)); done
END
    cat >"$context/go.Dockerfile" <<'END'
FROM base
RUN --mount=type=cache,id=meet,target=/c touch /c/looked
END
    sed '/^FROM first AS looker/,/^FROM base/d; s/^COPY --from=looker.*//' "$context/Dockerfile" |
        sed 's/^COPY --from=holder/FROM base\n&/' >"$context/alone.Dockerfile"
    TOKEN_HERE=$in_env begin "$store" --no-cache --secret "id=file,src=$work/secret" --secret id=var,env=TOKEN_HERE \
        --build-context "$base" -o type=cacheonly -f "$context/alone.Dockerfile" "$context"
    await_line "$work/began.err" ' holding$'

    # Another user of the machine, at tenon and all that belongs to it.
    tried=0
    for p in $(processes_left); do
        for f in environ mem maps auxv stack syscall fd root cwd exe map_files ns/pid; do
            if as_nobody cat "/proc/$p/$f" >"$work/got" 2>/dev/null && [ -s "$work/got" ]; then
                fail "$executor: /proc/$p/$f is readable ($(tr '\0' ' ' <"/proc/$p/cmdline"))"
            fi
            ! as_nobody ls "/proc/$p/$f/" >/dev/null 2>&1 || fail "$executor: /proc/$p/$f is listed"
        done
        as_nobody "$context/probe" trace "$p" >"$work/got"
        grep -qE ': (EPERM|ESRCH)$' "$work/got" || fail "$executor: $(cat "$work/got")"
        tried=$((tried + 1))
    done
    [ $tried -ge 2 ] || fail "$executor: only $tried processes"
    # The command line names the secret; it is not in it.
    for p in $(processes_left); do
        ! tr '\0' '\n' <"/proc/$p/cmdline" | grep -F -f "$work/wanted" || fail "$executor: in the arguments of $p"
    done

    kill -KILL $tenon
    wait $tenon 2>/dev/null || :
    no_process
    run 0 tenon prune --force # what that left

    # A crash leaves no core, where it would leave one of any other program.
    if [ $cores = 1 ]; then
        try 0 --no-cache -f "$context/clear.Dockerfile"
        TOKEN_HERE=$in_env crash "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache \
            --build-arg "MARK=$mark" --secret "id=file,src=$work/secret" --secret id=var,env=TOKEN_HERE \
            --build-context "$base" -o type=cacheonly -f "$context/alone.Dockerfile" "$context"
        assert_eq "signal 11, no core" "$(cat "$work/crash")"
        no_process
        run 0 tenon prune --force
    fi

    # From a step, while another has the secrets.
    try 0 --no-cache -f "$context/clear.Dockerfile"
    TOKEN_HERE=$in_env
    export TOKEN_HERE
    run 0 timeout 120 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --build-arg "MARK=$mark" \
        --build-context "$base" -o type=cacheonly --no-cache --secret "id=file,src=$work/secret" \
        --secret id=var,env=TOKEN_HERE "$context"
    unset TOKEN_HERE
    assert_said holding
    assert_said looked
    ! said | grep -F -f "$work/wanted" || fail "$executor: another step's secret"
    assert_not_said TOKEN_HERE
    assert_not_said secret,src
    processes=$(said | sed -n 's/^processes //p')
    [ "$processes" -le 6 ] || fail "$executor: a step sees $processes processes"
    ! said | grep '^mounts .* /run/secrets' || fail "$executor: another step's mount"
}
each_executor trial
