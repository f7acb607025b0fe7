#!/bin/sh
# A third party's mount type: tenon is installed, examples/mount-hello is built
# against that installation alone, and a build uses it.
. "$(dirname "$0")/lib.sh"
need autoreconf libtoolize pkg-config
unset MAKEFLAGS MAKELEVEL MFLAGS 2>/dev/null || :

stage=$work/stage
chmod 755 "$work"
umask 022
make -C "$abs_top_builddir" install DESTDIR="$stage" >"$work/install.log" 2>&1 ||
    { tail -n 20 "$work/install.log" >&2; fail "make install"; }
pc=$(find "$stage" -name tenon.pc)
[ -n "$pc" ] || fail "no tenon.pc is installed"
prefix=${pc%/lib*/pkgconfig/tenon.pc}
assert_file "$prefix/include/tenon-plugin.h"
assert_file "$prefix/bin/tenon"
[ -z "$(find "$stage" -name '*.la')" ] || fail ".la files are installed"

# The names that buildx starts in a container or a pod, for who configures them.
if grep -q '^S\["HAVE_NGHTTP2_TRUE"\]=""' "$abs_top_builddir/config.status"; then
    sed 's/^S\["BUILDKIT_NAMES_TRUE"\]="#"/S["BUILDKIT_NAMES_TRUE"]=""/' "$abs_top_builddir/config.status" \
        >"$work/config.status"
    (cd "$abs_top_builddir" && sh "$work/config.status" --file="$work/Makefile:Makefile.in" &&
        make -f "$work/Makefile" install-exec-hook DESTDIR="$stage") >"$work/names.log" 2>&1 ||
        { tail -n 20 "$work/names.log" >&2; fail "install-exec-hook"; }
    run 0 "$prefix/bin/buildkitd" --version
    assert_has "$work/out" "buildkitd tenon v"
    run 0 "$prefix/bin/buildctl" --version
fi

# Only what an installation has: no path of the source or the build tree.
cp -r "$abs_top_srcdir/examples/mount-hello" "$work/sample"
chmod -R u+w "$work/sample" # make distcheck has the sources read-only
cd "$work/sample"
(
    PKG_CONFIG_PATH=${pc%/*}
    PKG_CONFIG="pkg-config --define-variable=prefix=$prefix"
    ACLOCAL_PATH=$prefix/share/aclocal
    export PKG_CONFIG_PATH PKG_CONFIG ACLOCAL_PATH
    autoreconf -i && ./configure --prefix="$prefix" CFLAGS="-Wall -Wextra -Werror" && make &&
        make install
) >"$work/sample.log" 2>&1 || { tail -n 30 "$work/sample.log" >&2; fail "the sample does not build"; }
! grep -i 'warning' "$work/sample.log" | grep -v libtoolize || fail "the sample builds with warnings"
plugins=$(dirname "$(find "$prefix/lib" -name frontend-dockerfile.so)")
assert_file "$plugins/mount-hello.so"
if can_try "one symbol a module" nm; then
    assert_eq 1 "$(nm -D --defined-only mount-hello.so .libs/mount-hello.so 2>/dev/null | grep -c ' T ')"
fi

installed() { "$prefix/bin/tenon" --plugin-dir "$plugins" --root "$store" "$@"; }
run 0 installed plugins mount-hello
assert_has "$work/out" "name=string"
assert_has "$work/out" "(default world)"

need_root
make_bases
mkdir "$work/context"
build() { # the context's Dockerfile comes on standard input
    cat >"$work/context/Dockerfile"
    installed build --progress=plain --build-context "base=oci-layout://$bases/busybox" \
        -o "type=local,dest=$work/result" "$work/context"
}
run 0 build <<'END'
FROM base
RUN --mount=type=hello,target=/greeting,name=Ada cat /greeting > /one
RUN --mount=type=hello,target=/deep/er/greeting,loud cat /deep/er/greeting > /two
RUN --mount=type=hello,target=/greeting ! echo x 2>/dev/null >> /greeting
END
assert_eq "Hello, Ada" "$(cat "$work/result/one")"
assert_eq "Hello, world!" "$(cat "$work/result/two")"
[ ! -s "$work/result/greeting" ] || fail "the greeting is in the image"

# Options and configuration are in the key of the step.
cp "$work/context/Dockerfile" "$work/same"
run 0 build <"$work/same"
for step in 'cat /greeting > /one' 'cat /deep/er/greeting > /two' '! echo x'; do
    assert_eq "$step: CACHED" "$step: $(step_ended "$work/err" "$step")"
done
echo '{"plugins": {"mount-hello": {"greeting": "Moin"}}}' >"$work/tenon.json"
run 0 build <"$work/same"
assert_eq DONE "$(step_ended "$work/err" 'cat /greeting > /one')"
assert_eq "Moin, Ada" "$(cat "$work/result/one")"

# What it does not know is refused with the place, before anything runs.
run 1 build <<'END'
FROM base
RUN --mount=type=hello,target=/greeting,nam=Ada cat /greeting
END
assert_has "$work/err" "nam"
assert_has "$work/err" "Dockerfile:2"
run 1 build <<'END'
FROM base
RUN --mount=type=helo,target=/greeting cat /greeting
END
assert_has "$work/err" "helo"
