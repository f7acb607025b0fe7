#!/bin/sh
# Build files of kinds that the conformance cases do not have, in tests/dockerfiles/NAME:
#   Dockerfile, and the context
#   prepare    makes what cannot be kept in files (sh, in a copy of the directory)
#   builds     TITLE: FLAGS, a line a build; without it one build without flags
#   change     another line of builds begins with "change:": this script (sh) runs first
#   wanted     what each build makes (tests/dockerfiles/describe) and which of its steps ran
# What is wanted was written down from the Dockerfile reference, not from what tenon made.
# Each build is done twice; the second time nothing runs.
. "$(dirname "$0")/lib.sh"
need_root
need python3 jq busybox xz bzip2 zstd gzip
make_bases
top=$abs_top_srcdir/tests/dockerfiles

# build FLAG...: what it made is in $work/tree.tar and image.tar; the steps that ran in ran.
build() {
    rm -f "$work/tree.tar" "$work/image.tar"
    run 0 tenon build --progress=rawjson \
        --build-context "busybox=oci-layout://$bases/busybox" \
        -o "type=tar,dest=$work/tree.tar" -o "type=oci,dest=$work/image.tar" "$@" "$work/$kind"
    jq -rs '[.[] | .vertexes // [] | .[]] | group_by(.digest)[] |
        select(any(.completed) and (any(.cached) | not)) | last.name |
        select(test("\\] (ONBUILD )?(LINK )?(RUN|COPY|ADD|WORKDIR)"))' "$work/err" |
        sed 's/^\[//; s/ *[0-9]*\/[0-9]*\] / /; s/^ //' | sort >"$work/ran"
}

for directory in "$top"/*/; do
    kind=$(basename "$directory")
    case " ${KINDS-$kind} " in *" $kind "*) ;; *) continue ;; esac
    cp -R "$directory" "$work/$kind"
    chmod -R u+w,go-w,a+rX "$work/$kind"
    cd "$work/$kind"
    for f in prepare builds change wanted; do [ ! -e $f ] || mv $f "$work/$kind.$f"; done
    [ ! -e "$work/$kind.prepare" ] || (umask 022 && sh -e "$work/$kind.prepare")
    [ -e "$work/$kind.builds" ] || echo build: >"$work/$kind.builds"
    : >"$work/got"
    while read -r title flags; do
        [ "$title" != change: ] || sh -e "$work/$kind.change"
        eval "set -- $flags"
        build "$@"
        {
            echo "== ${title%:}"
            "$top/describe" "$work/tree.tar" "$work/image.tar" "$bases/busybox"
            sed 's/^/ran /' "$work/ran"
        } >>"$work/got"
        build "$@"
        [ ! -s "$work/ran" ] || { cat "$work/ran" >&2; fail "$kind: ran the second time"; }
    done <"$work/$kind.builds"
    diff -u "$work/$kind.wanted" "$work/got" >&2 || fail "$kind"
    rm -rf "$store"
    cd "$work"
done

# ---- what a check tells as JSON ----------------------------------------------------------------
# How the build file was loaded, as LLB; and findings of one line as they were found.
mkdir "$work/checked"
printf 'FROM scratch\nENV A ${NOPE:-1}\n' >"$work/checked/Dockerfile"
run 1 tenon build --call=check,format=json "$work/checked"
if can_try "the members of a check" python3; then
    python3 - "$work/out" <<'END' || fail "the JSON of a check"
import base64, hashlib, json, sys
source = json.load(open(sys.argv[1]))["sources"][0]
assert list(source) == ["filename", "data", "definition", "language"], list(source)
load, result = [base64.b64decode(op) for op in source["definition"]["def"]]
digest = lambda op: "sha256:" + hashlib.sha256(op).hexdigest()
assert b"local://dockerfile" in load and b'["Dockerfile","Dockerfile.dockerignore","dockerfile"]' in load
assert result == b"\n\x49\n\x47" + digest(load).encode(), result
beside = source["definition"]["metadata"]
assert list(beside) == sorted([digest(load), digest(result)]), beside
name = "[internal] load build definition from Dockerfile"
assert beside[digest(load)]["description"]["llb.customname"] == name
assert source["definition"]["Source"] == {"locations": {digest(load): {}}}
END
fi
# None is null; a finding has a range for each of its lines, findings come as found, and why the
# file cannot be built is on standard error, too.
if can_try "the findings of a check as JSON" jq; then
    findings() {
        run "$1" tenon build --call=check,format=json "$work/checked"
        jq -c '[.warnings == null, (.warnings // [] | .[] | [.ruleName,
            (.location.ranges[] | [.start.line, .end.line])]), .buildError.message]' "$work/out"
    }
    printf 'FROM scratch\n' >"$work/checked/Dockerfile"
    assert_eq '[true,null]' "$(findings 0)"
    printf 'FROM scratch\nENV A \\\n  b\nUSER ${x:?no}\n' >"$work/checked/Dockerfile"
    assert_eq '[false,["LegacyKeyValueFormat",[2,2],[3,3]],["UndefinedVar",[4,4]],"failed to process \"${x:?no}\": x: no"]' \
        "$(findings 1)"
    assert_has "$work/err" 'ERROR: failed to process "${x:?no}": x: no'
    printf 'FROM scratch\nENV A ${NOPE:-1}\n' >"$work/checked/Dockerfile"
fi
run 1 tenon build --call=check "$work/checked"
assert_eq "UndefinedVar LegacyKeyValueFormat" "$(sed -n 's/^WARNING: \([A-Za-z]*\).*/\1/p' "$work/out" | paste -sd' ')"
assert_eq "--------------------" "$(tail -n 1 "$work/out")"
printf 'FROM scratch\nENV A b\nUSER ${x:?no}\n' >"$work/checked/Dockerfile"
run 1 tenon build --call=check "$work/checked"
assert_eq "" "$(tail -n 1 "$work/out")"
assert_has "$work/err" "ERROR: failed to process"
