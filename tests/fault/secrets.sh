#!/bin/sh
# A secret's bytes are nowhere but where the step that was given it sees them:
# not in the store while it runs nor after, not in the image, not in arguments
# or environments of processes.  A step that prints one shows it on the screen,
# and the kept log has it masked.
. "$(dirname "$0")/lib.sh"
need_root
need python3
make_bases

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
plain=$(random)
line=$(random)
env=$(random)
printf '%s\n' "$plain" >"$work/plain"
printf -- '-----BEGIN-----\n%s\n%s\n-----END-----\n' "$line" "$(random)" >"$work/lines"

# The middle of base64: its ends depend on what is around.
forms() { # SECRET
    echo "$1"
    for lead in '' x xx; do # as at each place of a longer text
        printf '%s%s' "$lead" "$1" | base64 -w 0 | cut -c 5-60
        echo
    done
    printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
    echo
}
{ forms "$plain"; forms "$line"; } >"$work/wanted.given"
forms "$env" >"$work/wanted.env"
sed -i '/^$/d' "$work/wanted.given" "$work/wanted.env"
cat "$work/wanted.given" "$work/wanted.env" >"$work/wanted"

context=$work/context
mkdir "$context"
base="base=oci-layout://$bases/busybox"
cat >"$context/Dockerfile" <<'END_FILE'
FROM base AS one
ARG MARK
RUN --mount=type=secret,id=plain --mount=type=cache,target=/c \
    echo reading; \
    test -s /run/secrets/plain && md5sum /run/secrets/plain | cut -c 1-4 >/sum; \
    echo waiting; while ! test -e /c/go; do sleep 0.05; done; rm /c/go
RUN --mount=type=secret,id=plain --mount=type=secret,id=lines,target=/lines \
    echo "token: <$(cat /run/secrets/plain)>"; sed -n 2p /lines; cat /lines >&2
FROM base
COPY --from=one / /
ARG MARK
RUN --mount=type=secret,id=env,env=TOKEN --mount=type=cache,target=/c \
    test -n "$TOKEN" && echo "token: <$TOKEN>" && md5sum </proc/self/environ >/sum2; \
    echo again; while ! test -e /c/go; do sleep 0.05; done; rm /c/go
END_FILE
cat >"$context/go.Dockerfile" <<'END_FILE'
FROM base
ARG TIME
RUN --mount=type=cache,target=/c touch /c/go
END_FILE

nowhere() { # PLACE
    ! grep -rFl -f "$work/wanted" "$1" >"$work/hits" 2>/dev/null || { cat "$work/hits" >&2; fail "a secret in $1"; }
}

find_executors
for executor in $executors; do
    printf '{"executor": "%s"}\n' $executor >"$TENON_CONFIG"
    root=$work/store-$executor
    out=$work/out-$executor
    TOKEN_HERE=$env begin "$root" --secret "id=plain,src=$work/plain" --secret "id=lines,src=$work/lines" \
        --secret "id=env,env=TOKEN_HERE" --build-context "$base" \
        -o "type=oci,tar=false,dest=$out" -o "type=oci,dest=$out.tar" -o "type=local,dest=$out.tree" \
        --metadata-file "$out.json" "$context"
    for word in waiting again; do
        await_line "$work/began.err" " $word\$"
        nowhere "$root"
        for p in $(processes_left); do
            known=$work/wanted
            # Its own are in the step's environment, and in tenon's where the user put it.
            if [ $word = again ] || grep -qsF -- --secret "/proc/$p/cmdline"; then known=$work/wanted.given; fi
            ! grep -qsaF -f "$work/wanted" "/proc/$p/cmdline" || fail "a secret in the arguments of $p"
            ! grep -qsaF -f "$known" "/proc/$p/environ" || fail "a secret in the environment of $p"
        done
        run 0 build "$root" -f "$context/go.Dockerfile" --build-arg "TIME=$(now)" --build-context "$base" \
            -o type=cacheonly "$context"
    done
    # The rest of the way, as often as can be.
    while kill -0 $tenon 2>/dev/null; do nowhere "$root"; done
    wait $tenon || { cat "$work/began.err" >&2; fail "the build"; }

    # The screen shows it.
    assert_has "$work/began.err" "token: <$plain>"
    assert_has "$work/began.err" "$line"
    assert_has "$work/began.err" "token: <$env>"
    # The log does not, and has the rest.
    nowhere "$root"
    nowhere "$out"
    nowhere "$out.tar"
    nowhere "$out.tree"
    nowhere "$out.json"
    cat "$root"/logs/*/* >"$work/log"
    assert_has "$work/log" "token: <***"
    assert_has "$work/log" "reading"
    # Layers are compressed.
    for blob in "$out"/blobs/sha256/* "$root"/content/blobs/sha256/*; do
        ! gzip -dc <"$blob" 2>/dev/null | grep -qaF -f "$work/wanted" || fail "a secret in $blob"
    done
    assert_no_file "$out.tree/run/secrets"
    assert_no_file "$out.tree/lines"
    # Known steps are not run again for another secret, and it is no part of a key.
    random >"$work/plain.other"
    run 0 build "$root" --secret "id=plain,src=$work/plain.other" --secret "id=lines,src=$work/lines" \
        --secret "id=env,src=$work/plain.other" --build-context "$base" -o type=cacheonly "$context"
    assert_eq 4 "$(steps_ended "$work/err" CACHED | wc -l)" # all of them
    no_process
    no_leftover "$root"
done
