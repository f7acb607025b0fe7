#!/bin/sh
# Each plugin taken away in turn: what needs it fails with a message that names
# its package, and everything else works as before.
. "$(dirname "$0")/lib.sh"
need python3 jq docker-registry
need_root
make_bases
plugins=$work/plugins
umask 022
mkdir -p "$plugins" "$work/context" "$work/www"
chmod 755 "$work"
for so in "$abs_top_builddir"/.libs/*-*.so; do
    cp "$so" "$plugins/"
done
run 0 "$abs_top_builddir/tenon" --plugin-dir "$plugins" plugins --format json
jq -se --arg d "$plugins/" 'all(.[]; .path | startswith($d))' "$work/out" >/dev/null ||
    skip "plugins are installed where this tenon looks for them"

start_registry </dev/null
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
url=http://127.0.0.1:$(cat "$work/port")
echo file >"$work/context/file"
base="base=oci-layout://$bases/busybox"

build() { # FLAG...: the build file on standard input
    cat >"$work/context/Dockerfile"
    "$abs_top_builddir/tenon" --plugin-dir "$plugins" --root "$store" build "$@" "$work/context"
}
one_line() { printf '%s\n' "$1" >"$work/Dockerfile"; }
base_image=$registry/base:1
one_line "FROM base"
run 0 build --progress=plain --build-context "$base" -o type=registry -t "$base_image" <"$work/Dockerfile"
cat >"$work/Dockerfile" <<'END'
FROM base
CMD ["sh", "-c", "echo '{\"predicateType\": \"https://spdx.dev/Document\", \"predicate\": {}}' >$BUILDKIT_SCAN_DESTINATION/it.spdx.json"]
END
run 0 build --progress=plain --build-context "$base" -o type=registry -t "$registry/scan:1" <"$work/Dockerfile"
front=$abs_top_builddir/tests/gateway/frontend
if [ -x "$front" ]; then
    cp "$front" "$work/context/run"
    printf 'FROM scratch\nCOPY run /run\nLABEL moby.buildkit.frontend.caps=moby.buildkit.frontend.contexts\n' >"$work/Dockerfile"
    run 0 build --progress=plain -o type=registry -t "$registry/front:1" <"$work/Dockerfile"
    printf 'FROM scratch\nCOPY file /\n' >"$work/context/Real.Dockerfile"
fi
printf 'FROM scratch\nCOPY file /from-web\n' >"$work/context/Dockerfile"
tar -C "$work/context" -cf "$work/www/context.tar" .
if can_try "source-git" git; then
    git init -q -b main "$work/repo"
    cp "$work/context/file" "$work/repo"
    git -C "$work/repo" add .
    git -C "$work/repo" -c user.name=t -c user.email=t@localhost commit -q -m one
    git clone -q --bare "$work/repo" "$work/www/repo.git"
fi

# needs PLUGIN: a build that needs it, and no other than frontend-dockerfile,
# source-local, source-oci-layout, progress-plain, executor-native, exporter-tar.
needs() {
    set -- "$1" --progress=plain --no-cache -o type=tar,dest=/dev/null --build-context "$base"
    plugin=$1
    shift
    case $plugin in
    frontend-dockerfile | source-local | exporter-tar | progress-plain)
        one_line 'FROM scratch
COPY file /' ;;
    frontend-gateway)
        one_line "# syntax=$registry/front:1
build Real.Dockerfile" ;;
    source-image) one_line "FROM $base_image" ;;
    source-oci-layout) one_line 'FROM base
COPY file /' ;;
    source-http) one_line "FROM scratch
ADD $url/context.tar /" ;;
    source-git) one_line "FROM scratch
ADD $url/git/repo.git#main /" ;;
    mount-bind) one_line 'FROM base
RUN --mount=type=bind,target=/m test -e /m/file' ;;
    mount-cache | mount-tmpfs) one_line "FROM base
RUN --mount=type=${plugin#mount-},target=/m touch /m/x" ;;
    mount-secret)
        one_line 'FROM base
RUN --mount=type=secret,id=s,required=true test -s /run/secrets/s'
        set -- "$@" --secret "id=s,src=$work/context/file" ;;
    mount-ssh)
        one_line 'FROM base
RUN --mount=type=ssh,required=true test -S "$SSH_AUTH_SOCK"'
        ssh-keygen -q -t ed25519 -N '' -f "$work/key-$$" <<END >/dev/null
y
END
        set -- "$@" --ssh "default=$work/key-$$" ;;
    executor-*)
        echo "{\"executor\": \"${plugin#executor-}\"}" >"$TENON_CONFIG"
        one_line 'FROM base
RUN true' ;;
    exporter-oci | exporter-docker)
        one_line 'FROM base'
        set -- "$@" -o "type=${plugin#exporter-},dest=$work/export" ;;
    exporter-local)
        one_line 'FROM base'
        set -- "$@" -o "$work/files" ;;
    exporter-image)
        one_line 'FROM base'
        set -- "$@" -o type=image ;;
    attester-*)
        one_line 'FROM base'
        set -- "$@" --attest "type=${plugin#attester-}" ;;
    scanner-generator)
        one_line 'FROM base'
        set -- "$@" --sbom "generator=$registry/scan:1" ;;
    scanner-*)
        one_line 'FROM base'
        set -- "$@" --sbom "scanner=${plugin#scanner-}" ;;
    cache-local)
        one_line 'FROM base'
        set -- "$@" --cache-to "type=local,dest=$work/cache" ;;
    cache-registry)
        one_line 'FROM base'
        set -- "$@" --cache-from "$registry/cache" ;;
    cache-s3)
        one_line 'FROM base'
        set -- "$@" --cache-from "type=s3,bucket=b,region=r,endpoint_url=http://127.0.0.1:1" ;;
    cache-gha)
        one_line 'FROM base'
        set -- "$@" --cache-from "type=gha,scope=x" ;;
    cache-azblob)
        one_line 'FROM base'
        set -- "$@" --cache-from "type=azblob,account_url=http://127.0.0.1:1,secret_access_key=AAAA,account_name=a" ;;
    progress-tty)
        one_line 'FROM base'
        # It is asked for on terminals only.
        script -qec "$abs_top_builddir/tenon --plugin-dir $plugins --root $store build --progress=tty \
            --build-context $base $work/context" /dev/null <"$work/Dockerfile"
        return ;;
    progress-json)
        one_line 'FROM base'
        set -- "$@" --progress=rawjson ;;
    *) fail "no build for $plugin: write one" ;;
    esac
    build "$@" <"$work/Dockerfile"
}

# elsewhere PLUGIN: much of what does not need it.
elsewhere() {
    progress=plain output=type=tar,dest=/dev/null
    [ "$1" != progress-plain ] || progress=none
    [ "$1" != exporter-tar ] || output="$work/files"
    echo '{}' >"$TENON_CONFIG" # the executor, too, is what there is
    case $1 in
    frontend-dockerfile) "$abs_top_builddir/tenon" --plugin-dir "$plugins" --root "$store" du; return ;;
    source-local) # even the build file comes through it
        "$abs_top_builddir/tenon" --plugin-dir "$plugins" --root "$store" build --progress=$progress \
            -o "$output" "$url/context.tar"
        return ;;
    source-oci-layout) one_line 'FROM scratch
COPY file /' ;;
    *) one_line 'FROM base
COPY file /
RUN true' ;;
    esac
    if [ "$1" = progress-tty ]; then # a terminal, and nobody says which display
        cp "$work/Dockerfile" "$work/context"
        script -qec "$abs_top_builddir/tenon --plugin-dir $plugins --root $store build \
            --build-context $base $work/context" /dev/null </dev/null
        return
    fi
    build --progress=$progress --no-cache --build-context "$base" -o "$output" <"$work/Dockerfile"
}

count=0
for so in "$plugins"/*.so; do
    plugin=${so##*/}
    plugin=${plugin%.so}
    case $plugin in
    executor-oci) can_try $plugin runc || continue ;;
    source-git) can_try $plugin git || continue ;;
    frontend-gateway) can_try $plugin "$front" || continue ;;
    progress-tty) can_try $plugin script || continue ;;
    mount-ssh) can_try $plugin ssh-keygen || continue ;;
    esac
    echo '{}' >"$TENON_CONFIG"
    run 0 needs "$plugin"
    mv "$so" "$work/away"
    rm -rf "$work/cache" "$work/files"
    run 1 needs "$plugin"
    cat "$work/out" "$work/err" >"$work/said"
    assert_has "$work/said" "tenon-plugin-$plugin"
    if [ "$plugin" = frontend-gateway ]; then
        "$abs_top_builddir/tenon" --plugin-dir "$plugins" --root "$store" doctor >"$work/doctor" || :
        assert_has "$work/doctor" "needs the package tenon-plugin-frontend-gateway"
    fi
    echo "$plugin: $(grep -F "${plugin#*-}" "$work/said" | grep -E 'ERROR|^tenon: |no ' | head -n 1 | cut -c 1-160)"
    run 0 elsewhere "$plugin"
    mv "$work/away" "$so"
    count=$((count + 1))
done
echo "$count plugins"
[ "$count" -ge 15 ] || fail "only $count plugins tried"
