#!/bin/sh
# SIGINT and SIGTERM end a build within a second with status 130, whatever its
# step does with signals; nothing runs, nothing is mounted, the store is right,
# and the next build too.  A step that leaves a daemon does not hang the build.
. "$(dirname "$0")/lib.sh"
need_root
need python3 runc
make_bases

context=$work/context
mkdir -p "$context"
cat >"$context/plain.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN echo begun; sleep 1111
END_FILE
cat >"$context/stubborn.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN trap '' INT TERM HUP QUIT PIPE; (trap '' INT TERM; sleep 1111) & echo begun; while :; do sleep 1111; done
END_FILE
# A step that prints without end, and one that waits for another's cache mount.
cat >"$context/noisy.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN echo begun; while :; do echo noise noise noise noise; done
END_FILE
cat >"$context/waiting.Dockerfile" <<'END_FILE'
FROM base AS one
ARG MARK
RUN --mount=type=cache,target=/c,sharing=locked echo begun; sleep 1111
FROM base AS two
ARG MARK
RUN --mount=type=cache,target=/c,sharing=locked echo two begun; sleep 1111
FROM base
COPY --from=one / /
COPY --from=two / /
END_FILE
cat >"$context/next.Dockerfile" <<'END_FILE'
FROM base
RUN --mount=type=cache,target=/c,sharing=locked echo next >/next
END_FILE
cat >"$context/daemon.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN (trap '' HUP; sleep 1111) & setsid sleep 1111 >/dev/null 2>&1 & echo here >/file
RUN cat /file
END_FILE
base="base=oci-layout://$bases/busybox"

begun='^#[0-9]+ [0-9.]+ (two )?begun' # what a step prints; its name says it earlier

# at_once WHAT MS: within a second; and where the machine has others to serve, as much
# longer as it is slow just now.
at_once() {
    start=$(now)
    "$abs_top_builddir/tenon-dev" version >/dev/null
    limit=$((1000 + 20 * $(since "$start")))
    [ "$2" -lt $limit ] || fail "$1: took $2 ms, of $limit at most"
}

end_with() { # SIGNAL EXECUTOR NAME
    config_executor "$2"
    begin "$store" -f "$context/$3.Dockerfile" --build-context "$base" \
        -o "type=oci,dest=$work/none.tar" "$context"
    await_line "$work/began.err" "$begun"
    [ "$(processes_left | wc -l)" -ge 2 ] || fail "the step's processes do not show"
    began=$(now)
    kill -"$1" $tenon
    status=0
    wait $tenon || status=$?
    took=$(since "$began")
    [ $status = 130 ] || { tail -n 20 "$work/began.err" >&2; fail "$*: status $status"; }
    at_once "$*" "$took"
    echo "$*: $took ms"
    assert_has "$work/began.err" "CANCELED"
    assert_no_file "$work/none.tar"
    no_process
    no_mount "$store"
    store_right "$store"
    left=$(ls "$store/tmp" "$store/locks" | grep -v ':$' || :)
    assert_eq "" "$left"
}

config_executor() {
    printf '{"executor": "%s"}\n' "$1" >"$TENON_CONFIG"
}

for executor in oci native; do
    for file in plain stubborn noisy waiting; do
        end_with INT $executor $file
    done
    end_with TERM $executor stubborn

    # A signal to the whole group, as a terminal sends it.
    setsid "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain \
        --build-arg "MARK=$mark" -f "$context/stubborn.Dockerfile" --build-context "$base" \
        "$context" >"$work/group.err" 2>&1 &
    tenon=$!
    await_line "$work/group.err" "$begun"
    kill -INT -$tenon
    status=0
    wait $tenon || status=$?
    assert_eq 130 $status
    no_process

    run 0 build "$store" -f "$context/next.Dockerfile" --build-context "$base" --no-cache -o "$work/next" "$context"
    assert_eq next "$(cat "$work/next/next")"
    rm -rf "$work/next"

    # It would sleep for longer than that.
    run 0 timeout 300 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache \
        --build-arg "MARK=$mark" -f "$context/daemon.Dockerfile" --build-context "$base" "$context"
    no_process
    no_mount "$store"
    no_leftover "$store"
done

# Before anything runs: while a source is waited for (a registry that is silent).
"$python" -c '
import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5)
print(s.getsockname()[1], flush=True)
time.sleep(100)' >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
printf 'FROM 127.0.0.1:%s/silent\n' "$(cat "$work/port")" >"$context/silent.Dockerfile"
begin "$store" -f "$context/silent.Dockerfile" "$context"
await_line "$work/began.err" "load metadata for 127.0.0.1"
began=$(now)
kill -INT $tenon
status=0
wait $tenon || status=$?
assert_eq 130 $status
at_once "a silent registry" "$(since "$began")"
no_process

# While a context or a build file is waited for, which somebody types or pipes.
mkfifo "$work/fifo"
swallowed() { # FIFO: somebody has read what is written there, and waits for more
    "$python" - "$1" <<'END_PYTHON'
import fcntl, os, struct, sys, termios, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK)
os.write(fd, b"FROM scratch\n")
for _ in range(1200):
    if not struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]:
        sys.exit(0)
    time.sleep(0.05)
sys.exit(1)
END_PYTHON
}
for what in "-" "-f - $context" "-f $work/fifo $context"; do
    "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --build-arg "MARK=$mark" $what \
        <>"$work/fifo" >"$work/began.out" 2>"$work/began.err" &
    tenon=$!
    remember $tenon
    swallowed "$work/fifo" || fail "$what: nobody reads"
    began=$(now)
    kill -INT $tenon
    status=0
    wait $tenon || status=$?
    assert_eq "$what 130" "$what $status"
    at_once "waiting for a $what" "$(since "$began")"
    no_process
done

# In the middle of a COPY, of layers that come and are unpacked, of an export: at
# once, and nothing is left. Ended once means not asked twice.
printf '{}\n' >"$TENON_CONFIG"
store=$work/store-kinds
. "$abs_top_srcdir/tests/fault/kinds.sh"
for kind in copy pull export; do
    for warm in 1 2; do
        fresh $kind "reference $warm"
        end_in INT $kind 0 0 "$work/reference.tar"
        took=$took_ms
        cp "$work/iid" "$work/reference.iid"
    done
    middle=0
    for fraction in 0.0 0.2 0.4 0.5 0.6 0.8; do
        fresh $kind "$fraction"
        end_in INT $kind $fraction "$took" "$work/none.tar"
        if [ $ended = ended ]; then rm "$work/none.tar"; continue; fi
        [ $ended != middle ] || middle=$((middle + 1))
        at_once "$kind at $fraction" "${took_ms%.*}"
        # It had its name already, or never gets it.
        [ ! -e "$work/none.tar" ] || tar -tf "$work/none.tar" >/dev/null 2>&1 ||
            fail "$kind at $fraction: half an archive"
        rm -f "$work/none.tar"
        no_process
        no_mount "$root"
        no_leftover "$root"
        store_right "$root"
        run 0 build "$root" $(flags $kind "$work/next.tar")
        cmp -s "$work/iid" "$work/reference.iid" || fail "$kind at $fraction: another image after it"
    done
    [ $middle -gt 0 ] || fail "$kind: no signal in the middle of it"
    echo "$kind: $middle in the middle"
done
