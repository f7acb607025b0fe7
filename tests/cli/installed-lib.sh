# installed-lib.sh - sourced after lib.sh by tests that use tenon as it is installed, and
# nothing of the source or the build tree.
unset MAKEFLAGS MAKELEVEL MFLAGS 2>/dev/null || :

# Into a prefix of the test's own. Sets prefix and plugins, and what a user who builds plugins has:
# tenon in PATH, pkg-config that finds it. installed ARGUMENT... is that tenon.
install_tenon() {
    need pkg-config make "${CC:-cc}"
    chmod 755 "$work"
    umask 022
    stage=$work/stage
    make -C "$abs_top_builddir" install DESTDIR="$stage" >"$work/install.log" 2>&1 ||
        { tail -n 20 "$work/install.log" >&2; fail "make install"; }
    pc=$(find "$stage" -name tenon.pc)
    [ -n "$pc" ] || fail "no tenon.pc is installed"
    prefix=${pc%/lib*/pkgconfig/tenon.pc}
    plugins=$(dirname "$(find "$prefix/lib" -name frontend-dockerfile.so)")

    # What an installation in its place would find by itself.
    mkdir "$work/bin"
    cat >"$work/bin/tenon" <<EOF
#!/bin/sh
exec "$prefix/bin/tenon" --plugin-dir "$plugins" --root "$store" "\$@"
EOF
    chmod 755 "$work/bin/tenon"
    PATH=$work/bin:$PATH
    PKG_CONFIG_PATH=${pc%/*}
    PKG_CONFIG="pkg-config --define-variable=prefix=$prefix"
    export PATH PKG_CONFIG_PATH PKG_CONFIG
}
installed() { "$work/bin/tenon" "$@"; }

# FROM busybox finds the test's: "busybox" of a registry that stands in for docker.io.
serve_busybox() {
    make_bases
    start_registry </dev/null
    mkdir "$work/base"
    echo "FROM base" >"$work/base/Dockerfile"
    run 0 installed build --progress=plain --build-context "base=oci-layout://$bases/busybox" \
        -o type=registry -t "$registry/library/busybox:latest" "$work/base"
    mirrors="\"registries\": {\"docker.io\": {\"mirrors\": [\"$registry\"]}}"
    echo "{$mirrors}" >"$TENON_CONFIG"
}
