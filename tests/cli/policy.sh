#!/bin/sh
# Source policies: nothing obeys one yet, so a build that has one ends before its first step,
# wherever buildx would have found it, and says which it is and how to go on without.
. "$(dirname "$0")/lib.sh"
need python3 git tar
context=$work/context
mkdir "$context" "$work/www"
cd "$work"
printf 'FROM scratch\nCOPY Dockerfile /file\n' >"$context/Dockerfile"
printf 'package docker\n\ndefault allow = false\n' >"$work/p.rego"
echo '{"rules":[{"action":"DENY","selector":{"identifier":"docker-image://*"}}]}' >"$work/pol.json"
policies="source policies are not supported yet"

# no STATUS TEXT FLAG...: refused for TEXT, with nothing run.
no() {
    status=$1 text=$2
    shift 2
    rm -rf "$work/out.d"
    run "$status" tenon build -o "$work/out.d" "$@" </dev/null
    assert_has "$work/err" "$text"
    assert_lacks "$work/err" COPY
    assert_no_file "$work/out.d"
}
yes() {
    rm -rf "$work/out.d"
    run 0 tenon build -o "$work/out.d" "$@"
    assert_file "$work/out.d/file"
}

yes context

# ---- the environment, and --policy ------------------------------------------------------
for file in pol.json no-such.json; do
    export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=$file
    no 2 "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=$file: $policies" context
    assert_has "$work/err" "unset EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"
    no 2 "$policies" --call=check context
    no 2 "$policies" --policy disabled=true context # which is about the others
done
export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=
yes context
unset EXPERIMENTAL_BUILDKIT_SOURCE_POLICY

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
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
url=http://127.0.0.1:$(cat "$work/port")
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
