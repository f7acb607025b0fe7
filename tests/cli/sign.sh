#!/bin/sh
# tenon sign and tenon verify: signatures that others verify, those of others, what a policy asks
# for, and each way to cheat, with the reason why it is refused.
. "$(dirname "$0")/lib.sh"
need python3 jq openssl curl
start_registry </dev/null
cd "$work"
mkdir ctx
printf 'FROM scratch\nCOPY a /a\n' >ctx/Dockerfile
echo 1 >ctx/a
provenance=type=provenance,mode=min,builder-id=https://ci.example.org/1
app=$registry/team/app
push() { # NAME FLAG...: sets digest
    name=$1
    shift
    tenon build -q -t "$name" "$@" --push ctx >log 2>&1 || { cat log >&2; fail "build"; }
    digest=$(tenon image inspect --format '{{.Manifest.Digest}}' "$name")
}
push "$app:1" --platform linux/amd64,linux/arm64 --attest "$provenance"
one=$digest
echo 2 >ctx/a
push "$app:2"
two=$digest

# ---- keys and certificates
{
    for name in release other second; do
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name.key
    done
    openssl genpkey -algorithm ED25519 -out ed.key
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.key
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.key
    for name in release other second ed rsa; do openssl pkey -in $name.key -pubout -out $name.pub; done
    openssl pkcs8 -topk8 -in release.key -passout pass:hush -out locked.key
    authority() { # NAME
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "/CN=$1" -days 2 -out "$1.crt"
    }
    authority root
    authority stranger
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out between.key
    issue() { # NAME KEY SUBJECT ISSUER DAYS EXTENSION
        printf '%b' "$6" >ext
        openssl req -new -key "$2" -subj "$3" | openssl x509 -req -CA "$4.crt" -CAkey "$4.key" -CAcreateserial \
            -days "$5" -extfile ext -out "$1.crt"
    }
    issue between between.key /CN=between root 2 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n'
    signs='extendedKeyUsage=codeSigning\nsubjectAltName=email:ci@example.org\n'
    issue leaf release.key "/O=Example/CN=release" between 2 "$signs"
    issue expired release.key "/O=Example/CN=release" between -1 "$signs"
    issue server release.key "/O=Example/CN=release" between 2 'extendedKeyUsage=serverAuth\n'
    issue again other.key "/O=Example/CN=other" between 2 "$signs"
    issue nameless1 other.key / between 2 'extendedKeyUsage=codeSigning\nsubjectAltName=email:a@example.org\n'
    issue nameless2 second.key / between 2 'extendedKeyUsage=codeSigning\nsubjectAltName=email:b@example.org\n'
    issue posed release.key "/CN=ci@example.org" between 2 'extendedKeyUsage=codeSigning\nkeyUsage=digitalSignature\n'
    issue enciphers release.key "/O=Example/CN=release" between 2 'keyUsage=keyEncipherment\n'
    issue foreign release.key "/O=Example/CN=release" stranger 2 "$signs"
    for name in leaf expired server posed enciphers again nameless1 nameless2; do cat between.crt >>$name.crt; done
} >openssl.log 2>&1 || { cat openssl.log >&2; fail "openssl"; }

# policy SIGNER,... [MEMBER...]: of this registry's images
policy() {
    signers=$1
    shift
    printf '{"images": [{"names": ["%s/team/*"], "signers": [%s]' "$registry" "$signers"
    for more; do printf ', %s' "$more"; done
    printf '}]}\n'
}
key='{"key": "release.pub"}'
policy "$key" >policy.json
policy "$key" '"attestations": [{"predicate": "https://slsa.dev/provenance/v1", "builder": "https://ci.example.org/*"}]' >proof.json
policy '{"key": "other.pub"}' >other.json
policy '{"authorities": "root.crt", "subject": "CN=release,O=Example"}' >ca.json

good() { run 0 tenon verify "$@"; }
refused() { # REASON ARGUMENT...
    reason=$1
    shift
    run 1 tenon verify "$@"
    assert_has err "$reason"
    assert_eq "" "$(cat out)"
}

# ---- a signature, both forms, and what is asked of it
refused "nobody has signed $one" --policy policy.json "$app:1"
printf 'hush\n' >password
run 0 tenon sign --key locked.key --password-file password "$app:1@$one"
assert_eq "$one" "$(cat out)"
good --policy proof.json "$app:1"
assert_eq "$one" "$(cat out)"
assert_has err "signed by release.pub as $app:1, bundle"
assert_has err "signed by release.pub as $app:1, simple"
assert_has err "attested https://slsa.dev/provenance/v1 by https://ci.example.org/1, of sha256:"
good --policy policy.json "$app@$one"
good --policy policy.json --blobs --format json "$app:1"
jq -e --arg n "$app:1" '.name == $n and ([.signatures[].form] | sort) == ["bundle", "simple"] and .refused == [] and .good' out >log ||
    { cat out >&2; fail "verify --format json"; }

