#!/bin/sh
# Attestations: provenance as BuildKit v0.32 writes it, member by member (tests/attestations has
# its documents), in images, directories and archives; what never gets into it; what turns it on.
. "$(dirname "$0")/lib.sh"
need_root
need python3 jq skopeo docker-registry git
make_bases
start_registry </dev/null
run 0 skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$bases/busybox:latest" \
    "docker://$registry/busybox:latest"
records=$abs_top_srcdir/tests/attestations
attested=$abs_top_srcdir/tests/cli/attested
unset BUILDX_NO_DEFAULT_ATTESTATIONS BUILDX_METADATA_PROVENANCE BUILDX_GIT_LABELS BUILDX_GIT_INFO \
    BUILDX_GIT_CHECK_DIRTY || :

mkdir "$work/context"
cat >"$work/context/Dockerfile" <<END
ARG BASE=$registry/busybox
FROM \${BASE} AS build
ARG WORD=plain
RUN --mount=type=secret,id=npmrc echo made > /made
RUN --network=none echo two
FROM \${BASE}
COPY --from=build --chown=1:2 --chmod=600 /made /made
COPY f /f
LABEL a=b
END
echo hello >"$work/context/f"
echo tok >"$work/secret"
build() { # OUTPUT FLAGS
    out=$1
    shift
    rm -rf "$work/out.d"
    run 0 tenon build --progress=plain -o "$out" --secret "id=npmrc,src=$work/secret" \
        --build-arg WORD=other "$@" "$work/context"
}
layout=type=oci,tar=false,dest=$work/out.d
same() { # NAME: standard input is as in the record
    "$attested" --same "$records/$1.json" "$registry" || fail "$1"
}
has_none() { [ "$(jq -r '.manifests[0].mediaType' "$work/out.d/index.json")" = application/vnd.oci.image.manifest.v1+json ]; }

# ---- as recorded ---------------------------------------------------------------------------

for version in v1 v0.2; do
    for mode in min max; do
        build "$layout" -t example.org/x:1 --provenance=mode=$mode,version=$version \
            --metadata-file "$work/meta"
        "$attested" "$work/out.d" | jq '.[0]' | same $mode-$version
        same metadata <"$work/meta"
    done
done
"$attested" "$work/out.d" manifest | jq '.layers[].annotations = {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}' |
    same manifest
