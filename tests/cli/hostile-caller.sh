#!/bin/sh
# Nothing of whoever calls decides a result: umask, signals that are blocked or ignored, open
# descriptors, limits, locale, environment. Conformance cases are built by such a caller.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need python3

cat >"$work/hostile" <<END_PYTHON
#!$(python3 -c 'import sys; print(sys.executable)') -ES
import os, resource, signal, sys
for fd in range(3, 40):
    os.dup2(os.open("/etc/passwd", os.O_RDONLY), fd, inheritable=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
os.environ.update(LC_ALL="tr_TR.UTF-8", LANG="ja_JP.EUC-JP", TZ="Pacific/Kiritimati", IFS="/", ENV="/none", BASH_ENV="/none",
                  CDPATH="/etc", POSIXLY_CORRECT="1", COLUMNS="1", MALLOC_PERTURB_="90",
                  USER="nobody", LOGNAME="nobody", SHELL="/bin/false", GZIP="-1", TAR_OPTIONS="--no-such", UMASK="777")
os.nice(5)
os.umask(0o077)
os.execv("$abs_top_builddir/tenon-dev", ["tenon"] + sys.argv[1:])
END_PYTHON
chmod 755 "$work/hostile"

# What the umask of others was seen in: the way to a mount, for a user who is not root.
cat >"$context/Dockerfile" <<'D'
FROM base AS s
USER 1000
RUN --mount=type=cache,target=/n/c/w,uid=1000 --mount=type=secret,id=s,uid=1000,target=/n/s/x/secret \
    --mount=type=bind,target=/n/b/d --mount=type=tmpfs,target=/n/t/t \
    touch /n/c/w/a && cat /n/s/x/secret && cat /n/b/d/file && touch /n/t/t/x && \
    (umask; stat -c '%a %n' /n /n/c /n/s /n/s/x /n/b /n/t) >/tmp/seen
FROM base AS beside
RUN --mount=type=tmpfs,target=/m/e/t touch /m/e/kept
FROM scratch
COPY --from=s /tmp/seen /
COPY --from=beside /m /m
D
echo text >"$context/file"
chmod 644 "$context/file"
echo secret >"$work/secret"
for executor in $executors; do
    use_executor $executor
    run 0 "$work/hostile" --root "$work/store-$executor" build --progress=plain --secret "id=s,src=$work/secret" \
        --build-context "base=oci-layout://$bases/busybox" -o "type=tar,dest=$work/$executor.tar" "$context"
    rm -rf "$work/tree"
    mkdir "$work/tree"
    tar -C "$work/tree" -xpf "$work/$executor.tar"
    saw seen "0022
755 /n
755 /n/c
755 /n/s
755 /n/s/x
755 /n/b
755 /n/t"
    assert_eq "755 755 644" "$(cd "$work/tree/m" && stat -c %a . e e/kept | tr '\n' ' ' | sed 's/ $//')"
    # What the caller gets is the caller's.
    assert_eq 600 "$(stat -c %a "$work/$executor.tar")"
done

# Cases with recorded results: trees, steps, mounts, exports, caches.
set -- "$abs_top_srcdir/tests/conformance/run" --bin "$work/hostile" --dir "$work/cases" --bases "$work/conformance-bases" \
    --registry "127.0.0.1:$(free_port)" --web-port "$(free_port)" --jobs 2 -v
for case in run/user 'run/mount-*' run/workdir run/files-of-all-kinds run/proc-and-dev copy-add/chmod copy-add/parents \
    copy-add/add-archives copy-add/dockerignore 'output/oci-*' 'output/source-*' 'output/stdin-*' output/docker-archive \
    output/push output/reproducible output/tar 'caching/*'; do
    set -- "$@" --filter "$case"
done
run 0 "$@"
tail -n 1 "$work/out"
[ "$(sed -n '$s/ passed.*//p' "$work/out")" -ge 20 ] || { cat "$work/out" >&2; fail "few cases"; }