# ---- openssl verifies each form, taken apart by its specification. (Debian's skopeo and podman
# have the verification of sigstore's signatures disabled.) A bundle is protobuf as JSON, whose
# readers refuse members that they do not know, so there is none but these.
cat >forms <<'END_PYTHON'
import base64, hashlib, json, sys, urllib.request
registry, repository, digest = sys.argv[1:]
oci = "application/vnd.oci.image."
def get(what):
    r = urllib.request.Request("http://%s/v2/%s/%s" % (registry, repository, what),
        headers={"Accept": oci + "manifest.v1+json, " + oci + "index.v1+json"})
    data = urllib.request.urlopen(r).read()
    if "sha256:" in what:
        assert what.endswith("/sha256:" + hashlib.sha256(data).hexdigest()), what
    return data
def bytes_of(text):
    data = base64.b64decode(text, validate=True)
    assert base64.b64encode(data).decode() == text
    return data
manifest = json.loads(get("manifests/" + digest.replace(":", "-") + ".sig"))
layer = manifest["layers"][-1]
assert layer["mediaType"] == "application/vnd.dev.cosign.simplesigning.v1+json", layer
assert manifest["mediaType"] == oci + "manifest.v1+json" and manifest["config"]["mediaType"] == oci + "config.v1+json"
assert json.loads(get("blobs/" + manifest["config"]["digest"]))["rootfs"] == {
    "type": "layers", "diff_ids": [l["digest"] for l in manifest["layers"]]}
payload = get("blobs/" + layer["digest"])
assert len(payload) == layer["size"] and set(json.loads(payload)) == {"critical", "optional"}
said = json.loads(payload)["critical"]
name = said["identity"]["docker-reference"]
assert said == {"identity": {"docker-reference": name}, "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature"} and name, said
open("simple.data", "wb").write(payload)
open("simple.sig", "wb").write(bytes_of(layer["annotations"]["dev.cosignproject.cosign/signature"]))
entry = json.loads(get("manifests/" + digest.replace(":", "-")))["manifests"][-1]
form, purpose = "application/vnd.dev.sigstore.bundle.v0.3+json", "https://sigstore.dev/cosign/sign/v1"
assert entry["artifactType"] == form, entry
notes = {k: v for k, v in entry["annotations"].items() if k.startswith("dev.sigstore.bundle.")}
assert notes == {"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": purpose}, notes
manifest = json.loads(get("manifests/" + entry["digest"]))
assert manifest["subject"]["digest"] == digest and manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
assert get("blobs/" + manifest["config"]["digest"]) == b"{}" and manifest["config"]["size"] == 2
assert manifest["artifactType"] == form and manifest["annotations"] == entry["annotations"]
(layer,) = manifest["layers"]
bundle = json.loads(get("blobs/" + layer["digest"]))
assert set(bundle) == {"mediaType", "verificationMaterial", "dsseEnvelope"}, bundle
assert bundle["mediaType"] == layer["mediaType"] == form
((whose, material),) = bundle["verificationMaterial"].items()
assert (whose, list(material)) in (("publicKey", ["hint"]), ("certificate", ["rawBytes"])), bundle
if whose == "certificate":
    open("bundle.der", "wb").write(bytes_of(material["rawBytes"]))
envelope = bundle["dsseEnvelope"]
(signature,) = envelope["signatures"]
assert set(envelope) == {"payload", "payloadType", "signatures"} and list(signature) == ["sig"], envelope
payload = bytes_of(envelope["payload"])
said = json.loads(payload)
(subject,) = said["subject"]
assert said == {"_type": "https://in-toto.io/Statement/v1", "predicateType": purpose, "predicate": {}, "subject": [
    {"name": subject["name"], "digest": {"sha256": digest[7:]}}]}, said
assert envelope["payloadType"] == "application/vnd.in-toto+json"
kind = envelope["payloadType"].encode()
open("bundle.data", "wb").write(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
open("bundle.sig", "wb").write(bytes_of(signature["sig"]))
print(bundle["verificationMaterial"].get("publicKey", {}).get("hint", ""))
END_PYTHON
# What is signed again in the same words is there once, and readers do not come to an end before it.
run 0 tenon sign --key release.key "$app:1@$one"
good --policy policy.json --format json "$app:1"
jq -e '(.signatures | length) == 2' out >log || { cat out >&2; fail "signed twice, there twice"; }
python3 forms "$registry" team/app "$one" >hint
openssl pkey -pubin -in release.pub -outform DER | openssl dgst -sha256 -binary | base64 | diff - hint || fail "hint"
for form in simple bundle; do
    openssl dgst -sha256 -verify release.pub -signature $form.sig $form.data >log 2>&1 || { cat log >&2; fail "openssl: $form"; }
done
# With --each the image for each platform is signed, too.
image=$(tenon image inspect --raw "$app:1" | jq -r '.manifests[0].digest')
refused "nobody has signed $image" --policy policy.json "$app@$image"
run 0 tenon sign --each --form simple --key release.key "$app:1"
good --policy policy.json "$app@$image"

# ---- other kinds of keys; a second signer; what is signed twice is signed once
for kind in ed rsa; do
    run 0 tenon sign --key $kind.key --name "$app:2" "$app:2"
    policy "{\"key\": \"$kind.pub\"}" >kind.json
    good --policy kind.json "$app:2"
    python3 forms "$registry" team/app "$two" >hint
    case $kind in
    ed) openssl pkeyutl -verify -pubin -inkey ed.pub -rawin -in bundle.data -sigfile bundle.sig >log 2>&1 ;;
    rsa) openssl dgst -sha256 -verify rsa.pub -signature bundle.sig bundle.data >log 2>&1 ;;
    esac || { cat log >&2; fail "openssl: $kind"; }