"$attested" "$work/out.d" index | same index
image=$("$attested" "$work/out.d" index | jq -r '.manifests[0].digest')
assert_eq "$image" "$("$attested" "$work/out.d" index | jq -r '.manifests[1].annotations["vnd.docker.reference.digest"]')"
assert_eq "sha256:$("$attested" "$work/out.d" | jq -r '.[0].subject[0].digest.sha256')" "$image"
assert_eq "sha256:$(sha256sum <"$work/out.d/blobs/sha256/${image#sha256:}" | cut -d' ' -f1)" "$image"

# ---- what the machine says of itself -------------------------------------------------------

mkdir -p "$work/machine/dir.json"
echo '{"zone":"a","racks":[1,2]}' >"$work/machine/10.json"
echo '{"zone":"b"}' >"$work/machine/20.json"
echo 'no JSON' >"$work/machine/README"
cat >"$work/machine.conf" <<END
{"plugins": {"attester-provenance": {"environment-dir": "$work/machine"}}}
END
said() { "$attested" "$work/out.d" | jq -c ".[0].predicate.$1 | [.zone, .racks]"; }
configuration=$TENON_CONFIG
TENON_CONFIG=$work/machine.conf
build "$layout" --provenance=mode=min
assert_eq '["b",[1,2]]' "$(said buildDefinition.internalParameters)"
build "$layout" --provenance=mode=max,version=v0.2
assert_eq '["b",[1,2]]' "$(said invocation.environment)"
for wrong in '[1]' '{"a"'; do
    echo "$wrong" >"$work/machine/30.json"
    run 2 tenon build --provenance=mode=min -o "$layout" "$work/context"
    assert_has "$work/err" "environment-dir $work/machine: 30.json: expected a JSON object"
done
head -c 1048577 /dev/zero | tr '\0' ' ' >"$work/machine/30.json"
run 2 tenon build --provenance=mode=min -o "$layout" "$work/context"
assert_has "$work/err" "30.json: no file of at most 1 MiB"
rm -r "$work/machine"
build "$layout" --provenance=mode=min
assert_eq '[null,null]' "$(said buildDefinition.internalParameters)"
TENON_CONFIG=$configuration

# ---- when there is one ---------------------------------------------------------------------

build "$layout"
has_none || fail "attested without being asked"
build "$layout" --provenance=false --sbom=false --attest type=provenance,mode=max
has_none && fail "the first --attest does not count"
for version in v1 v0.2; do
    build "$layout" --provenance=mode=min,version=$version,reproducible=true,builder-id=https://ci.example.org/1
    assert_eq "https://ci.example.org/1 true" "$("$attested" "$work/out.d" | jq -r '.[0].predicate |
        "\((.runDetails // .).builder.id) \(.runDetails.metadata.buildkit_reproducible // .metadata.reproducible)"')"
done
build "$layout" --attest type=provenance,disabled=true --provenance=mode=max
has_none || fail "attested though it was turned off"
build "$layout" --provenance=mode=min,inline-only=true
has_none || fail "one that is inline-only made an index"
# The index is annotated: it is known before that there will be one, or none.
build "$layout,annotation-index.a=b,annotation-index-descriptor.c=d" --provenance=mode=min
assert_eq "b d" "$("$attested" "$work/out.d" index | jq -r .annotations.a) $(jq -r .manifests[0].annotations.c "$work/out.d/index.json")"
run 2 tenon build -o "$layout,annotation-index.a=b" --provenance=mode=min,inline-only=true "$work/context"
assert_has "$work/err" "index annotations not supported for single platform export"
# What was asked for at first, where that is more than a file.
mkdir "$work/plain"
printf 'FROM scratch\nCOPY . /\n' >"$work/plain/Dockerfile"
for flag in '' --label=a=b; do
    rm -rf "$work/out.d"
    run 0 tenon build -o "$layout" --provenance=mode=min $flag "$work/plain"
    "$attested" "$work/out.d" | jq -e --arg flag "$flag" '.[0].predicate.buildDefinition.externalParameters.request |
        has("root") == ($flag != "")' >/dev/null || fail "root of the request: \"$flag\""
done
build "$layout,attestation-inline=true" --provenance=mode=min,inline-only=true
has_none && fail "attestation-inline made none"
build "$layout" --build-arg BUILDKIT_MULTI_PLATFORM=1 --provenance=mode=min,inline-only=true
assert_eq 1 "$("$attested" "$work/out.d" | jq length)"
# buildx's default, by its variable and by the configuration, where an image goes into a store
echo '{"default-attestations": true}' >"$work/on.json"
build "type=image,push=true,name=$registry/default:0"
BUILDX_NO_DEFAULT_ATTESTATIONS=0 build "type=image,push=true,name=$registry/default:1"
TENON_CONFIG=$work/on.json build "type=image,push=true,name=$registry/default:2"
TENON_CONFIG=$work/on.json build "type=image,push=true,name=$registry/default:3" --provenance=false
TENON_CONFIG=$work/on.json BUILDX_NO_DEFAULT_ATTESTATIONS=1 build "type=image,push=true,name=$registry/default:4"
for n in 0:0 1:1 2:1 3:0 4:0; do
    skopeo inspect --raw --tls-verify=false "docker://$registry/default:${n%:*}" >"$work/raw"
    assert_eq "${n#*:}" "$(jq '[.manifests[]? | select(.platform.os == "unknown")] | length' "$work/raw")"
done
run 2 env BUILDX_NO_DEFAULT_ATTESTATIONS=perhaps "$abs_top_builddir/tenon-dev" --root "$store" build "$work/context"
assert_has "$work/err" "invalid BUILDX_NO_DEFAULT_ATTESTATIONS"

# As BuildKit made images until 0.31: docker's media types, and no artifacts.
build "type=image,push=true,name=$registry/old:1" --compatibility-version 20
assert_eq application/vnd.docker.distribution.manifest.v2+json \
    "$(skopeo inspect --raw --tls-verify=false "docker://$registry/old:1" | jq -r .mediaType)"
build "type=image,push=true,name=$registry/old:1,oci-mediatypes=true" --compatibility-version 20
assert_eq application/vnd.oci.image.manifest.v1+json \
    "$(skopeo inspect --raw --tls-verify=false "docker://$registry/old:1" | jq -r .mediaType)"
build "type=image,push=true,name=$registry/old:2" --compatibility-version 20 --provenance=mode=min
assert_eq application/vnd.oci.image.index.v1+json \
    "$(skopeo inspect --raw --tls-verify=false "docker://$registry/old:2" | jq -r .mediaType)"
build "$layout" --compatibility-version 20 --provenance=mode=min
assert_eq application/vnd.oci.image.config.v1+json "$("$attested" "$work/out.d" manifest | jq -r .config.mediaType)"
assert_eq 20 "$("$attested" "$work/out.d" | jq '.[0].predicate.buildDefinition.externalParameters.request.compatibilityVersion')"

# The image is read past what is said about it.
run 0 skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$registry/default:1" "dir:$work/copied"
printf 'FROM %s/default:1\nRUN test -f /f\n' "$registry" >"$work/from"
run 0 tenon build --progress=plain -f "$work/from" "$work/context"

# ---- forms ---------------------------------------------------------------------------------

build "$layout,oci-artifact=false" --provenance=mode=min
assert_eq application/vnd.oci.image.config.v1+json "$("$attested" "$work/out.d" manifest | jq -r .config.mediaType)"
refused() { # TEXT FLAGS
    text=$1
    shift
    status=0
    tenon build --progress=plain --secret "id=npmrc,src=$work/secret" "$@" "$work/context" \
        >"$work/log" 2>&1 || status=$?
    [ $status != 0 ] || fail "$* was accepted"
    assert_has "$work/log" "$text"
}
refused 'cannot export attestations with "oci-mediatypes=false"' --provenance=mode=min -o "$layout,oci-mediatypes=false"
refused "does not currently support exporting manifest lists" --provenance=mode=min -o "type=docker,dest=$work/d.tar"
refused "provenance materials are incomplete" --provenance=complete-materials=true
refused "most" --provenance=mode=most
refused "attestation type not specified" --attest mode=max
refused 'attestation type "provenence"' --attest type=provenence
refused "is no name of a file" --attest type=sbom,filename=..
refused "is no name of a file" --attest type=provenance,filename=../x

# ---- files ---------------------------------------------------------------------------------

build "type=local,dest=$work/out.d" --provenance=mode=min
assert_eq 600 "$(stat -c %a "$work/out.d/provenance.json")"
assert_eq "$(sha256sum <"$work/context/f" | cut -d' ' -f1)" \
    "$(jq -r '.subject[] | select(.name == "f").digest.sha256' "$work/out.d/provenance.json")"
jq '.subject = [{"name": "pkg:docker/example.org/x@1?platform=linux%2Famd64", "digest": {"sha256": "*"}}]' \
    "$work/out.d/provenance.json" | same min-v1
run 0 tenon build --progress=plain -o "type=local,dest=$work/out.d,mode=delete,attestation-prefix=a-" --allow buildx.local.delete \
    --attest type=provenance,filename=how.json "$work/context"
assert_no_file "$work/out.d/provenance.json"
assert_file "$work/out.d/a-how.json"
build "type=tar,dest=$work/out.tar" --provenance=mode=min
tar -xOf "$work/out.tar" provenance.json | jq -e '.subject | length > 1' >/dev/null || fail "none in the archive"
build "type=local,dest=$work/out.d" --provenance=mode=min,inline-only=true
assert_no_file "$work/out.d/provenance.json"
printf 'FROM scratch\nARG TARGETARCH\nCOPY f /f-$TARGETARCH\n' >"$work/two"
rm -rf "$work/out.d"
run 0 tenon build --progress=plain --platform linux/amd64,linux/arm64 -f "$work/two" --provenance=mode=min \
    -o "type=local,dest=$work/out.d,platform-split=false" "$work/context"
assert_file "$work/out.d/provenance.linux_arm64.json"
rm -rf "$work/out.d"
run 0 tenon build --progress=plain --platform linux/amd64,linux/arm64 -f "$work/two" --provenance=mode=min \
    -o "$layout" --metadata-file "$work/meta" "$work/context"
assert_eq 2 "$("$attested" "$work/out.d" | jq length)"
jq -e '."buildx.build.provenance/linux/arm64"' "$work/meta" >/dev/null || fail "none of a platform in the metadata"

# ---- what never gets in --------------------------------------------------------------------

cat >"$work/context/Dockerfile" <<END
FROM $registry/busybox
ARG API_TOKEN
ARG NAME
RUN --mount=type=secret,id=npmrc echo "\$API_TOKEN" >/dev/null
LABEL name=\$NAME
COPY f /\$API_TOKEN
ARG API_TOKEN_LONG
COPY <<TEXT /made
is \$API_TOKEN_LONG and \$API_TOKEN.
from https://me:hushed@example.org/x
TEXT
# not sesame-open-wide, nor https://hushed@example.org/f?token=hushed
END
for version in v1 v0.2; do
    build "$layout" --provenance=mode=max,version=$version --build-arg API_TOKEN=sesame-open \
        --build-arg API_TOKEN_LONG=sesame-open-wide --build-arg NAME=harmless \
        --label note=sesame-open --metadata-file "$work/meta"
    "$attested" "$work/out.d" >"$work/said"
    assert_has "$work/said" '"build-arg:NAME": "harmless"'
    for word in sesame-open tok; do
        ! grep -q "$word\"" "$work/said" || fail "$word is in the provenance"
        ! grep -q "$word\"" "$work/meta" || fail "$word is in the metadata"
    done
    ! grep -q sesame "$work/said" "$work/meta" || fail "a secret argument is in it"
    ! grep -q xxxxx-wide "$work/said" || fail "the rest of a secret argument is in it"
    # bytes of files, too, as they are
    jq -r '.. | objects | .data? | strings | @base64d' "$work/said" >"$work/bytes"
    assert_has "$work/bytes" "is xxxxx and xxxxx."
    assert_has "$work/bytes" "# not xxxxx"
    assert_lacks "$work/bytes" sesame
    assert_lacks "$work/bytes" xxxxx-wide
    assert_has "$work/bytes" "from https://xxxxx:xxxxx@example.org/x"
    assert_has "$work/bytes" "nor https://xxxxx@example.org/f?token=xxxxx"
    assert_lacks "$work/bytes" hushed
    assert_has "$work/said" API_TOKEN=xxxxx
    # What is left out is not all.
    assert_eq '[false]' "$(jq -cs '[.. | objects | (.completeness, .buildkit_completeness) | objects |
        (.parameters, .request) | booleans] | unique' "$work/said")"
