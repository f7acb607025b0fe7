#!/bin/sh
# Attestations: provenance as BuildKit v0.32 writes it, member by member (tests/attestations has
# its documents), in images, directories and archives; what never gets into it; what turns it on.
. "$(dirname "$0")/lib.sh"
need_root
need python3 jq skopeo docker-registry
make_bases
start_registry </dev/null
run 0 skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$bases/busybox:latest" \
    "docker://$registry/busybox:latest"
records=$abs_top_srcdir/tests/attestations
attested=$abs_top_srcdir/tests/cli/attested
unset BUILDX_NO_DEFAULT_ATTESTATIONS BUILDX_METADATA_PROVENANCE || :

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

# ---- when there is one ---------------------------------------------------------------------

build "$layout"
has_none || fail "attested without being asked"
build "$layout" --provenance=false --sbom=false --attest type=provenance,mode=max
has_none && fail "the first --attest does not count"
build "$layout" --attest type=provenance,disabled=true --provenance=mode=max
has_none || fail "attested though it was turned off"
build "$layout" --provenance=mode=min,inline-only=true
has_none || fail "one that is inline-only made an index"
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
END
for version in v1 v0.2; do
    build "$layout" --provenance=mode=max,version=$version --build-arg API_TOKEN=sesame-open --build-arg NAME=harmless \
        --label note=sesame-open --metadata-file "$work/meta"
    "$attested" "$work/out.d" >"$work/said"
    assert_has "$work/said" '"build-arg:NAME": "harmless"'
    for word in sesame-open tok; do
        ! grep -q "$word\"" "$work/said" || fail "$word is in the provenance"
        ! grep -q "$word\"" "$work/meta" || fail "$word is in the metadata"
    done
    ! grep -q sesame "$work/said" "$work/meta" || fail "a secret argument is in it"
    assert_has "$work/said" API_TOKEN=xxxxx
done
build "$layout" --provenance=mode=min --build-arg NAME=harmless
"$attested" "$work/out.d" >"$work/said"
assert_lacks "$work/said" harmless
assert_lacks "$work/said" npmrc

# What the metadata file shows of it is buildx's to choose.
BUILDX_METADATA_PROVENANCE=max build "$layout" --metadata-file "$work/meta"
jq -e '."buildx.build.provenance".buildConfig.llbDefinition[0].id == "step0"' "$work/meta" >/dev/null || fail "no steps"
BUILDX_METADATA_PROVENANCE=disabled build "$layout" --provenance=mode=min --metadata-file "$work/meta"
assert_eq null "$(jq '."buildx.build.provenance"' "$work/meta")"
