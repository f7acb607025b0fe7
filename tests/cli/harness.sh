#!/bin/sh
# These tests themselves: what one of them started ends with it, however it ends, and
# nothing of it is left; a failure is one, and what was not tried is said.
. "$(dirname "$0")/lib.sh"
lib=$abs_top_srcdir/tests/cli/lib.sh
# With TERM it is deaf to requests, as a server may be; it says its number.
cat >"$work/deaf" <<'END'
[ "$2" != TERM ] || trap '' TERM INT HUP
echo $$ >"$1"
while :; do sleep 1; done
END
cat >"$work/one.sh" <<END
abs_top_builddir=$abs_top_builddir abs_top_srcdir=$abs_top_srcdir
. "$lib"
sh "$work/deaf" "$work/deaf.pid" "\${2-}" &
remember \$!
sleep 300 &
remember \$!
echo \$! >"$work/meek.pid"
while [ ! -s "$work/deaf.pid" ]; do sleep 0.05; done
echo "\$work" >"$work/one.work"
mv "$work/one.work" "$work/one.ready"
case \${1-wait} in
wait) while :; do sleep 0.05; done ;;
*) "\$1" ;;
esac
END
# ends STATUS HOW [SIGNAL]
ends() {
    rm -f "$work/one.ready" "$work/deaf.pid"
    # A background job is deaf to an interrupt unless told otherwise.
    TMPDIR=$work env --default-signal=INT sh "$work/one.sh" "$2" "${3-}" >"$work/one.out" 2>&1 &
    one=$!
    remember $one
    await "the test inside" test -e "$work/one.ready"
    [ -z "${3-}" ] || kill "-$3" $one
    got=0
    wait $one || got=$?
    assert_eq "$1" $got
    for pid in $(cat "$work/deaf.pid" "$work/meek.pid"); do
        ! kill -0 "$pid" 2>/dev/null || { kill -KILL "$pid"; fail "$*: process $pid is left"; }
    done
    assert_no_file "$(cat "$work/one.ready")"
}
ends 143 wait TERM
ends 130 wait INT
ends 129 wait HUP
ends 0 true
ends 1 fail
ends 77 skip

assert_eq "NOT TRIED: a part: no such thing" "$(not_tried "a part: no such thing")"
for bad in 'run 0 false' 'run 1 true' 'assert_eq 1 2' 'assert_file "$work/none"' 'assert_no_file "$work"' \
    'assert_has "$0" "no such text in it, $$"' 'assert_lacks "$0" "no such text in it"'; do
    got=0
    (trap - EXIT; eval "$bad") >/dev/null 2>&1 || got=$?
    assert_eq 1 $got
done

# A test that fails with another directory mounted below its own removes its own alone; of
# what cannot be unmounted it removes nothing.
if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
    mkdir "$work/precious"
    echo precious >"$work/precious/file"
    cat >"$work/mounts.sh" <<END
abs_top_builddir=$abs_top_builddir abs_top_srcdir=$abs_top_srcdir
. "$lib"
mkdir -p "\$work/a b/root"
mount --bind "$work/precious" "\$work/a b/root"
mount --bind "$work/precious" "\$work/a b/root"
[ "\$1" != stays ] || umount() { :; }
fail "on purpose, \$work"
END
    for how in goes stays; do
        run 1 env TMPDIR="$work" unshare --mount sh "$work/mounts.sh" $how
        assert_has "$work/err" "FAIL: on purpose"
        assert_eq precious "$(cat "$work/precious/file")"
        inside=$(sed -n 's/^FAIL: on purpose, //p' "$work/err")
        case $how in
        goes) assert_no_file "$inside" ;;
        stays)
            assert_has "$work/out" "kept, for what is mounted there: $inside"
            [ -d "$inside/a b/root" ] || fail "a directory that was mounted upon is gone"
            ;;
        esac
    done
else
    not_tried "what is mounted below a test's directory: needs root and mount namespaces"
fi