done
build "$layout" --provenance=mode=min --build-arg NAME=harmless
"$attested" "$work/out.d" >"$work/said"
assert_lacks "$work/said" harmless
assert_eq '[]' "$(jq -c '[.. | objects | .buildkit_metadata | objects | keys[] | select(. == "source" or . == "layers")]' "$work/said")"
assert_lacks "$work/said" npmrc

# What the metadata file shows of it is buildx's to choose.
BUILDX_METADATA_PROVENANCE=max build "$layout" --metadata-file "$work/meta"
jq -e '."buildx.build.provenance".buildConfig.llbDefinition[0].id == "step0"' "$work/meta" >/dev/null || fail "no steps"
BUILDX_METADATA_PROVENANCE=disabled build "$layout" --provenance=mode=min --metadata-file "$work/meta"
assert_eq null "$(jq '."buildx.build.provenance"' "$work/meta")"

# From a repository all sources are known; nothing comes from elsewhere where no step has a network.
mkdir -p "$work/www"
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/web.log" >"$work/web.port" &
remember $!
await_line "$work/web.port" .
mkdir -p "$work/remote/dir"
printf 'FROM %s/busybox\nRUN --network=none echo one\n' "$registry" >"$work/remote/dir/Dockerfile"
printf 'FROM %s/busybox\nRUN echo one\n' "$registry" >"$work/remote/dir/reaching"
git -C "$work/remote" init -q -b main
git -C "$work/remote" add .
git -C "$work/remote" -c user.name=me -c user.email=me@example.org commit -q -m one
git clone -q --bare "$work/remote" "$work/www/r.git"
from=http://127.0.0.1:$(cat "$work/web.port")/git/r.git#main:dir
for version in v1 v0.2; do
    for file in Dockerfile reaching; do
        rm -rf "$work/out.d"
        run 0 tenon build --progress=plain -o "$layout" --provenance=mode=min,version=$version -f $file "$from"
        "$attested" "$work/out.d" | jq '.[0].predicate' >"$work/said"
        hermetic=$(jq '.. | objects | .buildkit_hermetic // ."https://mobyproject.org/buildkit@v1#hermetic" // empty' "$work/said")
        case $file in Dockerfile) assert_eq true "$hermetic" ;; *) assert_eq "" "$hermetic" ;; esac
        assert_eq "$from $(git -C "$work/remote" rev-parse HEAD)" \
            "$(jq -r '[.. | objects | .configSource? // empty][0] | "\(.uri) \(.digest.sha1)"' "$work/said")"
    done
