#!/bin/sh
# Source policies: those in JSON are obeyed, by the environment and by --policy. Nothing obeys Rego
# yet, so a build that has one ends before its first step, wherever buildx would have found it, and
# says which it is and how to go on without.
. "$(dirname "$0")/lib.sh"
need python3 git tar docker-registry
context=$work/context
mkdir "$context" "$work/www"
cd "$work"
printf 'FROM scratch\nCOPY Dockerfile /file\n' >"$context/Dockerfile"
printf 'package docker\n\ndefault allow = false\n' >"$work/p.rego"
echo '{"rules":[{"action":"DENY","selector":{"identifier":"docker-image://*"}}]}' >"$work/pol.json"
policies="source policies in Rego are not supported yet"

# no STATUS TEXT FLAG...: refused for TEXT, with nothing run.
no() {
    status=$1 text=$2
    shift 2
    rm -rf "$work/out.d"
    run "$status" tenon build -o "$work/out.d" "$@" </dev/null
    assert_has "$work/err" "$text"
    assert_lacks "$work/err" "] COPY"
    assert_no_file "$work/out.d"
}
yes() {
    rm -rf "$work/out.d"
    run 0 tenon build -o "$work/out.d" "$@"
    assert_file "$work/out.d/file"
}

yes context

# ---- in JSON: the environment ----------------------------------------------------------
denied="source denied by policy"
# rule ACTION IDENTIFIER MATCH [IDENTIFIER [ATTRIBUTES]]
rule() {
    echo "{\"rules\":[{\"action\":\"$1\",\"selector\":{\"identifier\":\"$2\",\"match_type\":\"$3\"}"
    [ $# = 3 ] || echo ",\"updates\":{\"identifier\":\"$4\",\"attrs\":{${5-}}}"
    echo "}]}"
}
rule DENY 'local://context' EXACT >local.json
export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=pol.json
yes context # has no image
export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=local.json
no 1 "failed to load LLB: error evaluating the source policy: source \"local://context\" denied by policy: $denied" context
no 1 "$denied" --policy disabled=true context # which is about the others
for wrong in "no-such.json read" "p.rego parse"; do
    set -- $wrong
    export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=$1
    no 2 "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=$1: failed to $2 policy file" context
    assert_has "$work/err" "unset EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"
done
export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=
yes context
unset EXPERIMENTAL_BUILDKIT_SOURCE_POLICY

# ---- in JSON: --policy, and what becomes of sources ---------------------------------------
start_registry </dev/null
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
url=http://127.0.0.1:$(cat "$work/port")
mkdir base user
printf 'FROM scratch\nCOPY is /is\n' >base/Dockerfile
for n in 1 2; do
    echo $n >base/is
    run 0 tenon build --push --metadata-file "$work/meta$n" -t "$registry/base:$n" base
done
base=docker-image://$registry/base
printf 'FROM %s/base:1\nCOPY Dockerfile /file\n' "$registry" >user/Dockerfile
is() { assert_eq "$1" "$(cat out.d/is)"; }
no 1 "$registry/base:1: failed to resolve source metadata for $registry/base:1: could not resolve image due to policy: source \"$base:1\" denied by policy: $denied" \
    --policy filename=pol.json user
rule CONVERT "$base:1" EXACT "$base:2" >two.json
yes --policy filename=two.json user
is 2
yes user
is 1
rule CONVERT 'docker-image://*/base:1' WILDCARD 'docker-image://${1}/base:2' >wild.json
yes --policy filename=wild.json user
is 2
rule CONVERT '^(docker-image://.*/base):1$' REGEX '$1:2' >regex.json
yes --policy filename=regex.json user
is 2
# Of several files each counts, unless a later flag takes it back.
rule DENY "$base:2" EXACT >deny2.json
yes --policy filename=deny2.json user
no 1 "base:2\" denied" --policy filename=two.json --policy filename=deny2.json user
no 1 "base:2\" denied" --policy filename=two.json,filename=deny2.json user
yes --policy filename=two.json --policy reset=true,filename=deny2.json user
is 1
export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=two.json
no 1 "base:2\" denied" --policy filename=deny2.json user
unset EXPERIMENTAL_BUILDKIT_SOURCE_POLICY
rule CONVERT "$base:*" WILDCARD "$base:\${1}x" >endless.json
no 1 "too many mutations on a single source: too many operations" --policy filename=endless.json user
rule deny '*' WILDCARD >wrong.json
no 2 "--policy filename=wrong.json: failed to parse policy file: rules[0]: action: unknown type" \
    --policy filename=wrong.json user
# What a step stands on is another one then: no step is taken for that of the other base.
printf 'FROM %s/base:1\nRUN --mount=from=%s/base:1,target=/m ["/none"]\n' "$registry" "$registry" >user/Dockerfile
rule DENY "$base:*" WILDCARD >all.json
no 1 "$denied" --policy filename=all.json user
printf 'FROM scratch\nCOPY --from=%s/base:1 is /is\nCOPY Dockerfile /file\n' "$registry" >user/Dockerfile
yes user
is 1
yes --policy filename=two.json user
is 2
no 1 "$denied" --policy filename=pol.json user

# A named context that is an image may become a directory, or a file of the web.
mkdir elsewhere
echo elsewhere >elsewhere/is
printf 'FROM lib AS lib\nFROM scratch\nCOPY --from=lib is /is\nCOPY Dockerfile /file\n' >user/Dockerfile
named="--build-context lib=$base:1 --build-context dir=elsewhere"
yes $named user
is 1
rule CONVERT "$base:1" EXACT local://dir >dir.json
yes $named --policy filename=dir.json user
is elsewhere
echo web >www/is
sed -i 's/ is / context /' user/Dockerfile # what a file of the web is called there
rule CONVERT "$base:1" EXACT "$url/is" >file.json
yes $named --policy filename=file.json user
is web
for is in web other; do # an attribute of the rule's holds for what it made, too
    rule CONVERT "$base:1" EXACT "$url/is" \
        "\"http.checksum\":\"sha256:$(echo $is | sha256sum | cut -d' ' -f1)\"" >sum.json
    [ $is = other ] || yes $named --policy filename=sum.json user
done
run 1 tenon build $named --policy filename=sum.json user
assert_has "$work/err" "digest mismatch"
rule CONVERT "$base:1" EXACT "$url/is" '"http.filename":"renamed"' >renamed.json
sed -i 's/ context / renamed /' user/Dockerfile # over one of our own
yes $named --policy filename=renamed.json user
is web
# Who names an image without a context wants one.
printf 'FROM %s/base:1\nCOPY Dockerfile /file\n' "$registry" >user/Dockerfile
no 1 "docker-image://$registry/base:1: not an image config: a policy has made local://dir of it" \
    $named --policy filename=dir.json user

# The web, and its attributes; what a policy pins is held to it.
echo file >www/f
echo other >www/g
printf 'FROM scratch\nADD %s/f /is\nCOPY Dockerfile /file\n' "$url" >user/Dockerfile
rule CONVERT "$url/f" EXACT "$url/g" >g.json
yes --policy filename=g.json user
is other
rule CONVERT "$url/f" EXACT "" "\"http.checksum\":\"sha256:$(sha256sum <www/g | cut -d' ' -f1)\"" >sum.json
run 1 tenon build --policy filename=sum.json user
assert_has "$work/err" "digest mismatch"
rule CONVERT "$url/f" EXACT "" "\"http.checksum\":\"sha256:$(sha256sum <www/f | cut -d' ' -f1)\"" >sum.json
yes --policy filename=sum.json user
is file
rule DENY 'http://*' WILDCARD >web.json
no 1 "source \"$url/f\" denied by policy" --policy filename=web.json user
# A context from there is a source, too.
tar -C context -cf www/context.tar .
yes "$url/context.tar"
no 1 "source \"$url/context.tar\" denied by policy" --policy filename=web.json "$url/context.tar"

# What has control characters is no name, whatever a star takes.
rule DENY '*evil*' WILDCARD >evil.json
if [ -e "$abs_top_builddir/.libs/source-git.so" ]; then
    printf 'FROM scratch\nADD https://evil.invalid/x.git#main:%%0A/.. /x\n' >user/Dockerfile
    no 1 "an identifier with a control character (0x0a)" --policy filename=evil.json user
else
    not_tried "control characters in a source: built without source-git"
fi

# ---- in Rego: --policy ------------------------------------------------------------------------
no 2 "--policy filename=p.rego: $policies" --policy filename=p.rego context
assert_has "$work/err" "leave it out"
no 2 "filename=b.rego" --policy filename=a.rego --policy reset=true,filename=b.rego context
no 2 "filename=a,b.rego" --policy strict=true,log-level=debug,'"filename=a,b.rego"' context
no 2 "$policies" --policy reset=true --policy " FileName=p.rego" context
yes --policy filename=p.rego --policy reset=1 context
yes --policy disabled=true context
yes --policy disabled=false context
yes --policy strict=true,log-level=Debug context
for wrong in '' disabled filename= filename reset=maybe strict= log-level=loud file=p.rego p.rego \
    disabled=true,reset=fine '"x'; do
    no 2 "--policy: invalid value" --policy "$wrong" context
done
no 2 "cannot be combined" --policy disabled=true,reset=true context
no 2 "cannot be combined" --policy disabled=true --policy strict=true context
no 2 "cannot be combined" --policy filename=p.rego --policy disabled=true context
no 2 "cannot be combined" --policy disabled=true,log-level=info context

# ---- beside the build file ------------------------------------------------------------------
cp p.rego context/Dockerfile.rego
no 2 "context/Dockerfile.rego: $policies" context
assert_has "$work/err" "--policy disabled=true builds without it"
no 2 "context/Dockerfile.rego: $policies" --policy strict=true context
no 2 "$policies" -f context/Dockerfile context
no 2 "$policies" -f "$context/Dockerfile" context
no 2 "$policies" --call=outline context
no 2 "$policies" "$context"
(cd context && no 2 "$policies" .)
yes --policy disabled=true context
yes --policy reset=true context
yes --policy disabled=true -f context/Dockerfile context
yes -f - context <context/Dockerfile # which is beside nothing
cp context/Dockerfile context/other
yes -f context/other context
cp p.rego context/other.rego
no 2 "context/other.rego: $policies" -f context/other context
rm context/Dockerfile
sed 's/Dockerfile/dockerfile/' context/other >context/dockerfile
yes context # Dockerfile.rego is not of dockerfile
mv context/Dockerfile.rego context/dockerfile.rego
no 2 "context/dockerfile.rego: $policies" context
rm context/dockerfile.rego
mkdir context/dockerfile.rego
no 2 "context/dockerfile.rego" context
rmdir context/dockerfile.rego
ln -s nowhere context/dockerfile.rego
yes context
rm context/dockerfile* context/other.rego

# ---- in a context from elsewhere ----------------------------------------------------------------
mv context/other context/Dockerfile
mkdir context/sub
printf 'FROM scratch\nCOPY Dockerfile /file\n' | tee context/sub/Dockerfile >context/sub/plain
cp p.rego context/sub/Dockerfile.rego
tar -C context -cf www/sub.tar .
yes "$url/sub.tar"
yes -f sub/plain "$url/sub.tar"
no 1 "sub/Dockerfile.rego in the context: $policies" -f sub/Dockerfile "$url/sub.tar"
assert_has "$work/err" "--policy disabled=true builds without it"
yes --policy disabled=true -f sub/Dockerfile "$url/sub.tar"
cp p.rego context/Dockerfile.rego
tar -C context -czf www/top.tgz .
no 1 "Dockerfile.rego in the context: $policies" "$url/top.tgz"
no 1 "Dockerfile.rego in the context: $policies" --check "$url/top.tgz"
no 1 "Dockerfile.rego in the context: $policies" --policy log-level=warn "$url/top.tgz"
yes --policy reset=true "$url/top.tgz"
yes -f - "$url/top.tgz" <context/Dockerfile
# A build file of this machine has its policy here.
no 2 "$context/Dockerfile.rego: $policies" -f "$context/Dockerfile" "$url/top.tgz"
printf 'FROM scratch\nCOPY Dockerfile /file\n' >here
yes -f "$work/here" "$url/top.tgz"
cp p.rego here.rego
no 2 "$work/here.rego: $policies" -f "$work/here" "$url/top.tgz"
yes --policy disabled=true -f "$work/here" "$url/top.tgz"
# A lone build file of the web is beside nothing, and so is what an archive on standard input
# has, as with buildx.
cp context/sub/plain www/lone
cp p.rego www/lone.rego
run 1 tenon build "$url/lone"
assert_lacks "$work/err" "$policies"
yes - <www/top.tgz

if [ -e "$abs_top_builddir/.libs/source-git.so" ]; then
    git init -q repo
    cp -r context/. repo
    git -C repo add .
    git -C repo -c user.name=test -c user.email=test@example.org commit -qm one
    git clone -q --bare repo www/repo.git
    no 1 "Dockerfile.rego in the context: $policies" "$url/git/repo.git"
    no 1 "Dockerfile.rego in the context: $policies" "$url/git/repo.git#:sub"
    yes --policy disabled=true "$url/git/repo.git"
else
    not_tried "a policy in a git context: built without source-git"
fi
