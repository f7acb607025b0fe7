#!/bin/sh
# What is small and unpacks to very much (tests/security/bombs.sh) ends an ordinary user's build by
# the same limits, those of the user's configuration: the process that unpacks is in a namespace.
. "$(dirname "$0")/lib.sh"
need python3 gzip
make_user alice many
export TENON_CONFIG="$work/alice.json"
as_env="TENON_CONFIG=$TENON_CONFIG"

mkdir "$work/$alice/context"
bomb() { python3 "$abs_top_srcdir/tests/security/make-bomb" "$@"; }
bomb zeros 10 "$work/zeros"
gzip -9 "$work/zeros"
bomb deep 439 "$work/deep"
bomb hole 300 "$work/holes"

# both LIMITS STATUS TEXT: with ADD and as a layer
both() {
    for way in add layer; do
        if [ $way = add ]; then
            printf 'FROM scratch\nADD archive /a/\n' >"$work/$alice/context/Dockerfile"
        else
            printf 'FROM image\nCOPY Dockerfile /\n' >"$work/$alice/context/Dockerfile"
        fi
        printf '{"limits": {%s}}\n' "$1" >"$TENON_CONFIG"
        got=0
        tenon_as "$alice" build --progress=plain -o type=cacheonly \
            --build-context "image=oci-layout://$work/$alice/layout" "$work/$alice/context" \
            >"$work/out" 2>"$work/err" || got=$?
        [ $got = "$2" ] || { cat "$work/err" >&2; fail "$1: $way: status $got"; }
        [ -z "$3" ] || assert_has "$work/err" "$3"
    done
}
while read -r limit file value bytes; do
    cp "$work/$file" "$work/$alice/context/archive"
    rm -rf "$work/$alice/layout"
    bomb layout "$work/$file" "$work/$alice/layout"
    chown -R "$alice:$alice" "$work/$alice/context" "$work/$alice/layout"
    both "\"$limit\": $value" 1 ": the limit \"$limit\" is $bytes"
    both "\"$limit\": \"none\"" 0 ""
done <<END_TABLE
unpacked zeros.gz "5m" 5242880
entries deep 439 439
holes holes "200m" 209715200
END_TABLE