done

# ---- what git knows of the context, as buildx asks it ------------------------------------------

repository=$work/repository
mkdir -p "$repository/sub"
printf 'FROM scratch\nCOPY f /\n' >"$repository/sub/Dockerfile"
echo f >"$repository/sub/f"
repo() { git -C "$repository" -c user.name=me -c user.email=me@example.org "$@"; }
facts() { # VARIABLE=VALUE... [FLAG...]: the options that the build had of it, and the labels
    rm -rf "$work/out.d"
    run 0 env "$@" "$abs_top_builddir/tenon-dev" --root "$store" build -q -o "$layout" --provenance=mode=max \
        --label org.opencontainers.image.source=mine "$repository/sub"
    "$attested" "$work/out.d" | jq -c '.[0].predicate | [
        (.buildDefinition.externalParameters.request.root.request.args | with_entries(select(.key | startswith("vcs:")))),
        .runDetails.metadata.buildkit_metadata.vcs]'
    image=$("$attested" "$work/out.d" index | jq -r '.manifests[0].digest')
    config=$(jq -r .config.digest "$work/out.d/blobs/sha256/${image#sha256:}")
    jq -cS .config.Labels "$work/out.d/blobs/sha256/${config#sha256:}"
}
mine='"org.opencontainers.image.source":"mine"'
{
    repo init -q -b main
    repo add sub
} >"$work/log" 2>&1 || { cat "$work/log" >&2; fail git; }
# Before the first commit there is none to be told.
assert_eq '[{"vcs:localdir:context":"sub","vcs:localdir:dockerfile":"sub"},{"localdir:context":"sub","localdir:dockerfile":"sub"}]
{'"$mine"'}' "$(facts BUILDX_GIT_LABELS=0)"
repo commit -q -m one
commit=$(repo rev-parse HEAD)
repo remote add origin https://me:hush@example.org/r.git
places='"vcs:localdir:context":"sub","vcs:localdir:dockerfile":"sub"'
told='"vcs:revision":"'$commit'","vcs:source":"https://xxxxx:xxxxx@example.org/r.git"'
assert_eq "[{$places,$told},$(echo "{$places,$told}" | sed 's/vcs://g')]
{$mine}" "$(facts BUILDX_GIT_INFO=perhaps)"
assert_eq '[{},null]
{"com.docker.image.source.entrypoint":"sub/Dockerfile","org.opencontainers.image.revision":"'"$commit"'",'"$mine"'}' \
    "$(facts BUILDX_GIT_INFO=false BUILDX_GIT_LABELS=full BUILDX_GIT_CHECK_DIRTY=1)"
# The label that nobody gave is the remote's without its password.
rm -rf "$work/out.d"
BUILDX_GIT_LABELS=full run 0 tenon build -q -o "$layout" "$repository/sub"
blob() { jq -r "$1" "$work/out.d/$2" | sed 's,:,/,; s,^,blobs/,'; }
config=$(blob .config.digest "$(blob '.manifests[0].digest' index.json)")
assert_eq https://xxxxx:xxxxx@example.org/r.git \
    "$(jq -r '.config.Labels["org.opencontainers.image.source"]' "$work/out.d/$config")"
