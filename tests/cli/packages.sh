#!/bin/sh
# The packages that debian/ makes: lintian has nothing to say, a bare Debian installs them and builds an
# image, and where one of them is removed its plugin is missed by name, or another takes its place.
proxies=$(env | grep -i '^https\?_proxy=' || :)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/debian-lib.sh"
need_root
need dpkg-buildpackage dh lintian mmdebstrap apt-get docker-registry python3 jq

echo "-- built from what a release has in it"
unset MAKEFLAGS MAKELEVEL MFLAGS 2>/dev/null || :
umask 022
cd "$work"
make -C "$abs_top_builddir" distdir distdir="$work/tenon" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "make distdir"; }
(cd tenon && DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=2" dpkg-buildpackage -us -uc -b) >"$work/log" 2>&1 ||
    { tail -n 40 "$work/log" >&2; fail "dpkg-buildpackage"; }
run 0 lintian --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs ./*.changes
assert_eq "" "$(cat "$work/out")"

# Each plugin is in one package, and the packages of those that tenon itself has are provided by it.
for so in "$abs_top_builddir"/.libs/*-*.so; do
    plugin=$(basename "$so" .so)
    deb=$(ls "tenon-plugin-${plugin}_"*.deb 2>/dev/null || ls tenon_*.deb)
    dpkg-deb -c "$deb" >"$work/files"
    grep -q "/$plugin\.so\$" "$work/files" || fail "$plugin is not in $deb"
    case $deb in
    tenon_*) dpkg-deb -f "$deb" Provides | grep -q "tenon-plugin-$plugin (=" || fail "$deb does not provide $plugin" ;;
    esac
done
dpkg-deb -f tenon_*.deb Depends | grep -q libcurl || fail "what is loaded late is not depended upon"

echo "-- installed in a bare Debian"
make_debian
mkdir "$work/context"
cp ./*.deb tenon/debian/tests/build-an-image "$work/context"
cat >"$work/context/Dockerfile" <<END
FROM $base AS installed
COPY *.deb /debs/
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99machine \\
    apt-get update -qq && apt-get install -y -qq --no-install-recommends /debs/*.deb busybox-static jq runc
COPY build-an-image /

FROM installed AS whole
RUN --security=insecure --mount=type=tmpfs,target=/tmp AUTOPKGTEST_TMP=/tmp/it && mkdir -p \$AUTOPKGTEST_TMP && export AUTOPKGTEST_TMP && /build-an-image

FROM installed AS without
RUN apt-get remove -y -qq tenon-plugin-mount-ssh tenon-plugin-executor-native tenon-plugin-progress-tty
COPY <<DOCKERFILE /c/Dockerfile
FROM scratch
COPY sh /bin/sh
RUN --mount=type=ssh true
DOCKERFILE
RUN --security=insecure --mount=type=tmpfs,target=/tmp cp /bin/busybox /c/sh; ! tenon --root /tmp/s build /c 2>/said && cat /said && \\
    grep -q "is the package tenon-plugin-mount-ssh installed" /said && \\
    apt-get install -y -qq /debs/tenon-plugin-mount-ssh_*.deb && tenon plugins mount-ssh
RUN --security=insecure --mount=type=tmpfs,target=/tmp export AUTOPKGTEST_TMP=/tmp/it; mkdir /tmp/it; /build-an-image && \\
    ! tenon plugins executor-native && ! tenon plugins progress-tty && script -qec "tenon --root /tmp/s build -o /tmp/o --build-arg X=1 /c" /dev/null
END
for stage in whole without; do
    # shellcheck disable=SC2086 # words
    run 0 tenon build --progress=plain $step_args --allow security.insecure --target "$stage" -o type=cacheonly "$work/context"
done
assert_has "$work/err" "installed"
