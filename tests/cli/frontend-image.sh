#!/bin/sh
# Frontends in images: "# syntax=" runs the image's program, which asks for what it needs and
# returns a result; how it is chosen, what its sandbox is like, and how it may fail.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/frontend-lib.sh"
make_front "ENV OF_IMAGE=yes" "WORKDIR /there" "USER 1000" "LABEL moby.buildkit.frontend.network.none=true"

cd "$work/context"
echo hello >hello
printf '#!/bin/other\n# syntax = %s and more\nno Dockerfile\n' "$image" >Dockerfile
cat >Real.Dockerfile <<'END'
FROM scratch
COPY hello /dir/hello
COPY --chmod=4711 hello /set
ENV OF=real
END

echo "-- a result"
run 0 tenon build --progress=plain,detail=short -o type=oci,dest=image.tar .
assert_has "$work/err" "resolve image config for docker-image://$image"
assert_has "$work/err" "docker-image://$image@sha256:"
mkdir oci
tar -C oci -xf image.tar
blob() { cat "oci/blobs/sha256/${1#sha256:}"; }
manifest=$(jq -r '.manifests[0].digest' oci/index.json)
config=$(blob "$manifest" | jq -r .config.digest)
blob "$config" | jq -e '.config.Env | index("OF=real")' >/dev/null || fail "not the image that was returned"
does 0 "solve:Real.Dockerfile return" -o out
assert_eq hello "$(cat out/dir/hello)"

does 0 "solve:Real.Dockerfile linger"
does 0 "solve:Real.Dockerfile platforms" -o type=oci,dest=two.tar
mkdir two
tar -C two -xf two.tar
two() { cat "two/blobs/sha256/${1#sha256:}"; }
index=$(jq -r '.manifests[0].digest' two/index.json)
assert_eq "arm amd64" "$(two "$index" | jq -r '[.manifests[].platform.architecture] | join(" ")')"
layers() { two "$(two "$index" | jq -r ".manifests[$1].digest")" | jq '.layers | length'; }
assert_eq "2 0" "$(layers 0) $(layers 1)"
manifest=$(two "$index" | jq -r '.manifests[0].digest')
assert_eq b "$(two "$(two "$manifest" | jq -r .config.digest)" | jq -r .author)"

echo "-- files, and a reference made of a definition"
note=
if can_try "extended attributes" python3; then
    python3 -c 'import os; os.setxattr("dir", "user.note", b"kept")' && note="dir: attribute user.note: kept"
fi
does 0 "solve:Real.Dockerfile again now evaluate read:/dir/hello read:dir/hello@1+3 dir:/ stat:/set stat:/dir stat:/none read:/dir read:/../../dir/hello return"
said "evaluated"
said "/dir/hello has 6 bytes: hello"
said "dir/hello has 3 bytes: ell"
said "dir: mode 800001ed"  # Go's
[ -z "$note" ] || assert_eq 2 "$(grep -c "frontend: $note" "$work/err")" # in its directory, too
said "set: mode 8001c9, size 6"
said "StatFile: not found: /none"
said "ReadFile: unknown: /dir: not a regular file"
said "/../../dir/hello has 6 bytes"
assert_eq 4 "$(grep -c "reference named, definition of some bytes\|evaluated" "$work/err")"
printf 'FROM scratch\nCOPY badfile /\n' >Bad.Dockerfile
does 1 "make:Bad.Dockerfile fail:through" # as late as it is asked for, and as early
said 'Solve: not found: failed to compute cache key: '
does 1 "solve:Bad.Dockerfile fail:through"
assert_lacks "$work/err" "badfile"
mkfifo pipe
printf 'FROM scratch\nCOPY pipe /\n' >Pipe.Dockerfile
does 0 "solve:Pipe.Dockerfile read:/pipe return"
said "ReadFile: unknown: /pipe: not a regular file"
rm pipe

echo "-- what names stand for, warnings, capabilities"
does 0 "ping meta:docker-image://$image config:$image meta:docker-image://$registry/none:1 warn:Careful solve:Real.Dockerfile return"
said "cap source.metaresolver"
said "docker-image://$image is sha256:"
said "$image is sha256:"
said "ResolveSourceMeta: not found"
assert_has "$work/err" "Careful"
assert_has "$work/err" "Warned:2"
marked=$(sed -n 's/^ *\([0-9]*\) | >>> .*/\1/p' "$work/err" | tr '\n' ' ')
assert_eq "2 3 6 " "$marked"

if can_try "the time of sources" python3 git && [ -e "$abs_top_builddir/.libs/source-git.so" ]; then
    mkdir "$work/www"
    "$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
    remember $!
    await "the port of a server" test -s "$work/port"
    web=127.0.0.1:$(cat "$work/port")
    echo file >"$work/www/file"
    touch -d @1500000000 "$work/www/file"
    git init -q --bare "$work/www/repo.git"
    tree=$(git -C "$work/www/repo.git" mktree </dev/null)
    commit=$(GIT_AUTHOR_DATE='1400000000 +0000' GIT_COMMITTER_DATE='1400000000 +0000' \
        git -C "$work/www/repo.git" -c user.name=x -c user.email=x commit-tree -m "the message" "$tree")
    git -C "$work/www/repo.git" update-ref refs/heads/main "$commit"
    does 0 "meta:http://$web/file meta:git://$web/git/repo.git#main meta:http://$web/plain/none solve:Real.Dockerfile return"
    said "http://$web/file is of 1500000000"
    said "git://$web/git/repo.git#main is the commit tree $tree"
    assert_has "$work/err" "committer x <x> 1400000000 +0000"
