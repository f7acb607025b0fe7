# Sourced after lib.sh by tests that want a real Debian: from the mirror that this machine's apt knows,
# the one network beyond loopback that tests use. The root file system is kept in the build directory.
# $proxies: of the environment, from before lib.sh cleaned it.

# $base is an image of it, in a registry; step_args, for builds whose steps use apt: with
# --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99machine.
make_debian() {
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
    uri=$(apt-get indextargets --no-release-info --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' \
        'Identifier: Packages' 2>/dev/null | sed -n "s/^$suite main //p" | head -n 1)
    [ -n "$suite" ] && [ -n "$uri" ] || skip "apt knows no mirror of a Debian release"
    # What apt needs to get there, as a user hands it to a step.
    apt-config dump Acquire | grep -i '::proxy' >"$work/apt.conf" || :
    step_args="--secret id=apt,src=$work/apt.conf"
    for p in $proxies; do
        export "$p"
        step_args="$step_args --build-arg ${p%%=*}"
    done
    /usr/lib/apt/apt-helper download-file "${uri%/}/dists/$suite/InRelease" "$work/InRelease" \
        >"$work/reach" 2>&1 || skip "the mirror of apt cannot be reached: $(grep '^E: ' "$work/reach" | head -n 1)"

    rootfs=$abs_top_builddir/tests/debian-$suite.tar
    [ -s "$rootfs" ] || {
        mmdebstrap --quiet --mode=root --variant=apt --aptopt="$work/apt.conf" \
            --aptopt='Acquire::Retries "3"' --dpkgopt=force-unsafe-io \
            --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
            --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
            "$suite" - "$uri" >"$rootfs.$$" 2>"$work/mmdebstrap.log" ||
            { rm -f "$rootfs.$$"; cat "$work/mmdebstrap.log" >&2; fail "mmdebstrap"; }
        mv "$rootfs.$$" "$rootfs"
    }

    # The archive becomes an image.
    start_registry </dev/null
    base=$registry/debian:$suite
    mkdir "$work/import"
    ln "$rootfs" "$work/import/rootfs.tar" 2>/dev/null || cp "$rootfs" "$work/import/rootfs.tar"
    cat >"$work/import/Dockerfile" <<'END'
FROM scratch
ADD rootfs.tar /
CMD ["bash"]
END
    run 0 tenon build --progress=plain -t "$base" --push "$work/import"
}