# What is ignored is no commit's, either; nothing that the repository's configuration names is run.
echo more >"$repository/sub/more"
printf '#!/bin/sh\ntouch %s/was-run\n' "$work" >"$work/hook"
chmod +x "$work/hook"
repo config core.fsmonitor "$work/hook"
assert_has_line() { echo "$1" | grep -qF -- "$2" || fail "no $2 in: $1"; }
assert_has_line "$(facts BUILDX_GIT_CHECK_DIRTY=1 BUILDX_GIT_LABELS=1)" '"org.opencontainers.image.revision":"'"$commit"'-dirty"'
assert_no_file "$work/was-run"
# A repository that cannot be read is told of, and no reason to fail.
mkdir -p "$work/plain/.git"
run 0 tenon build -q -o "$layout" --provenance=true "$work/plain"
assert_has "$work/err" "the commit of the context is not known"
run 0 tenon build -q -o "$layout" "$work/plain"
assert_lacks "$work/err" "the commit of the context"
rm -r "$work/plain/.git"

# ---- what is in it -------------------------------------------------------------------------

tree=$work/context/tree
mkdir -p "$tree/etc" "$tree/var/lib/dpkg" "$tree/lib/apk/db" "$tree/bin" \
    "$tree/usr/lib/python3/dist-packages/Some_Thing-1.2.dist-info" \
    "$tree/usr/lib/python3/dist-packages/newer-2.dist-info" \
    "$tree/app/node_modules/@scope/left/node_modules/inner" "$tree/app/node_modules/plain/test"
printf 'ID=debian\nVERSION_ID="12"\n' >"$tree/etc/os-release"
cat >"$tree/var/lib/dpkg/status" <<'END'
Package: libc6
Status: install ok installed
Maintainer: Somebody <s@example.org>
Architecture: amd64
Version: 1:2.36-9+deb12u4
Description: a library
 of two lines

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: last
Status: install ok installed
Architecture: all
Version: 3
END
printf 'P:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\n\nP:busybox\nV:1.36-r5\nA:x86_64\nL:GPL-2.0-only AND MIT\n' >"$tree/lib/apk/db/installed"
printf 'Metadata-Version: 2.1\nName: Some_Thing\nVersion: 1.2\nLicense: MIT\n\nName: no\n' \
    >"$tree/usr/lib/python3/dist-packages/Some_Thing-1.2.dist-info/METADATA"
printf 'Metadata-Version: 2.4\nName: newer\nVersion: 2\nLicense: see it\nLicense-Expression: ISC\n\n' \
    >"$tree/usr/lib/python3/dist-packages/newer-2.dist-info/METADATA"
echo '{"name": "@scope/left", "version": "2.0.0", "license": "ISC"}' >"$tree/app/node_modules/@scope/left/package.json"
echo '{"name": "inner", "version": "0.1.0"}' >"$tree/app/node_modules/@scope/left/node_modules/inner/package.json"
echo '{"name": "fixture", "version": "9"}' >"$tree/app/node_modules/plain/test/package.json"
echo '{"name": "mine", "version": "9"}' >"$tree/app/package.json"
echo '{broken' >"$tree/app/node_modules/plain/package.json"
python3 - "$tree/bin/program" <<'END'
import os, sys
def text(s): return bytes([len(s) & 127 | 128, len(s) >> 7]) + s
info = b"path\tx\nmod\texample.org/mine\t(devel)\t\ndep\texample.org/a/b\tv1.2.3\th1:x=\ndep\tgopkg.in/y\tv2.0.0\t\n" \
    b"dep\texample.org/old\tv1.0.0\n=>\texample.org/fork\tv1.0.1\th1:y=\n" \
    b"dep\texample.org/w\tv1.4.0\n=>\t./fork\t(devel)\t\n"
with open(sys.argv[1], "wb") as f:
    f.write(b"\x7fELF" + b"\0" * 60 + b"\xff Go buildinf:" + bytes([8, 2]) + b"\0" * 16 +
            text(b"go1.20.3") + text(b"0" * 16 + info + b"0" * 16))
os.chmod(sys.argv[1], 0o755)
END
cp "$tree/bin/program" "$tree/bin/cut"
truncate -s 130 "$tree/bin/cut"
ln -s /proc/self/environ "$tree/etc/machine"
# What is of no sensible size, and links to what was read.
cp "$tree/bin/program" "$tree/bin/odd"
python3 - "$tree" <<'END'
import os, sys
modules = sys.argv[1] + "/app/node_modules/"
for name in "linked", "long", "licensed":
    os.makedirs(modules + name)
with open(modules + "long/package.json", "w") as f:
    f.write('{"name": "%s", "version": "1"}' % ("n" * 5000))
with open(modules + "licensed/package.json", "w") as f:
    f.write('{"name": "licensed", "version": "1", "license": "%s"}' % ("l" * 5000))
with open(sys.argv[1] + "/bin/odd", "wb") as f:
    f.write(b"\x7fELF" + b"\0" * 60 + b"\xff Go buildinf:" + bytes([8, 2]) + b"\0" * 16 +
            bytes([300 & 127 | 128, 300 >> 7]) + b"go" + b"1" * 298 + b"\0" * 64)