fi

echo "-- its sandbox"
does 0 "sandbox solve:Real.Dockerfile return"
said "env OF_IMAGE=yes"
said "env BUILDKIT_SESSION_ID="
grep -Eq 'frontend: env BUILDKIT_FRONTEND_OPT_[0-9]+=cmdline='"$image and more\$" "$work/err" ||
    fail "not the whole line"
grep -Eq 'frontend: env BUILDKIT_FRONTEND_OPT_[0-9]+=source='"$image\$" "$work/err" || fail "no source"
said "env BUILDKIT_WORKERS=[{"
said "uid 0, cwd /there"
said "the root is writable"
said "interface lo"
grep "frontend: interface" "$work/err" | grep -v " lo\$" && fail "a network in spite of the label"
does 0 "sandbox solve:Real.Dockerfile return" # and nothing of it stays
said "the root is writable"

echo "-- an archive as the context, under the name that BuildKit's frontends know"
tar -cf ../context.tar .
run 0 tenon -D build --build-arg "BUILDKIT_SYNTAX=$image" --build-arg DO=sandbox\ return - <../context.tar
grep -Eq 'frontend: env BUILDKIT_FRONTEND_OPT_[0-9]+=context=http://buildkit-session/upload$' "$work/err" ||
    fail "the context has no name that the frontend knows"

echo "-- how it is chosen"
cp Real.Dockerfile Plain.Dockerfile
run 0 tenon -D build --build-arg "BUILDKIT_SYNTAX=$image" --build-arg "DO=solve:Real.Dockerfile return" \
    -f Plain.Dockerfile .
said "reference named"
printf '// syntax=%s\n' "$image" >Dockerfile
does 0 "solve:Real.Dockerfile return"
said "reference named"
printf '{"syntax": "%s"}\n' "$image" >Dockerfile
does 0 "chain:$image return"
said "reference named"
printf '# syntax=%s/none/none:1\n' "$registry" >Dockerfile
does 1 return
assert_has "$work/err" "$registry/none/none:1"
assert_has "$work/err" "Dockerfile:1"

echo "-- how it fails"
printf '# syntax=%s\n' "$image" >Dockerfile
does 1 "fail:it_went_wrong"
assert_has "$work/err" "$image: it_went_wrong"
assert_has "$work/err" ">>> two"
assert_has "$work/err" ">>> three"
does 1 "exit:3"
assert_has "$work/err" "the frontend failed: exit code: 3"
does 1 "solve:Real.Dockerfile"
assert_has "$work/err" "the frontend ended without a result"
does 1 "garbage"
assert_has "$work/err" "does not speak HTTP/2"
does 1 "solve:Real.Dockerfile return exit:4" # a result, and then that
assert_has "$work/err" "exit code: 4"
does 1 "fail:first exit:4"
assert_has "$work/err" "$image: first"
does 1 "use:ref-1 evaluate return"
said 'Evaluate: not found: no such reference: "ref-1"'
assert_has "$work/err" "returned what is no result"
does 0 "front:other.v0 solve:Real.Dockerfile twice"
said 'Solve: not found: no frontend is called "other.v0"'
does 0 "solve:None.Dockerfile return" -o type=oci,dest=empty.tar
said "Solve: not found"
mkdir empty
tar -C empty -xf empty.tar
manifest=$(jq -r '.manifests[0].digest' empty/index.json)
jq -e '.layers == []' "empty/blobs/sha256/${manifest#sha256:}" >/dev/null || fail "nothing has layers"

echo "-- it stays when it is through"
does 0 "solve:Real.Dockerfile return hang"
said "hanging"
does 1 "fail:first hang"
assert_has "$work/err" "$image: first"
does 1 "garbage hang"
assert_has "$work/err" "does not speak HTTP/2"

echo "-- without end"
does 1 "loop:$image exit:1"
assert_has "$work/err" "more than 8 frontends that call each other"
does 0 "solve:Real.Dockerfile flood return"
said "Solve: resource exhausted: the frontend has more than 10000 references"
head -c 15000000 /dev/zero >big
printf 'FROM scratch\nCOPY big /\n' >Big.Dockerfile
(ulimit -v 3000000 && tenon -D build --progress=plain --build-arg "DO=solve:Big.Dockerfile hoard:/big return" .) \
    >"$work/hoard" 2>&1 || { tail -n 5 "$work/hoard"; fail "what was read stays in memory"; }
assert_has "$work/hoard" "read enough"
env --default-signal=INT "$abs_top_builddir/tenon" --plugin-dir "$abs_top_builddir/.libs" --root "$store" \
    -D build --progress=plain --build-arg DO=hang . >"$work/hanging" 2>&1 &
build=$!
remember $build
await "the frontend" grep -q "frontend: hanging" "$work/hanging"
kill -INT $build
status=0
wait $build || status=$?
[ "$status" != 0 ] || fail "a build that was ended is a success"