done
run 1 tenon sign --key p384.key "$app:2"
assert_has err "p384.key: a key of type"
policy "$key, $key, {\"key\": \"second.pub\"}" '"threshold": 2' >both.json
refused "1 of the 2 signers that are needed signed $one" --policy both.json "$app:1"
run 0 tenon sign --key second.key "$app:1"
good --policy both.json "$app:1"
refused "it was made with another key than the policy's" --policy other.json "$app:1"
run 1 tenon verify --format json --policy other.json "$app:1"
jq -e '(.good | not) and (.reason | test("no good signature"))' out >log || fail "the reason in JSON"

# ---- certificates
of() { printf '{"authorities": "root.crt", "subject": "%s"}' "$1"; }
push "$app:x509"
for name in expired server foreign posed enciphers; do run 0 tenon sign --key release.key --certificate $name.crt --form simple "$app:x509"; done
refused "the certificate expired at" --policy ca.json "$app:x509"
assert_has err "the certificate is not one for signing programs"
assert_has err "the certificate was issued by none of the authorities"
assert_has err "the certificate is not one for signatures"
policy "$(of '*@example.org')" >posed.json
refused 'the certificate is for "CN=ci@example.org", not for "*@example.org"' --policy posed.json "$app:x509"
run 1 tenon sign --key other.key --certificate leaf.crt "$app:x509"
assert_has err "the certificate is for another key"
run 0 tenon sign --key release.key --certificate leaf.crt "$app:x509"
python3 forms "$registry" team/app "$(cat out)" >log || fail "the bundle's form"
openssl x509 -inform DER -in bundle.der -out bundle.crt && openssl x509 -in leaf.crt | diff - bundle.crt || fail "the certificate"
openssl x509 -in bundle.crt -pubkey -noout >bundle.pub
openssl dgst -sha256 -verify bundle.pub -signature bundle.sig bundle.data >log 2>&1 || { cat log >&2; fail "openssl: certificate"; }
good --policy ca.json "$app:x509"
assert_has err "signed by root.crt as $app:x509, CN=release,O=Example, simple"
policy '{"authorities": "root.crt", "subject": "ci@example.org", "issuer": "CN=between"}' >mail.json
good --policy mail.json "$app:x509"
policy '{"authorities": "root.crt", "subject": "CN=other*"}' >subject.json
refused 'the certificate is for "CN=release,O=Example", not for "CN=other*"' --policy subject.json "$app:x509"
policy '{"authorities": "root.crt", "subject": "*", "issuer": "CN=root"}' >issuer.json
refused 'the certificate was issued by "CN=between", not by "CN=root"' --policy issuer.json "$app:x509"
# One person with two certificates, and two persons whose certificates have no subject.
run 0 tenon sign --key other.key --certificate again.crt --form simple "$app:x509"
policy "$(of '*@example.org'), $(of 'nobody')" '"threshold": 2' >twice.json
refused "1 of the 2 signers" --policy twice.json "$app:x509"
for name in 'nameless1 other' 'nameless2 second'; do
    run 0 tenon sign --key "${name#* }.key" --certificate "${name% *}.crt" --form simple "$app:x509"
done
policy "$(of '*@example.org'), $(of 'a@example.org'), $(of 'b@example.org')" '"threshold": 3' >three.json
good --policy three.json "$app:x509"
policy "$(of 'a@example.org'), {\"key\": \"other.pub\"}" '"threshold": 2' >same.json
refused "1 of the 2 signers" --policy same.json "$app:x509"
good --policy policy.json "$app:x509" # the key itself is trusted

# A tag for signatures that is something else is not replaced.
push "$app:taken"
run 0 tenon image tag "$app@$one" "$app:sha256-${digest#sha256:}.sig"
run 1 tenon sign --key release.key --form simple "$app:taken"
assert_has err ".sig is there, and holds no signatures"