END
printf 'FROM scratch\nCOPY tree/ /\n' >"$work/context/Dockerfile"
build "$layout" --sbom=true --provenance=mode=min
"$attested" "$work/out.d" >"$work/said"
assert_eq "https://spdx.dev/Document https://slsa.dev/provenance/v1" "$(jq -r 'map(.predicateType) | join(" ")' "$work/said")"
jq '.[0].predicate' "$work/said" >"$work/sbom"
assert_eq SPDX-2.3 "$(jq -r .spdxVersion "$work/sbom")"
jq -r '.packages[].externalRefs[]?.referenceLocator' "$work/sbom" >"$work/purls"
diff -u - "$work/purls" <<'END' || fail "other packages"
pkg:apk/debian/busybox@1.36-r5?arch=x86_64&distro=debian-12
pkg:apk/debian/musl@1.2.4-r2?arch=x86_64&distro=debian-12
pkg:deb/debian/last@3?arch=all&distro=debian-12
pkg:deb/debian/libc6@1%3A2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12
pkg:golang/example.org/a/b@v1.2.3
pkg:golang/example.org/fork@v1.0.1
pkg:golang/example.org/w@v1.4.0
pkg:golang/gopkg.in/y@v2.0.0
pkg:golang/stdlib@1.20.3
pkg:golang/stdlib@1.20.3
pkg:npm/%40scope/left@2.0.0
pkg:npm/inner@0.1.0
pkg:npm/licensed@1
pkg:pypi/newer@2
pkg:pypi/some-thing@1.2
END
assert_eq ISC "$(jq -r '.packages[] | select(.name == "newer").licenseDeclared' "$work/sbom")"
assert_eq NOASSERTION "$(jq -r '.packages[] | select(.name == "licensed").licenseDeclared' "$work/sbom")"
assert_eq "MIT NOASSERTION" "$(jq -r '.packages[] | select(.name == "musl" or .name == "busybox").licenseDeclared' "$work/sbom" | sort | paste -sd' ')"
jq -e '[.packages[].SPDXID] as $ids | all(.relationships[]; (.relatedSpdxElement as $i | $ids | index($i)))' "$work/sbom" >/dev/null || fail "a relationship leads nowhere"
assert_eq 1 "$(jq '[.relationships[] | select(.relationshipType == "DESCRIBES")] | length' "$work/sbom")"
# A file that has two names in a tree is one package: a step, for COPY makes two files.
printf 'FROM %s/busybox\nCOPY tree/ /\nRUN ln /app/node_modules/@scope/left/package.json /app/node_modules/linked/package.json && mkdir /app/node_modules/stored && ln /app/node_modules/licensed/package.json /app/0 && ln /app/0 /app/node_modules/stored/package.json\n' \
    "$registry" >"$work/linking"
run 0 tenon build --progress=plain -f "$work/linking" -o "type=local,dest=$work/linked.d" --sbom=true "$work/context"
assert_eq 1 "$(jq '[.predicate.packages[] | select(.name == "@scope/left")] | length' "$work/linked.d/sbom.spdx.json")"
# but one that another place keeps under a name of its own is there
assert_eq 2 "$(jq '[.predicate.packages[] | select(.name == "licensed")] | length' "$work/linked.d/sbom.spdx.json")"
build "type=local,dest=$work/out.d" --attest type=sbom,scanner=packages,filename=in-it.json
assert_file "$work/out.d/in-it.json"
# the same packages at the same time are the same bytes
SOURCE_DATE_EPOCH=1500000000 build "$layout" --sbom=true
"$attested" "$work/out.d" | jq '.[0].predicate' >"$work/one"
SOURCE_DATE_EPOCH=1500000000 build "$layout" --sbom=true
"$attested" "$work/out.d" | jq '.[0].predicate' | cmp - "$work/one" || fail "another document"
# rpm's: a table of headers, in the form with a log beside it; what is broken leaves the others
mkdir -p "$tree/var/lib/rpm"
cat >"$work/rpmdb" <<'END'
import sqlite3, struct, sys
def header(**fields):
    tags = {"name": 1000, "version": 1001, "release": 1002, "epoch": 1003, "vendor": 1011, "license": 1014, "arch": 1022}
    entries = data = b""
    for key, value in fields.items():
        offset = len(data)
        data += value.encode() + b"\0" if isinstance(value, str) else struct.pack(">I", value)
        entries += struct.pack(">IIII", tags[key], 6 if isinstance(value, str) else 4, offset, 1)
    return struct.pack(">II", len(fields), len(data)) + entries + data
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA journal_mode=WAL")
if sys.argv[2] == "endless":
    db.execute("CREATE VIEW Packages AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT x'' AS blob FROM r")
else:
    db.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
    good = header(name="bash", version="5.2", release="3.fc40", epoch=1, arch="x86_64", license="GPL-3.0-or-later", vendor="Fedora")
    for blob in (good, good[:40], b"\xff" * 64, struct.pack(">II", 2**28, 8) + good, b"",
            header(name="gpg-pubkey", version="1", release="2"), header(name="none", version="1"),
            struct.pack(">IIIIII", 1, 4, 1000, 6, 0, 1) + b"long", header(name="tzdata", version="2024a", release="1", arch="noarch")):
        db.execute("INSERT INTO Packages (blob) VALUES (?)", (blob,))
