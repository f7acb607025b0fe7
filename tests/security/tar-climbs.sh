#!/bin/sh
# Archives whose entries climb out: by "..", absolute names, links of both kinds,
# whiteouts, devices.  As a layer of a layout, as a layer of an imported cache, as an
# archive that ADD unpacks, as the context on standard input; then as a result that
# is written to a directory where another one lies.
. "$(dirname "$0")/lib.sh"
evil=$work/evil
mkdir "$evil" "$work/layouts"
kinds=$("$python" "$here/evil-archive" "$evil" "$target")

# evil_layouts LAYOUT DIRECTORY: of each kind a copy of it, DIRECTORY/KIND, with the archive as its last layer.
evil_layouts() {
    evil_from=$1 evil_to=$2
    set --
    for kind in $kinds; do
        cp -r "$evil_from" "$evil_to/$kind"
        set -- "$@" "$evil_to/$kind" "$evil/$kind.tar"
    done
    "$python" -E -S "$here/evil-layout" "$@"
}
evil_layouts "$bases/busybox" "$work/layouts" # the image is made of the base's

# a build that may fail, in one way: with an error, not with a mess
attempt() { # WHAT FLAG...
    what=$1
    shift
    got=0
    timeout 300 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain --build-arg "MARK=$mark" \
        --build-context "$base" "$@" </dev/null >"$work/out" 2>"$work/err" || got=$?
    judge
}
judge() {
    [ $got -le 1 ] || { cat "$work/err" >&2; fail "$what: status $got"; }
    ! grep -Eiw 'bug|assertion' "$work/err" || fail "$what: a bug"
    target_untouched
    [ $got = 1 ] || built=$((built + 1))
}

# Nothing of an image that was made is the machine's.
look="busybox find / -xdev -name kept -exec /busybox cat {} + 2>/dev/null; true"
printf 'FROM evil\nCOPY --from=base /bin/busybox /busybox\nRUN ["/busybox", "sh", "-c", "/%s"]\nCOPY --from=evil / /copied\n' "$look" \
    >"$context/layer.Dockerfile"
printf 'FROM base\nADD evil.tar evil2.tar.gz /a/b/\nRUN %s\nFROM scratch\nADD evil.tar /\n' "$look" >"$context/add.Dockerfile"
printf 'FROM base\nADD evil.tar /\n' >"$context/add-root.Dockerfile"
printf 'FROM base\nRUN ln -s %s /l && ln -s / /r\nADD evil.tar /l/\nADD evil.tar /r/l/dir/\nADD --link evil.tar /l/\n' "$target" \
    >"$context/add-link.Dockerfile"
printf 'FROM base\nRUN mkdir /cached && echo one >/cached/file\n' >"$context/cache.Dockerfile"
printf 'FROM base\nRUN mkdir /cached && echo one >/cached/file\nCOPY --from=base /bin/busybox /busybox\nRUN ["/busybox", "sh", "-c", "/%s"]\n' \
    "$look" >"$context/cached.Dockerfile"

trial() {
    built=0
    for kind in $kinds; do
        cp "$evil/$kind.tar" "$context/evil.tar"
        cp "$evil/$kind.tar.gz" "$context/evil2.tar.gz"
        attempt "layer $kind" --build-context "evil=oci-layout://$work/layouts/$kind" -f "$context/layer.Dockerfile" \
            -o "type=local,dest=$own/tree" "$context"
        assert_not_said "$outside"
        # What follows has no step in it that matters.
        [ $executor = native ] || continue
        attempt "ADD $kind" -f "$context/add.Dockerfile" -o "type=local,dest=$own/tree" "$context"
        assert_not_said "$outside"
        attempt "ADD at the root $kind" -f "$context/add-root.Dockerfile" -o "type=local,dest=$own/tree" "$context"
        attempt "ADD to a link $kind" -f "$context/add-link.Dockerfile" -o type=cacheonly "$context"
        # the context itself
        got=0
        what="context $kind"
        timeout 300 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain \
            -o "type=local,dest=$own/tree" - <"$evil/$kind.tar" >"$work/out" 2>"$work/err" || got=$?
        judge
    done
    [ $built -ge 5 ] || fail "$executor: only $built builds got anywhere"

    [ $executor = native ] || return 0

    # an imported cache
    imported=0
    mkdir "$own/caches"
    tenon --root "$own/store-cache" build --build-context "$base" -f "$context/cache.Dockerfile" -o type=cacheonly \
        --cache-to "type=local,dest=$own/cache,mode=max" "$context" >"$work/out" 2>&1
    evil_layouts "$own/cache" "$own/caches"
    for kind in $kinds; do
        got=0
        what="cache $kind"
        timeout 300 "$abs_top_builddir/tenon-dev" --root "$own/store-$kind" build --progress=plain --build-context "$base" \
            -f "$context/cached.Dockerfile" --cache-from "type=local,src=$own/caches/$kind" -o "type=local,dest=$own/tree" \
            "$context" >"$work/out" 2>"$work/err" || got=$?
        judge
        assert_not_said "$outside"
        [ -z "$(steps_ended "$work/err" CACHED)" ] || imported=$((imported + 1))
        rm -rf "$own/store-$kind"
    done
    [ $imported -gt 0 ] || fail "$executor: no layer of a cache was taken"

    # A result over another one, where links lie that the first one brought.
    rm -rf "$own/tree"
    printf 'FROM base AS a\nRUN mkdir -p /o/d && ln -s %s /o/link && ln -s %s/kept /o/file && ln -s %s/dir /o/dir\nFROM scratch\nCOPY --from=a /o /\n' \
        "$target" "$target" "$target" >"$context/first.Dockerfile"
    printf 'FROM base AS a\nRUN mkdir -p /o/link/dir /o/dir && echo evil >/o/link/kept && echo evil >/o/link/dir/kept && echo evil >/o/file && echo evil >/o/dir/kept && chmod 700 /o/link\nFROM scratch\nCOPY --from=a /o /\n' \
        >"$context/second.Dockerfile"
    attempt "result" -f "$context/first.Dockerfile" -o "type=local,dest=$own/tree" "$context"
    assert_eq 0 $got
    attempt "result over links" -f "$context/second.Dockerfile" -o "type=local,dest=$own/tree" "$context"
    [ $got = 1 ] || { [ ! -L "$own/tree/link" ] && [ ! -L "$own/tree/dir" ] && assert_eq evil "$(cat "$own/tree/file")"; }
    rm -rf "$own/tree"
}
each_executor trial
