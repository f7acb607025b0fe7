#!/bin/sh
# The frontend of docs/frontends.md, as a plugin and as an image: both read the same build files.
. "$(dirname "$0")/lib.sh"
need jq docker-registry
need_root

mkdir -p "$work/context" "$work/plugins"
cd "$work/context"
printf '# syntax=example.org/files\n/motd Welcome\n\n/hello to all\n' >Dockerfile
printf '# syntax=example.org/files\n/motd Welcome\nhello\n' >Wrong.Dockerfile
printf '# syntax=example.org/files\n' >Empty.Dockerfile

# as WHAT FLAG...: the build files are read.
as() {
    what=$1
    shift
    run 0 tenon "$@" build --progress=plain,detail=short -o out .
    assert_eq Welcome "$(cat out/motd)"
    assert_eq "to all" "$(cat out/hello)"
    assert_eq "hello motd " "$(ls out | tr '\n' ' ')"
    rm -r out
    run 0 tenon "$@" build -o type=oci,dest=image.tar .
    rm -rf oci
    mkdir oci
    tar -C oci -xf image.tar
    assert_eq linux "$(jq -r '.manifests[0].platform.os' oci/index.json)"
    run 1 tenon "$@" build --progress=plain,detail=short -f Wrong.Dockerfile .
    assert_has "$work/err" "expected a path and a text: hello"
    run 1 tenon "$@" build --progress=plain,detail=short -f Empty.Dockerfile .
    echo "$what: fine"
}

echo "-- as a plugin"
# shellcheck disable=SC2086
${CC:-cc} -std=gnu11 -Wall -Wextra -Werror -shared -fPIC ${PLUGIN_FLAGS-} \
    -I"$abs_top_srcdir/core/include" -o "$work/plugins/frontend-files.so" \
    "$abs_top_srcdir/examples/frontend-files/files.c"
printf '{"frontends": {"example.org/files": "files"}}\n' >"$work/tenon.json"
export TENON_CONFIG="$work/tenon.json"
as "the plugin" --plugin-dir "$work/plugins"
assert_has "$work/err" "lists no file"
run 1 tenon --plugin-dir "$work/plugins" build --progress=plain,detail=short -f Wrong.Dockerfile .
assert_has "$work/err" "Wrong.Dockerfile:3"
run 0 tenon --plugin-dir "$work/plugins" plugins frontend-files
assert_has "$work/out" "build files that list files"
run 1 tenon build . # it is not there
assert_has "$work/err" 'no frontend plugin "files"'
unset TENON_CONFIG

echo "-- as an image"
program=$abs_top_builddir/.libs/frontend-gateway.so
if [ -e "$program" ] && /usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null; then
    start_registry </dev/null
    mkdir "$work/base" "$work/image"
    cp "$abs_top_srcdir/examples/frontend-image/frontend.py" "$work/image"
    # As its Dockerfile says, on another base.
    sed -e 's/^FROM .*/FROM base/' -e '/^RUN/d' "$abs_top_srcdir/examples/frontend-image/Dockerfile" \
        >"$work/image/Dockerfile"
    assert_eq 1 "$(grep -c '^RUN' "$abs_top_srcdir/examples/frontend-image/Dockerfile")"
    /usr/bin/python3 "$abs_top_srcdir/tests/gateway/frontend.py" files "$work/base/files.tar"
    tar -C "$work/base" -xf "$work/base/files.tar"
    rm "$work/base/files.tar"
    ln -sf "$(basename "$(readlink -f /usr/bin/python3)")" "$work/base/usr/bin/python3"
    run 0 tenon build --build-context base="$work/base" -o type=registry -t "$registry/team/files" \
        "$work/image"
    for file in *Dockerfile; do
        sed -i "s,example.org/files,$registry/team/files," "$file"
    done
    as "the image"
    assert_has "$work/err" "no file is listed"
else
    not_tried "an image: needs the plugin frontend-gateway, python3-grpcio and python3-protobuf"
fi
