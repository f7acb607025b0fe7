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
RUN echo begun; sleep 1000
END_FILE
cat >"$context/stubborn.Dockerfile" <<'END_FILE'
FROM base
ARG MARK
RUN trap '' INT TERM HUP QUIT PIPE; (trap '' INT TERM; sleep 1000) & echo begun; while :; do sleep 1000; done
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
RUN --mount=type=cache,target=/c,sharing=locked echo begun; sleep 1000
FROM base AS two
ARG MARK
RUN --mount=type=cache,target=/c,sharing=locked echo two begun; sleep 1000
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
RUN (trap '' HUP; sleep 1000) & setsid sleep 1000 >/dev/null 2>&1 & echo here >/file
RUN cat /file
END_FILE
base="base=oci-layout://$bases/busybox"

begun='^#[0-9]+ [0-9.]+ (two )?begun' # what a step prints; its name says it earlier
wait_for() { # FILE PATTERN
    for _ in $(seq 200); do
        ! grep -Eq -e "$2" "$1" || return 0
        sleep 0.05
    done
    cat "$1" >&2
    fail "the step did not begin"
}

end_with() { # SIGNAL EXECUTOR NAME
    config_executor "$2"
    begin "$store" -f "$context/$3.Dockerfile" --build-context "$base" \
        -o "type=oci,dest=$work/none.tar" "$context"
    wait_for "$work/began.err" "$begun"
    [ "$(processes_left | wc -l)" -ge 2 ] || fail "the step's processes do not show"
    began=$(now)
    kill -"$1" $tenon
    status=0
    wait $tenon || status=$?
    took=$(since "$began")
    [ $status = 130 ] || { tail -n 20 "$work/began.err" >&2; fail "$*: status $status"; }
    [ "$took" -lt 1000 ] || fail "$*: took $took ms"
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
    wait_for "$work/group.err" "$begun"
    kill -INT -$tenon
    status=0
    wait $tenon || status=$?
    assert_eq 130 $status
    no_process

    run 0 build "$store" -f "$context/next.Dockerfile" --build-context "$base" --no-cache -o "$work/next" "$context"
    assert_eq next "$(cat "$work/next/next")"
    rm -rf "$work/next"

    began=$(now)
    run 0 timeout 30 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --no-cache \
        --build-arg "MARK=$mark" -f "$context/daemon.Dockerfile" --build-context "$base" "$context"
    [ "$(since "$began")" -lt 10000 ] || fail "a daemon held the build: $(since "$began") ms"
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
for _ in $(seq 100); do [ -s "$work/port" ] && break; sleep 0.05; done
printf 'FROM 127.0.0.1:%s/silent\n' "$(cat "$work/port")" >"$context/silent.Dockerfile"
begin "$store" -f "$context/silent.Dockerfile" "$context"
wait_for "$work/began.err" "load metadata for 127.0.0.1"
began=$(now)
kill -INT $tenon
status=0
wait $tenon || status=$?
assert_eq 130 $status
[ "$(since "$began")" -lt 1000 ] || fail "a silent registry: $(since "$began") ms"
no_process

# While a context or a build file is waited for, which somebody types or pipes.
mkfifo "$work/fifo"
for what in "-" "-f - $context" "-f $work/fifo $context"; do
    "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --build-arg "MARK=$mark" $what \
        <>"$work/fifo" >"$work/began.out" 2>"$work/began.err" &
    tenon=$!
    remember $tenon
    for _ in $(seq 100); do
        case $(readlink /proc/$tenon/exe) in */tenon) break ;; esac
        sleep 0.05
    done
    sleep 0.2
    began=$(now)
    kill -INT $tenon
    status=0
    wait $tenon || status=$?
    assert_eq "$what 130" "$what $status"
    [ "$(since "$began")" -lt 1000 ] || fail "waiting for a $what: $(since "$began") ms"
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
        [ "${took_ms%.*}" -lt 1000 ] || fail "$kind at $fraction: took $took_ms ms"
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