db.commit()
db.close()
END
python3 "$work/rpmdb" "$tree/var/lib/rpm/rpmdb.sqlite" good
build "$layout" --sbom=true
assert_lacks "$work/err" "packages of rpm"
"$attested" "$work/out.d" | jq -r '.[0].predicate.packages[].externalRefs[]?.referenceLocator' | grep pkg:rpm | sort >"$work/rpms"
diff - "$work/rpms" <<'END' || fail "packages of rpm"
pkg:rpm/debian/bash@5.2-3.fc40?arch=x86_64&distro=debian-12&epoch=1
pkg:rpm/debian/tzdata@2024a-1?arch=noarch&distro=debian-12
END
# What rpm left in the log of a database that it did not end well is told.
echo log >"$tree/var/lib/rpm/rpmdb.sqlite-wal"
build "$layout" --sbom=true
assert_has "$work/err" "/var/lib/rpm/rpmdb.sqlite-wal is not read"
# Databases that somebody made to be in the way: what is too large, no file, a circle of links or a
# way out is left out, and said so; what is read is JSON whatever it has in it.
mkdir -p "$work/context/hostile"
python3 - "$work/context/hostile" <<'END'
import os, sys
os.chdir(sys.argv[1])
for d in "etc", "var/lib/dpkg", "lib/apk/db", "usr/lib/apk/db", "var/lib/rpm", "app/node_modules/deep", "app/node_modules/odd":
    os.makedirs(d)
os.symlink("os-release", "etc/os-release")
with open("var/lib/dpkg/status", "wb") as f:
    f.truncate((64 << 20) + 1)
os.symlink("../../apk/db/other", "lib/apk/db/installed")
os.symlink("installed", "lib/apk/db/other")
with open("usr/lib/apk/db/installed", "wb") as f:
    f.write(b"P:e\x1b[31mvil\xff\nV:1\x00\nA:x\"\\\n\n" + b"P:\nV:\n\n" + b"P:last\nV:2\nL:\x07\n" + b"Z:" + b"z" * 100000 + b"\n" * 1000)
os.symlink("/proc/self/environ", "var/lib/rpm/rpmdb.sqlite")
with open("app/node_modules/deep/package.json", "w") as f:
    f.write('{"a":' * 100000)
with open("app/node_modules/odd/package.json", "w") as f:
    f.write('{"name": "odd\\u001b[0m\\u2028", "version": ["1"], "license": {}}\n')
os.symlink("../..", "app/node_modules/again")
for i in range(200):
    os.mkdir("d")
    os.chdir("d")
END
printf 'FROM scratch\nCOPY hostile/ /\n' >"$work/hostile"
rm -rf "$work/out.d"
run 0 tenon build --progress=plain -f "$work/hostile" -o "type=local,dest=$work/out.d" --sbom=true "$work/context"
assert_has "$work/err" "packages are not in the bill of materials: /var/lib/dpkg/status is not read"
assert_eq "e[31mvil last" "$(jq -r '.predicate.packages[1:][].name' "$work/out.d/sbom.spdx.json" | tr -d '\033\357\277\275' | paste -sd' ')"
python3 -c 'import json, sys; json.load(open(sys.argv[1], encoding="utf-8"))' "$work/out.d/sbom.spdx.json" || fail "no UTF-8"
! LC_ALL=C grep -q "$(printf '[\001-\010\033]')" "$work/out.d/sbom.spdx.json" || fail "controls in the document"
rm -r "$work/context/hostile"
# What the result was made of, too, where arguments say so: the context without what is ignored,
# and stages by their names, or all of them.
cat >"$work/extras" <<'END'
ARG BUILDKIT_SBOM_SCAN_CONTEXT=true
ARG STAGES=true
FROM scratch AS build
ARG STAGES
ARG BUILDKIT_SBOM_SCAN_STAGE=$STAGES
COPY tree/app /app
FROM build AS heir
FROM scratch AS other
COPY tree/lib /lib
FROM scratch
COPY --from=heir /app/package.json /
COPY --from=other /lib/apk /apk
COPY tree/usr /usr
END
printf 'tree/usr/lib/python3/dist-packages\n' >"$work/extras.dockerignore"
scanned() { # FLAGS: which files there are, and how many packages are in each
    rm -rf "$work/out.d"
    run 0 tenon build --progress=plain -f "$work/extras" -o "type=local,dest=$work/out.d" --sbom=true "$@" "$work/context"
    (cd "$work/out.d" && for f in *.json; do
        case $f in package.json) continue ;; esac
        echo "${f%.spdx.json}:$(jq -r '.predicate.packages | length - 1' "$f")"
    done) | paste -sd' '
}
assert_eq "sbom-build:3 sbom-context:3 sbom-heir:3 sbom:0" "$(scanned)"
assert_eq context "$(jq -r '.predicate.packages[0].name' "$work/out.d/sbom-context.spdx.json")"
assert_eq "sbom-heir:3 sbom:0" "$(scanned --build-arg STAGES=other,heir --build-arg BUILDKIT_SBOM_SCAN_CONTEXT=heir)"
assert_eq "sbom:0" "$(scanned --build-arg STAGES=0 --build-arg BUILDKIT_SBOM_SCAN_CONTEXT=false)"
for bad in endless cut empty; do
    rm "$tree/var/lib/rpm/rpmdb.sqlite"
    case $bad in
    endless) python3 "$work/rpmdb" "$tree/var/lib/rpm/rpmdb.sqlite" endless ;;
    cut) head -c 3000 /dev/urandom >"$tree/var/lib/rpm/rpmdb.sqlite" ;;
    empty) : >"$tree/var/lib/rpm/rpmdb.sqlite" ;;
    esac
    build "$layout" --sbom=true
    assert_has "$work/err" "packages of rpm are not in the bill of materials: /var/lib/rpm/rpmdb.sqlite"