for place in oci-layout://taken oci-archive://taken.tar "store://$registry/team/taken"; do
    case $place in
    *.tar) tar -cf taken.tar -C taken . ;;
    *)
        run 0 tenon image copy "$app:taken" "$place:1"
        run 0 tenon image copy --no-referrers "$app@$one" "$place:sha256-${digest#sha256:}.sig"
        ;;
    esac
    run 1 tenon sign --key release.key --form simple --name "$app:taken" "$place:1"
    assert_has err ".sig is there, and holds no signatures"
done

# ---- build --sign: what is pushed, and layouts, each name; the same options
signed_build() { tenon build -q --provenance=mode=min "$@" ctx; }
echo 3 >ctx/a
run 0 signed_build -t "$app:b1" -t "$registry/team/again:b2" --push --sign release.key --metadata-file meta
digest=$(jq -r '."containerimage.digest"' meta)
good --policy policy.json "$app:b1"
assert_eq "$digest" "$(cat out)"
good --policy policy.json "$registry/team/again:b2"
run 0 signed_build -o "type=image,push=true,push-by-digest=true,name=$registry/team/app" -o "type=oci,dest=b.tar,name=$app:b3" \
    -o "type=oci,tar=false,dest=b.d,name=$app:b3" -o type=local,dest=b.files \
    --sign key=locked.key,password-file=password,certificate=leaf.crt,form=simple,each=true
for place in b.tar ./b.d; do
    good --policy ca.json --name "$app:b3" "$place"
    good --policy ca.json --name "$app:b3" --format json "$place"
    assert_eq simple "$(jq -r '.signatures | map(.form) | join(" ")' out)"
