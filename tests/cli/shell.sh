#!/bin/sh
# tenon shell: into the step that failed, with what it had; and what is kept of it
# goes with a prune.
. "$(dirname "$0")/lib.sh"
need_root
make_bases
mkdir "$work/context"
echo hush >"$work/secret"
cat >"$work/context/Dockerfile" <<'END'
FROM base
ENV KEY=value
WORKDIR /w
USER app
USER root
RUN --mount=type=secret,id=s --mount=type=cache,target=/c --mount=type=bind,from=base,target=/b \
    --mount=type=tmpfs,target=/t echo of root; touch half /c/kept; test ! -e /go || exit 0; exit 3
USER app
RUN echo of app >/home/app/file; exit 4
END
build() {
    tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" \
        -o type=cacheonly "$@" "$work/context"
}

run 1 tenon shell true </dev/null
assert_has "$work/err" "no failed step is kept"

# A flag's value that means nothing is found before anything is looked for.
for bad in "--allow nothing" "--secret nothing=at,all" "--ssh =" "--secret id=s,src=$work/none"; do
    run 2 tenon shell $bad true </dev/null
    grep -q "no failed step" "$work/err" && fail "$bad is found late"
done

find_executors
for executor in $executors; do
    printf '{"executor": "%s"}\n' $executor >"$TENON_CONFIG"
    run 1 build --no-cache --secret "id=s,src=$work/secret"
    assert_has "$work/err" "exit code: 3"
    assert_has "$work/err" "hint: tenon shell"
    # Its directory, files, variables, mounts; the secret given again.
    run 0 tenon shell --secret "id=s,src=$work/secret" sh -c \
        'pwd; ls; echo $KEY; ls /c; cat /run/secrets/s; ls -d /b/bin; touch /t/x /mine; ! touch /b/x 2>/dev/null' </dev/null
    cat >"$work/wanted" <<'END'
/w
half
value
kept
hush
/b/bin
END
    diff "$work/wanted" "$work/out" || fail "$executor: not what the step had"
    # Nothing written to the root stays, and the status is the command's.
    run 7 tenon shell sh -c 'test ! -e /mine && exit 7' </dev/null
    # Nor is anything there that the image has not, but what every step has.
    run 7 tenon shell sh -c 'test ! -e /run/config && exit 7' </dev/null
    # Not given again: not there.
    run 0 tenon shell sh -c 'test ! -s /run/secrets/s' </dev/null
    # Input and output are the user's.
    echo from the user | tenon shell cat >"$work/out"
    assert_eq "from the user" "$(cat "$work/out")"
    # Files are written to and read, and stay whose they are: root of a step is root by its number.
    seq 20000 >"$work/in"
    : >"$work/printed"
    : >"$work/said"
    owners() { stat -c '%n %u:%g %a' "$work/in" "$work/printed" "$work/said"; }
    before=$(owners)
    tenon shell sh -c 'for i in 0 1 2; do chown 1000:1000 /proc/self/fd/$i; chmod 777 /proc/self/fd/$i; done 2>/dev/null
        cat; echo of root >/dev/stderr' <"$work/in" >"$work/printed" 2>"$work/said" || fail "$executor: files as streams"
    assert_eq "$before" "$(owners)"
    cmp "$work/in" "$work/printed"
    assert_eq "of root" "$(cat "$work/said")"
    # Both in their order (but a runtime has two pipes); what cannot be written is an error; a reader who goes ends it.
    tenon shell sh -c 'echo 1; echo 2 >&2; echo 3' <"$work/in" >"$work/both" 2>&1
    [ $executor = native ] || sort -o "$work/both" "$work/both"
    assert_eq "1 2 3" "$(tr '\n' ' ' <"$work/both" | sed 's/ $//')"
    got=0
    tenon shell echo x </dev/null >/dev/full 2>"$work/err" || got=$?
    assert_eq 1 $got
    assert_has "$work/err" "write standard output"
    [ "$(tenon shell sh -c 'while echo y; do :; done 2>/dev/null' </dev/null 2>/dev/null | head -n 1)" = y ]
done
first=$(ls -t "$store/logs" | head -n 1)

# The last one that failed is entered, an older one by the build's name.
sed -i 's/^RUN --mount.*/RUN true \\/; s/exit 3$/true/; s/^    --mount.*/ \&\& true/' "$work/context/Dockerfile"
run 1 build
assert_has "$work/err" "exit code: 4"
run 0 tenon shell sh -c 'id -un; cat ~/file' </dev/null
assert_eq "app of app" "$(tr '\n' ' ' <"$work/out" | sed 's/ $//')"
run 0 tenon shell --build "$first" sh -c 'id -un; pwd' </dev/null
assert_eq "root /w" "$(tr '\n' ' ' <"$work/out" | sed 's/ $//')"
run 1 tenon shell --build none true </dev/null
assert_has "$work/err" "none"

# A prune takes it.
run 0 tenon prune --all --force
run 1 tenon shell true </dev/null
assert_has "$work/err" "no failed step"
run 0 tenon history rm --all
run 0 tenon du
assert_eq "Total: 0B" "$(grep '^Total:' "$work/out" | tr -s ' ')"