done

# ---- by a program in an image ----------------------------------------------------------------

mkdir "$work/scanner"
cat >"$work/scanner/scan" <<'END'
set -eu
[ "$BUILDKIT_SCAN_SOURCE" = /run/src/core/sbom ]
[ "$BUILDKIT_SCAN_DESTINATION" = /run/out/ ]
[ "$FROM_THE_IMAGE/$BUILDKIT_SCAN_WORD$PWD/$*" = "yes/a=b/work/with words" ]
if touch "$BUILDKIT_SCAN_SOURCE/f" 2>/dev/null; then exit 3; fi
echo scratch >/tmp/x
for what in sbom other; do
    printf '{"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document",
        "predicate": {"spdxVersion": "SPDX-2.3", "name": "%s", "seen": "%s", "files": [{"fileName": "/f"}]}}' $what "$(ls "$BUILDKIT_SCAN_SOURCE" | tr '\n' ' ')" \
        >"$BUILDKIT_SCAN_DESTINATION/$what.spdx.json"
done
for extra in ${BUILDKIT_SCAN_SOURCE_EXTRAS:+"$BUILDKIT_SCAN_SOURCE_EXTRAS"*}; do
    if touch "$extra/f" 2>/dev/null; then exit 4; fi
    printf '{"predicateType": "https://spdx.dev/Document", "predicate": {"files": "%s"}}' "$(ls "$extra" | tr '\n' ' ')" \
        >"$BUILDKIT_SCAN_DESTINATION/${extra##*/}.spdx.json"
done
END
printf 'FROM %s/busybox\nENV FROM_THE_IMAGE=yes\nWORKDIR /work\nCOPY scan /scan\nENTRYPOINT ["sh", "/scan"]\nCMD ["with", "words"]\n' \
    "$registry" >"$work/scanner/Dockerfile"
run 0 tenon build --progress=plain -t "$registry/scan:1" --push "$work/scanner"
printf 'FROM scratch\nARG TARGETARCH\nCOPY f /f-$TARGETARCH\nCOPY f /f\n' >"$work/context/Dockerfile"
build "$layout,name=example.org/x:1" --platform linux/amd64,linux/arm64 "--sbom=generator=$registry/scan:1,WORD=a=b"
"$attested" "$work/out.d" >"$work/said"
jq -e '[.[] | select(.predicateType == "https://spdx.dev/Document")] | [.[].predicate | "\(.name): \(.seen)"] | sort ==
    ["other: f f-amd64 ", "other: f f-arm64 ", "sbom: f f-amd64 ", "sbom: f f-arm64 "]' "$work/said" >/dev/null ||
    { cat "$work/said" >&2; fail "what the scanner said"; }
jq -e '[.[] | select(.predicateType == "https://spdx.dev/Document") | .subject[0].digest.sha256] | unique | length == 2' "$work/said" >/dev/null ||
    fail "subjects of what the scanner said"
# Of what is in the image itself: the second layer of each.
jq -e '[.[] | select(.predicateType == "https://spdx.dev/Document") | .predicate | "\(.name) \(.files[0].comment)" |
    sub("sha256:[0-9a-f]{64}$"; "DIGEST")] | sort == ["other null", "other null", "sbom layerID: DIGEST", "sbom layerID: DIGEST"]' \
    "$work/said" >/dev/null || { cat "$work/said" >&2; fail "which layer a file is in"; }
assert_has "$work/err" "generating sbom using $registry/scan:1"
# It is a step: the same again is there.
build "$layout" --platform linux/amd64,linux/arm64 "--attest=type=sbom,generator=$registry/scan:1,WORD=a=b"
assert_eq CACHED "$(step_ended "$work/err" "[linux/amd64] generating sbom using")"
rm -rf "$work/out.d"
run 0 tenon build --progress=plain -f "$work/extras" -o "type=local,dest=$work/out.d" \
    "--sbom=generator=$registry/scan:1,WORD=a=b" "$work/context"
assert_eq "sbom-build app |sbom-context tree |sbom-heir app " \
    "$(cd "$work/out.d" && for f in sbom-*; do echo "${f%.spdx.json} $(jq -r .predicate.files "$f")"; done | paste -sd'|')"
build_fails() { run 1 tenon build --progress=plain -o "$layout" "$@" "$work/context"; }
build_fails "--sbom=generator=$registry/scan:1"
assert_has "$work/err" "generating sbom using $registry/scan:1"
build_fails "--sbom=generator=$registry/none:1"
assert_has "$work/err" "$registry/none:1"
refused "cannot be used together" "--sbom=generator=$registry/scan:1,scanner=packages"
refused "invalid reference format" "--sbom=generator=A B"
