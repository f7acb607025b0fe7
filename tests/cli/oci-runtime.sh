#!/bin/sh
# executor-oci with runtimes that are missing, refuse to work here, crash, or do
# nothing: each is said to be the runtime's fault, and what to do.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
printf 'FROM base\nRUN echo "of the step"; exit 3\n' | dockerfile

runtime() { # COMMAND
    printf '{"executor": "oci", "plugins": {"executor-oci": {"runtime": "%s"}}}\n' "$1" >"$TENON_CONFIG"
}
script() { # NAME: a runtime made of standard input
    { echo '#!/bin/sh'; cat; } >"$work/$1"
    chmod 755 "$work/$1"
    runtime "$work/$1"
}
blamed() { # TEXT
    run 1 build --no-cache
    assert_has "$work/err" "did not complete successfully: OCI runtime \"$1"
    assert_has "$work/err" "hint: "
    assert_has "$work/err" '"executor": "native"'
    assert_lacks "$work/err" "tenon shell"
    assert_lacks "$work/err" "exit code"
}

for name in no-such-runtime "$work/none"; do
    runtime "$name"
    run 1 build
    assert_has "$work/err" "OCI runtime \"$name\": not found"
    assert_has "$work/err" "hint: install runc, or set"
done
echo text >"$work/text"
runtime "$work/text"
run 1 build
assert_has "$work/err" "not found"
chmod 755 "$work/text"
printf '\177ELF nonsense' >"$work/text"
run 1 build
assert_has "$work/err" "start the OCI runtime: Exec format error"

# It crashes: before anything, and after it has begun.
script crash <<'R'
kill -SEGV $$
R
blamed "$work/crash\": ended by signal 11"
script late-crash <<'R'
mkdir -p "$2/x"; echo "some words"; kill -ABRT $$
R
blamed "$work/late-crash\": ended by signal 6"
assert_has "$work/err" "some words"

# It does nothing, and is content: the step has not run, so it has not succeeded.
runtime /bin/true
blamed "/bin/true\": ended with status 0, and without having run anything"
runtime /bin/false
blamed "/bin/false\": ended with status 1, and without having run anything"

# What it has to say is in its log; a log of nonsense is passed over.
script talks <<'R'
mkdir -p "$2"
printf 'nonsense\n{"level":"warning","msg":"not this"}\n{"level":"error","msg":"no such thing as a \\"moon\\""}\n' >"$4"
exit 1
R
blamed "$work/talks\": no such thing as a \"moon\""
# A program that cannot be started is not the runtime's fault.
script program <<'R'
mkdir -p "$2"
echo '{"level":"error","msg":"exec: \"x\": executable file not found"}' >"$4"
exit 1
R
run 1 build
assert_has "$work/err" "exit code: 1"

# It is given its work in files, nothing of our environment, and no more than
# three descriptors.
script looks <<'R'
mkdir -p "$2"
env | grep -v '^PWD=\|^SHLVL=\|^_=\|^OLDPWD=' | sort
ls -x /proc/$$/fd # no pipe, which would be one more
exit 3
R
SECRET_OF_USER=1 run 1 build
assert_has "$work/err" "exit code: 3"
assert_has "$work/err" "XDG_RUNTIME_DIR=/run"
assert_lacks "$work/err" "SECRET_OF_USER"
grep -Eq ' 0 +1 +(10 +)?2( +10)?$' "$work/err" || { cat "$work/err" >&2; fail "descriptors"; } # 10: sh's script

# A runtime that hangs is ended with the build.
script hangs <<'R'
echo begun; trap '' INT TERM; while :; do sleep 1; done
R
"$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain,detail=short \
    --build-context "base=oci-layout://$bases/busybox" "$context" >"$work/hang" 2>&1 &
pid=$!
remember $pid
wait_for "$work/hang" "begun"
kill -INT $pid
status=0
wait $pid || status=$?
assert_eq 130 $status
! grep -lsF "$work/hangs" /proc/[0-9]*/cmdline || fail "the runtime outlives the build"

# The real ones.
for name in runc crun runsc; do
    can_try "the runtime $name" $name || continue
    runtime $name
    got=0
    build --no-cache >"$work/out" 2>"$work/err" || got=$?
    if grep -qF "OCI runtime \"$name\":" "$work/err"; then
        # It does not work here: clear words and a way out.
        assert_has "$work/err" "hint: "
        if grep -q "hybrid mode" "$work/err"; then
            assert_has "$work/err" 'it needs control groups of one version, and this machine has both'
            assert_has "$work/err" '"runtime": "runc"'
        fi
        [ $name != runc ] || fail "runc does not work"
    else
        assert_has "$work/err" "of the step"
        assert_has "$work/err" "exit code: 3"
    fi
    assert_eq 1 $got
done