done
image=$(tenon image inspect --raw oci-layout://b.d | jq -r '.manifests[0].digest')
assert_has b.d/index.json "sha256-${image#sha256:}.sig"
run 0 signed_build -o type=oci,dest=b.tar --sign "key=release.key,name=$app:b4,form=bundle"
good --policy policy.json --name "$app:b4" --format json b.tar
assert_eq bundle "$(jq -r '.signatures | map(.form) | join(" ")' out)"
not_signed() { # REASON FLAG...: before anything is built
    reason=$1
    shift
    run 2 signed_build "$@"
    assert_has err "$reason"
}
not_signed "nothing is pushed, and no output is of type=oci" -t "$app:b5" --sign release.key
not_signed "on standard output cannot be signed" -t "$app:b5" -o type=oci --sign release.key
not_signed "what is the image in x.tar called?" -o type=oci,dest=x.tar --sign release.key
not_signed "with which key?" -t "$app:b5" --push --sign form=simple
not_signed 'unknown option "keys" (did you mean key?)' -t "$app:b5" --push --sign keys=release.key
not_signed 'form: simple, bundle or both, not "bundel"' -t "$app:b5" --push --sign key=release.key,form=bundel
not_signed "this is not its password" -t "$app:b5" --push --sign key=locked.key,password-file=release.pub
not_signed "missing.key" -t "$app:b5" --push --sign missing.key
run 1 tenon image inspect "$app:b5"
# Who can read a key signs with it; with a password that is another matter.
chmod 644 release.key locked.key
run 0 signed_build -t "$app:b1" --push --sign release.key
assert_has err "release.key: others may read this key (mode 0644)"
run 0 tenon sign --key release.key "$app:b1"
assert_has err "release.key: others may read this key"
run 0 tenon sign --key locked.key --password-file password "$app:b1"
assert_lacks err "others may read"
chmod 600 release.key locked.key
run 0 tenon sign --key release.key "$app:b1"
assert_lacks err "others may read"

# ---- names: a tag that was moved, a signature that stands beside another name
run 0 tenon image tag "$app@$one" "$app:2"
refused "it is for another name, $app:1" --policy policy.json "$app:2"
good --policy policy.json "$app@$one"
push "$app:1"
run 0 tenon image copy "$app@$one" "$registry/team/copy:1"
refused "it is for another name, $app:1" --policy policy.json "$registry/team/copy:1"
refused "the policy has no rule about $registry/else/copy" --policy policy.json --name "$registry/else/copy:1" "$registry/team/copy:1"
policy "$key" '"identity": "none"' >any.json
good --policy any.json "$registry/team/copy:1"
policy "$key" '"identity": "tag"' >tag.json
refused "the image is not called by its tag" --policy tag.json "$app@$one"

# ---- other places; signatures go along
copy() { # FROM TO
    run 0 tenon image copy "$1" "$2"
    good --policy proof.json --name "$app:1" "$2"
}
copy "$app@$one" oci-layout://good:1
copy oci-layout://good:1 oci-archive://good.tar:1
copy good.tar "store://$app:1"
copy "store://$app:1" "$registry/team/back:1"
copy "$registry/team/back:1" oci-archive://back.tar
run 1 tenon verify --policy proof.json good
assert_has err 'what should the image be?'
# Signed where they are: what was there stays.
run 0 tenon image copy --no-referrers oci-layout://good:1 oci-archive://bare.tar:1
run 0 tenon image copy --no-referrers oci-layout://good:1 oci-layout://bare:1
run 0 tenon image copy --no-referrers oci-layout://good:1 "store://$registry/team/bare:1"
for place in bare.tar bare "store://$registry/team/bare:1"; do
    refused "nobody has signed" --policy policy.json --name "$registry/team/bare:1" "$place"
    for signer in second release; do run 0 tenon sign --key $signer.key --name "$registry/team/bare:1" "$place"; done
    good --policy both.json --name "$registry/team/bare:1" "$place"
done
# A directory is not the image that it is called like.
mkdir example.org
cp -r bare example.org/app
for verb in 'sign --key release.key' 'verify --policy policy.json'; do
    run 1 tenon $verb --name "$registry/team/bare:1" example.org/app:1
    assert_has err '"example.org/app:1" is a file here'
done
good --policy both.json --name "$registry/team/bare:1" ./example.org/app:1
run 1 tenon sign --key release.key bare
assert_has err '--name NAME'
run 0 tenon build -q -t saved:1 -o type=docker,dest=saved.tar ctx
tar -xOf saved.tar manifest.json | jq -c '.[0] | [.Config, .Layers]' >before
run 0 tenon sign --key release.key --name "$app:saved" saved.tar
good --policy policy.json --name "$app:saved" saved.tar
tar -xOf saved.tar manifest.json | jq -c '.[0] | select(.RepoTags == ["docker.io/library/saved:1"]) | [.Config, .Layers]' |
    diff before - || fail "what docker load reads was changed"
# `docker save` has no place for it; a file of its own has.
python3 - saved.tar old.tar <<'END_PYTHON'
import sys, tarfile
saved, old = tarfile.open(sys.argv[1]), tarfile.open(sys.argv[2], "w")
for m in saved:
    if m.name not in ("index.json", "oci-layout"):
        old.addfile(m, saved.extractfile(m) if m.isfile() else None)
old.close()
END_PYTHON
# Of a file that is both the image and another the latter is what `docker load` takes.
run 0 tenon build -q -t saved:1 --label other=1 -o type=docker,dest=evil.tar ctx
python3 - saved.tar evil.tar both.tar <<'END_PYTHON'
import sys, tarfile
saved, evil, both = tarfile.open(sys.argv[1]), tarfile.open(sys.argv[2]), tarfile.open(sys.argv[3], "w")
for from_, m in [(saved, m) for m in saved if m.name != "manifest.json"] + [(evil, m) for m in evil]:
    if m.isfile() and m.name not in both.getnames() and (from_ is saved or m.name not in ("index.json", "oci-layout")):
        both.addfile(m, from_.extractfile(m))
both.close()
END_PYTHON
run 1 tenon verify --policy policy.json --name "$app:saved" both.tar
assert_has err 'would take something else of it'
run 1 tenon sign --key release.key --name "$app:saved" both.tar
assert_has err 'would take something else of it'
run 1 tenon sign --key release.key --name "$app:saved" old.tar
assert_has err 'has no place for signatures'
run 0 tenon sign --key release.key --name "$app:saved" --output saved.json old.tar
good --policy policy.json --name "$app:saved" --signature saved.json old.tar
refused "it is about another image, sha256:" --policy policy.json --name "$app:saved" --signature saved.json good

# ---- cheats, each with a layout of its own
cat >cheat <<'END_PYTHON'
"""cheat LAYOUT WHAT: change a layout as somebody would who has no key."""
import base64, hashlib, json, sys
layout, what = sys.argv[1:]
path = lambda digest: layout + "/blobs/" + digest.replace(":", "/")
read = lambda d: open(path(d["digest"]), "rb").read()
load = lambda d: json.loads(read(d))
def put(d, data):
    data = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
    d["digest"], d["size"] = "sha256:" + hashlib.sha256(data).hexdigest(), len(data)
    open(path(d["digest"]), "wb").write(data)
index = json.load(open(layout + "/index.json"))
name = lambda e: e.get("annotations", {}).get("org.opencontainers.image.ref.name", "")
top = next(e for e in index["manifests"] if name(e) == "1")
old = top["digest"]
tag = next(e for e in index["manifests"] if name(e) == old.replace(":", "-") + ".sig")
about = next(e for e in index["manifests"] if "artifactType" in e)
document, simple, bundled = load(top), load(tag), load(about)
only = lambda *left: [e for e in index["manifests"] if e not in left]
def change_bundle(how):
    bundle = load(bundled["layers"][0])
    how(bundle)
    put(bundled["layers"][0], bundle)
    put(about, bundled)
def envelope(how):
    def change(bundle):
        said = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
        bundle["dsseEnvelope"]["payload"] = base64.b64encode(how(said)).decode()
    change_bundle(change)
def rebuild(image):
    """A new index, and all that was beside the old one beside it."""
    put(top, document)
    tag["annotations"]["org.opencontainers.image.ref.name"] = top["digest"].replace(":", "-") + ".sig"
    bundled["subject"]["digest"], bundled["subject"]["size"] = top["digest"], top["size"]
    put(about, bundled)
image = lambda: dict(next(m for m in document["manifests"] if "annotations" not in m))
attested = next(m for m in document["manifests"] if "annotations" in m)
if what == "layer":
    open(path(load(image())["layers"][0]["digest"]), "ab").write(b"more")
elif what == "attestation":
    open(path(load(attested)["layers"][0]["digest"]), "ab").write(b" ")
elif what == "new-attestation":
    manifest = load(attested)
    put(manifest["layers"][0], read(manifest["layers"][0]).replace(b"ci.example.org", b"ci.example.com"))
    put(attested, manifest)
    rebuild(document)
elif what == "payload":
    index["manifests"] = only(about)
    put(simple["layers"][0], read(simple["layers"][0])[:-9])
    simple["layers"] = simple["layers"][:1]
    put(tag, simple)
elif what == "huge":
    index["manifests"] = only(about)
    put(simple["layers"][0], read(simple["layers"][0]) + b" " * (9 << 20))
    simple["layers"] = simple["layers"][:1]
    put(tag, simple)
elif what == "small-says-less": # the descriptor says another size than the blob has
    index["manifests"] = only(about)
    with open(path(simple["layers"][0]["digest"]), "ab") as f:
        f.truncate(9 << 20)
    simple["layers"] = simple["layers"][:1]
    put(tag, simple)
elif what == "many":
    index["manifests"] = only(about)
    bad = dict(simple["layers"][0], annotations={"dev.cosignproject.cosign/signature": "AAAA"})
    simple["layers"] = [bad] * 200 + simple["layers"]
    put(tag, simple)
elif what == "garbage":
    index["manifests"] = only(about)
    for layer in simple["layers"]:
        layer["annotations"]["dev.cosignproject.cosign/signature"] = "%%%"
    put(tag, simple)
elif what == "statement":
    index["manifests"] = only(tag)
    envelope(lambda said: json.dumps(dict(said, subject=[dict(said["subject"][0], name="x")])).encode())
elif what == "text":
    index["manifests"] = only(tag)
    put(bundled["layers"][0], b"[]")
    put(about, bundled)
elif what == "two-signatures":
    index["manifests"] = only(tag)
    change_bundle(lambda b: b["dsseEnvelope"]["signatures"].append(b["dsseEnvelope"]["signatures"][0]))
elif what == "called-a-manifest": # which would need one statement for all
    top["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
elif what == "exact": # nothing is called ":1" alone
    index["manifests"].insert(0, dict(image(), annotations={"org.opencontainers.image.ref.name": "x.test/a:1"}))
elif what == "two-of-a-name":
    index["manifests"].insert(0, dict(image(), annotations=top["annotations"]))
elif what == "artifact-of-a-name":
    index["manifests"].append(dict(image(), annotations=top["annotations"], artifactType="x/y"))
elif what == "type":
    index["manifests"] = only(tag)
    change_bundle(lambda b: b["dsseEnvelope"].update(payloadType="text/plain"))
json.dump(index, open(layout + "/index.json", "w"))
END_PYTHON
# The one signature of each form that a cheat begins with.
run 0 tenon image copy --no-referrers oci-layout://good:1 oci-layout://plain:1
run 0 tenon sign --key release.key --name "$app:1" plain
good --policy proof.json --name "$app:1" plain
while IFS='|' read -r cheat reason; do
    cp -r plain cheat.layout
    python3 cheat cheat.layout "$cheat" || fail "cheat $cheat"
    refused "$reason" --policy proof.json --name "$app:1" cheat.layout:1
    rm -r cheat.layout
done <<'END'
layer|is something else
attestation|has the digest
new-attestation|it is about another image, sha256:
payload|it was made with another key than the policy's, or of something else
huge|a document of 94
small-says-less|more than 8388608 bytes
many|more than 128: the rest was not looked at
garbage|is not base64
statement|it says that it is of release.pub, and what is signed is something else
text|no object around
two-signatures|an envelope with 2 signatures
type|a payload of type "text/plain"
called-a-manifest|and is something else
two-of-a-name|several images are called "1"
artifact-of-a-name|several images are called "1"
END

# What is called just that comes before what ends with it.
cp -r plain exact
python3 cheat exact exact
good --policy proof.json --name "$app:1" exact:1

# ---- signatures that others made: as cosign does, without a tag, and without any name
cat >foreign <<'END_PYTHON'
"""foreign LAYOUT KEY WHAT [NAME [CERTIFICATE]]: sign with openssl what cosign would; $CLAIM is what it
calls itself, $BESIDE is another subject."""
import base64, hashlib, json, os, subprocess, sys
layout, key, what = sys.argv[1:4]
def put(data, kind, **more):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    name = hashlib.sha256(data).hexdigest()
    open(layout + "/blobs/sha256/" + name, "wb").write(data)
    return dict(more, mediaType=kind, digest="sha256:" + name, size=len(data))
sign = lambda data: base64.b64encode(subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=data,
    stdout=subprocess.PIPE, check=True).stdout).decode()
index = json.load(open(layout + "/index.json"))
top = next(e for e in index["manifests"] if e.get("annotations", {}).get("org.opencontainers.image.ref.name") == "1")
oci = "application/vnd.oci."
def manifest(layer, **more):
    config = put({}, more.pop("config"))
    return put(dict(more, schemaVersion=2, mediaType=oci + "image.manifest.v1+json", config=config, layers=[layer]),
        oci + "image.manifest.v1+json")
if what == "simple":
    payload = json.dumps({"critical": {"identity": {"docker-reference": sys.argv[4]},
        "image": {"docker-manifest-digest": top["digest"]}, "type": os.environ.get("CLAIM", "cosign container image signature")}, "optional": None}).encode()
    entry = manifest(put(payload, "application/vnd.dev.cosign.simplesigning.v1+json",
        annotations=dict({"dev.sigstore.cosign/certificate": open(c).read() for c in sys.argv[5:]},
            **{"dev.cosignproject.cosign/signature": sign(payload)})), config=oci + "image.config.v1+json")
    entry["annotations"] = {"org.opencontainers.image.ref.name": top["digest"].replace(":", "-") + ".sig"}
else:
    # what: the predicate's type; its builder is the next argument
    predicate = {"runDetails": {"builder": {"id": sys.argv[4]}}} if len(sys.argv) > 4 else {}
    subjects = [{"digest": {"sha256": top["digest"][7:]}}] + json.loads("[" + os.environ.get("BESIDE", "") + "]")
    payload = json.dumps({"_type": os.environ.get("CLAIM", "https://in-toto.io/Statement/v1"), "subject": subjects,
        "predicateType": what, "predicate": predicate}).encode()
    kind = b"application/vnd.in-toto+json"
    bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
    entry = manifest(put({"mediaType": bundle, "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []},
        "dsseEnvelope": {"payload": base64.b64encode(payload).decode(), "payloadType": kind.decode(),
            "signatures": [{"sig": sign(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))}]}}, bundle),
        config=oci + "empty.v1+json", artifactType=bundle, subject=top)
    entry["artifactType"] = bundle
