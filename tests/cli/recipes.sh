#!/bin/sh
# The recipes of CONTRIBUTING.md, followed to the letter in a copy of the tree: what comes out
# builds, and does what it is for.
. "$(dirname "$0")/lib.sh"
need python3 autoreconf libtoolize make
unset MAKEFLAGS MFLAGS MAKELEVEL CONFIG_SITE 2>/dev/null || :

# What is needed to build, and no more.
tree=$work/tree
mkdir "$tree"
(cd "$abs_top_srcdir" && tar -cf - --exclude='./build*' --exclude=./.git --exclude=./autom4te.cache \
    --exclude=./tests/conformance --exclude=./tests/mutation --exclude='*.o' .) | tar -xf - -C "$tree"
chmod -R u+w "$tree" # make distcheck has the sources read-only
"$abs_top_srcdir/tests/cli/follow-recipes" "$tree" >"$work/followed"
assert_eq "a copy of 1, after 10, before 4, new 1" "$(cat "$work/followed")"

# Once for all of them, without optimisation, and without plugins that no recipe comes near.
set --
for plugin in source-http source-git executor-oci exporter-oci exporter-docker exporter-tar \
    attester-provenance scanner-generator scanner-packages cache-local cache-registry cache-azblob cache-gha cache-s3 \
    progress-tty progress-json mount-ssh; do
    set -- "$@" --disable-plugin-$plugin
done
mkdir "$tree/build"
(cd "$tree" && autoreconf -i && cd build &&
    CONFIG_SHELL=/bin/sh ../configure -q --disable-dependency-tracking "$@" CFLAGS=-O0 &&
    make -s -j2 tenon modules) >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; fail "it does not build"; }
! grep 'warning:' "$work/build.log" | grep -v libtoolize >&2 || fail "it builds with warnings"
new() { "$tree/build/tenon" --plugin-dir "$tree/build/.libs" --root "$store" "$@"; }
chmod 755 "$work" "$tree" "$tree/build" "$tree/build/.libs"
mkdir "$work/context"
dockerfile() { printf "$@" >"$work/context/Dockerfile"; }

# ---- a plugin that is bundled ------------------------------------------------------------
run 0 new plugins mount-hello
assert_has "$work/out" "(default world)"
if [ "$(id -u)" = 0 ]; then
    make_bases
    dockerfile 'FROM base\nRUN --mount=type=hello,target=/greeting,name=Ada cat /greeting\n'
    run 0 new build --progress=plain --build-context "base=oci-layout://$bases/busybox" "$work/context"
    grep -q '^#[0-9]* [0-9.]* Hello, Ada$' "$work/err" || { cat "$work/err" >&2; fail "no greeting"; }
else
    not_tried "a step with the new plugin: needs root"
fi

# ---- a rule of the linter ------------------------------------------------------------------
dockerfile 'FROM scratch\nWORKDIR /\n'
run 1 new build --check "$work/context"
assert_has "$work/out" "WorkdirRoot"
assert_has "$work/out" "WORKDIR / changes nothing here"
dockerfile '# check=skip=WorkdirRoot\nFROM scratch\nWORKDIR /\n'
run 0 new build --check "$work/context"
dockerfile 'FROM scratch\nWORKDIR /a\n'
run 0 new build --check "$work/context"
assert_lacks "$work/out" WorkdirRoot

# ---- a flag that becomes an attribute of a step ----------------------------------------------
run 0 new build --help
assert_has "$work/out" "--timezone"
if [ "$(id -u)" = 0 ]; then
    dockerfile 'FROM base\nRUN echo "zone <$TZ>"\n'
    zone() { # HOW ZONE FLAG...
        how=$1 zone=$2
        shift 2
        run 0 new build --progress=plain --build-context "base=oci-layout://$bases/busybox" "$@" "$work/context"
        assert_eq "$zone: $how" "$zone: $(step_ended "$work/err" "echo")"
        [ $how = CACHED ] || grep -qE "^#[0-9]+ [0-9.]+ zone <$zone>\$" "$work/err" ||
            { cat "$work/err" >&2; fail "not in $zone"; }
    }
    zone DONE ""
    zone DONE Europe/Berlin --timezone Europe/Berlin
    zone CACHED Europe/Berlin --timezone Europe/Berlin
    zone DONE Asia/Tokyo --timezone Asia/Tokyo
    zone CACHED ""
else
    not_tried "a step with the new flag: needs root"
fi