index["manifests"].append(entry)
json.dump(index, open(layout + "/index.json", "w"))
END_PYTHON
signed=https://sigstore.dev/cosign/sign/v1 slsa=https://slsa.dev/provenance/v1
others() { # LAYOUT: an image that nobody has signed
    rm -rf "$1"
    run 0 tenon image copy --no-referrers --platform linux/amd64 oci-layout://good:1 "oci-layout://$1:1"
}
others theirs
python3 foreign theirs release.key simple "$app"
good --policy policy.json --name "$app:1" theirs
refused "it does not say the tag" --policy tag.json --name "$app:1" theirs
refused "it is for another name, $app" --policy policy.json --name "$registry/team/else:1" theirs
others theirs
python3 foreign theirs release.key $signed
refused "it does not say what the image is called" --policy policy.json --name "$app:1" theirs
good --policy any.json --name "$app:1" theirs
# Of several subjects it is not known whose name one has; and a key signs other things, too.
others theirs
BESIDE='{"name": "'$app:1'", "digest": {"sha256": "'$(printf %064d 0)'"}}' python3 foreign theirs release.key $signed
refused "it does not say what the image is called" --policy policy.json --name "$app:1" theirs
others theirs
CLAIM=contract python3 foreign theirs release.key simple "$app:1"
refused 'a payload of type "contract"' --policy policy.json --name "$app:1" theirs
others theirs
CLAIM=contract python3 foreign theirs release.key $signed
refused 'a statement of type "contract"' --policy any.json --name "$app:1" theirs
# A certificate is not a secret.
others theirs
python3 foreign theirs other.key simple "$app:1" leaf.crt
refused "its certificate is not for the key that made it" --policy ca.json --name "$app:1" theirs
# What attests to an image has not signed it; who has not signed attests to nothing.
others theirs
python3 foreign theirs release.key $slsa https://ci.example.org/2
refused "nobody has signed" --policy policy.json --name "$app:1" theirs
python3 foreign theirs release.key simple "$app:1"
good --policy proof.json --name "$app:1" theirs
assert_has err "attested $slsa by https://ci.example.org/2"
assert_has err ", signed by release.pub"
others theirs
python3 foreign theirs release.key simple "$app:1"
refused "nothing of the kind \"$slsa\" attests to sha256:" --policy proof.json --name "$app:1" theirs
python3 foreign theirs release.key $slsa https://ci.example.com/2
refused 'the builder is "https://ci.example.com/2", not "https://ci.example.org/*"' --policy proof.json --name "$app:1" theirs
python3 foreign theirs other.key $slsa https://ci.example.org/2
refused 'the builder is "https://ci.example.com/2"' --policy proof.json --name "$app:1" theirs
# Who signs an index in which a statement is about another image.
cp -r plain wrong
python3 - wrong <<'END_PYTHON'
import hashlib, json, sys
layout = sys.argv[1]
path = lambda d: layout + "/blobs/" + d["digest"].replace(":", "/")
def put(d, data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    d["digest"], d["size"] = "sha256:" + hashlib.sha256(data).hexdigest(), len(data)
    open(path(d), "wb").write(data)
index = json.load(open(layout + "/index.json"))
top = index["manifests"][0]
document = json.load(open(path(top)))
attested = next(m for m in document["manifests"] if "annotations" in m)
manifest = json.load(open(path(attested)))
statement = json.load(open(path(manifest["layers"][0])))
for s in statement["subject"]:
    s["digest"]["sha256"] = "0" * 64
put(manifest["layers"][0], statement)
put(attested, manifest)
put(top, document)
index["manifests"] = [top]
json.dump(index, open(layout + "/index.json", "w"))
END_PYTHON
run 0 tenon sign --key release.key --name "$app:1" wrong
good --policy policy.json --name "$app:1" wrong
refused "it is about another image" --policy proof.json --name "$app:1" wrong

# ---- usage, keys and policies that cannot be understood
run 2 tenon sign "$app:1"
run 2 tenon sign --key release.key --form both,simple "$app:1"
run 2 tenon verify "$app:1"
for bad in 'locked.key|is encrypted' 'release.pub|not a private key' 'ctx/a|not a private key'; do
    run 1 setsid -w "$abs_top_builddir/tenon-dev" --root "$store" sign --key "${bad%%|*}" "$app:1" </dev/null
    assert_has err "${bad#*|}"
done
printf 'loud\n' >password
run 1 tenon sign --key locked.key --password-file password "$app:1"
assert_has err "this is not its password"
assert_lacks err loud
while IFS='|' read -r text reason; do
    printf '%s' "$text" >bad.json
    run 2 tenon verify --policy bad.json "$app:1"
    assert_has err "$reason"
done <<'END'
{"images": [{"names": ["r.test/b"], "signers": [{"key": "release.pub"}], "treshold": 2}]}|unknown member "treshold" (did you mean threshold?)
{"images": [{"names": ["r.test/b"]}]}|images[0]: no "signers"
{"images": [{"signers": [{"key": "release.pub"}]}]}|images[0]: no "names"
{"images": [{"names": ["alpine"], "signers": [{"key": "release.pub"}]}]}|"alpine" is no whole name
{"images": [{"names": ["r.test/b"], "signers": [{"key": "release.key"}]}]}|a private key where its public half is meant
{"images": [{"names": ["r.test/b"], "signers": [{"authorities": "root.crt"}]}]}|without the "subject"
{"images": [{"names": ["r.test/b"], "signers": [{"key": "release.pub", "subject": "x"}]}]}|a key has no subject
{"images": [{"names": ["r.test/b"], "signers": [{"key": "none.pub"}]}]}|open "none.pub"
{"images": [{"names": ["r.test/b"], "signers": [{"key": "p384.key"}]}]}|a private key
{"images": [{"names": ["r.test/b"], "signers": [{"key": "release.pub"}], "threshold": 2}]}|"threshold" is at least 1
{"images": [{"names": ["r.test/b"], "signers": [{"key": "release.pub"}], "identity": "all"}]}|"identity" is repository, tag or none
{"images": [{"names": ["r.test/b"], "signers": [{"key": "release.pub"}], "attestations": [{}]}]}|attestations[0]: no "predicate"
{"images": [{"names": ["Example.org/a"], "signers": [{"key": "release.pub"}]}]}|registries are named in small letters
{"images": [{"names": ["example.ORG/*"], "signers": [{"key": "release.pub"}]}]}|registries are named in small letters
{"images": [{"names": ["index.docker.io/library/*"], "signers": [{"key": "release.pub"}]}]}|hint: docker.io/library/*
{"images": [{"names": ["example.org:443/a"], "signers": [{"key": "release.pub"}]}]}|hint: example.org/a
{"images": [{"names": ["team/*"], "signers": [{"key": "release.pub"}]}]}|hint: docker.io/team/*
{"images": [{"names": ["example.org/A"], "signers": [{"key": "release.pub"}]}]}|is no name of images
{"images": [{"names": ["r.test/b"], "signers": [{"key": "release.pub"}], "threshold": null}]}|"threshold" is null
{"images": [{"names": ["r.test/b"], "signers": [{"key": "release.pub"}], "threshold": 1, "threshold": 1}]}|a member is there twice
{"images": [], "images": []}|a member is there twice
{"rules": []}|unknown member "rules"
[]|not an object
END
