#!/bin/sh
# What can be known before the first step is said before it: with status 2, in one line that
# names what is wrong, and nothing was run, written, kept or sent.
. "$(dirname "$0")/lib.sh"
need jq python3
context=$work/context
mkdir "$context" "$work/dir" "$work/here"
printf 'FROM scratch\nCOPY file /file\n' >"$context/Dockerfile"
echo file >"$context/file"
echo file >"$work/file"
cd "$work/here"
ln -s "$work/dir" to-dir
ln -s nowhere/at/all dangling
tried=0

# no TEXT FLAG...: refused, and TEXT is said.
no() {
    text=$1
    shift
    run 2 tenon build "$@" "$context" </dev/null
    assert_has "$work/err" "$text"
    ! grep -q '^#' "$work/err" || { cat "$work/err" >&2; fail "something was run: $*"; }
    [ ! -s "$work/out" ] || fail "on standard output: $*"
    assert_eq "dangling
to-dir" "$(ls)"
    assert_eq "" "$(ls "$work/dir")"
    tried=$((tried + 1))
}
yes() { run 0 tenon build "$@" "$context" </dev/null; tried=$((tried + 1)); }

# ---- names ------------------------------------------------------------------------------
for tag in UPPER/Case a:b:c 'bad tag' '' a/ /a a//b a: a:-x a..b example.org/UP:1 \
    "$(printf %0129d 1 | sed 's/^/a:/')" "$(printf %0300d 1)" a@sha256:12; do
    no "invalid tag \"$tag\"" -t "$tag"
    no "invalid tag \"$tag\"" -t good -t "$tag" -o type=cacheonly
    [ -n "$tag" ] || continue
    no "output type image" -o "type=image,name=$tag"
    no "output type oci" -o "type=oci,name=$tag,dest=x.tar"
done
no "repository name" -t MyApp
no "tag is needed when pushing" --push
no "tag is needed when pushing" -o type=registry
no "tag is needed when pushing" -o type=image,push=true
no "tag is needed when pushing" -o type=cacheonly --push
no "can't push tagged ref" -o type=image,name=127.0.0.1:1/a:b,push=true,push-by-digest=true
no "can't push tagged ref" -t 127.0.0.1:1/a:b -o type=registry,push-by-digest=true

# ---- where it goes -------------------------------------------------------------------------
for type in tar oci docker; do
    no "is a directory, expected a file" -o "type=$type,dest=$work/dir"
    no "is a directory, expected a file" -o type=$type,dest=to-dir
    no "is a directory, expected a file" -o type=$type,dest=new/
    no "is not a directory" -o "type=$type,dest=$work/file/x"
    no "is not a directory" -o "type=$type,dest=$work/file/x/y.tar"
    no "File name too long" -o "type=$type,dest=$(printf %0256d 1)"
    no "would be written twice" -o type=$type,dest=x -o type=tar,dest=x
    no "would be written twice" -o type=$type,dest=x -o type=oci,dest=new/../x
    no "multiple outputs" -o - -o type=$type,dest=-
done
no "dest is missing" -o type=oci,tar=false
no "dest is missing" -o type=docker,tar=false
export DOCKER_HOST="unix://$work/no-engine"
no "start docker, or podman's service" -o type=docker
no "start docker, or podman's service" --load
unset DOCKER_HOST
no '"dest" is missing' -o type=local
no '"dest" is missing' -o type=local,dest=
for o in local,dest=- oci,tar=false,dest=- docker,tar=false,dest=-; do no "standard output" -o "type=$o"; done
for o in local oci,tar=false docker,tar=false; do
    no "is a file, expected a directory" -o "type=$o,dest=$work/file"
    no "is not a directory" -o "type=$o,dest=$work/file/x"
done
no "is a file, expected a directory" -o "$work/file"
no "is a file, expected a directory" --cache-to "type=local,dest=$work/file"
no "is not a directory" --cache-to "type=local,dest=$work/file/x"
no "requires dest" --cache-to type=local
no "dest is missing" --cache-to type=local,dest=
no "No such file" -o dangling
if [ "$(id -u)" = 0 ]; then
    # Read-only for root, too.
    python3 - "$work/ro" <<'END_PYTHON' || not_tried "places that cannot be written to: no mount"
import ctypes, os, sys
os.mkdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(libc.mount(b"none", sys.argv[1].encode(), b"tmpfs", 1, b"") != 0)
END_PYTHON
    end_ro() { umount "$work/ro" 2>/dev/null || :; }
    at_exit="$at_exit end_ro"
fi
if grep -q " $work/ro " /proc/mounts; then
    for type in tar oci docker; do
        no "Read-only file system" -o "type=$type,dest=$work/ro/x.tar"
        no "Read-only file system" -o "type=$type,dest=$work/ro/deep/er/x.tar"
    done
    no "Read-only file system" -o "$work/ro"
    no "Read-only file system" -o "$work/ro/x"
    no "Read-only file system" --cache-to "type=local,dest=$work/ro/x"
    no "Read-only file system" --iidfile "$work/ro/x"
    no "Read-only file system" --metadata-file "$work/ro/x"
fi

# Trees of the kernel say that they can be written to, and take nothing.
if [ "$(id -u)" = 0 ]; then
    for place in /proc /proc/self /proc/self/fd; do
        for type in tar oci docker; do
            no "destination \"$place/z.tar\": " -o "type=$type,dest=$place/z.tar"
            no "destination \"$place/z/z.tar\": " -o "type=$type,dest=$place/z/z.tar"
        done
        for o in local oci,tar=false docker,tar=false; do
            no "destination \"$place/z\": " -o "type=$o,dest=$place/z"
            no "destination \"$place\": " -o "type=$o,dest=$place"
        done
        no "destination \"$place/z\": " --cache-to "type=local,dest=$place/z"
        no "destination \"$place/z\": " --iidfile $place/z
        no "destination \"$place/z\": " --metadata-file $place/z
    done
fi

# To a terminal: standard output alone, the rest goes elsewhere.
for o in - type=tar type=oci type=docker,dest=- type=tar,dest=-; do
    python3 - "$work/err" "$abs_top_builddir/tenon-dev" --root "$store" build -o "$o" "$context" <<'END_PYTHON' ||
import os, pty, subprocess, sys
terminal, ours = pty.openpty()
with open(sys.argv[1], "wb") as err:
    status = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=ours, stderr=err, timeout=120).returncode
sys.exit(status != 2 and "status %d" % status)
END_PYTHON
        fail "-o $o to a terminal"
    assert_has "$work/err" "refusing to write to console"
    ! grep -q '^#' "$work/err" || fail "something was run: -o $o"
    tried=$((tried + 1))
done

# What else is in a directory is removed below the current one, and elsewhere by permission.
for dest in "$work/dir" . .. / ../here to-dir "$work"; do
    no "requires --allow=buildx.local.delete" -o "type=local,mode=delete,dest=$dest"
done
mkdir mine
touch mine/stray "$work/dir/stray"
yes -o type=local,mode=delete,dest=mine
assert_eq file "$(ls mine)"
yes --allow buildx.local.delete -o "type=local,mode=delete,dest=$work/dir"
assert_eq file "$(ls "$work/dir")"
touch mine/stray
yes -o mine
assert_file mine/stray
rm -r mine "$work/dir/file"

# ---- what tells of it ------------------------------------------------------------------------
for flag in --iidfile --metadata-file; do
    no "no such directory" $flag none/x
    no "no such directory" $flag "$work/none/deep/x" -o "type=oci,dest=$work/none/x"
    no "is a directory, expected a file" $flag "$work/dir"
    no "is not a directory" $flag "$work/file/x"
    no "would be written twice" $flag same -o type=oci,dest=same
done
no "would be written twice" --iidfile same --metadata-file same
no "cannot use --iidfile" --iidfile x -o tree
# A directory that an output makes is there by then.
yes -o type=oci,dest=new/deep/a.tar --iidfile new/iid --metadata-file new/deep/meta
grep -q '^sha256:' new/iid || fail "no id in a directory that an output made"
jq -e . new/deep/meta >/dev/null || fail "no metadata in a directory that an output made"
yes -o new/tree --metadata-file new/tree/meta -o type=oci,dest=x.oci
rm -r new x.oci

# ---- attributes ------------------------------------------------------------------------------
no "(did you mean oci?)" -o type=ocii,dest=x
no "(did you mean registry?)" -o type=registri
no "there are: cacheonly, docker, image, local, oci, registry, tar" -o type=nonsense
no "type is required" -o dest=x
no "type is required" -o NAME=x
no "type is required" -o type=
no "type is required" -o dest=x,type=
no "type is required for --cache-to" --cache-to type=
no "type is required for --cache-from" --cache-from type=,src=x
no "type is required" -o push=true,name=x
# Empty members are shown as such, wherever a value is a list.
for list in , ,, type=local, ,type=local type=local,,dest=x ,dest=x; do
    no "invalid value \"\" in output \"$list\": expected KEY=VALUE" -o "$list"
    no "invalid value \"\" in --cache-to \"$list\": expected KEY=VALUE" --cache-to "$list"
    no "invalid value \"\" in --cache-from \"$list\": expected KEY=VALUE" --cache-from "$list"
    no "--policy: invalid value \"" --policy "$list"
    no "--ulimit: invalid ulimit" --ulimit "$list"
    no "unknown method \"\"" --call ",$list"
    no "invalid progress mode \",$list\"" --progress ",$list"
    no "--platform: invalid platform \"" --platform "$list"
done
no 'invalid value "" in --secret "id=x,": expected KEY=VALUE' --secret id=x,
no 'invalid value "" in --secret ",": expected KEY=VALUE' --secret ,
no 'invalid value "x" in output "type=local,x": expected KEY=VALUE' -o type=local,x
no 'invalid value "x" in --cache-to "type=local,x": expected KEY=VALUE' --cache-to type=local,x
no 'invalid annotation ",", expected KEY=VALUE' --annotation ,
no 'invalid ulimit argument: ""' --ulimit ''
no 'invalid build context: ","' --build-context ,
no 'invalid host ","' --add-host ,
no 'invalid label ""' --label ''
no 'invalid label "=x"' --label =x
no 'invalid build argument ""' --build-arg ''
no 'invalid value "" for --platform' --platform ''
no '--policy: invalid value ""' --policy ''
no 'invalid resource ""' --resource ''
no 'invalid --shm-size ""' --shm-size ''
# Of these an empty value is as good as none: so it is with buildx, and scripts have unset variables.
set --
for flag in output cache-from cache-to secret ssh call progress no-cache-filter add-host build-context \
    allow annotation network target file cgroup-parent iidfile metadata-file provenance sbom builder; do
    set -- "$@" "--$flag="
done
yes "$@"
yes -o '' -f ''
yes --target nonsense --target ''
yes --network nonsense --network '' --output '' --iidfile "$work/dir" --iidfile ''
for type in tar oci docker local image; do
    no "unknown option" -o type=$type,dest=x,nonsense=1
    no "source-date-epoch" -o type=$type,source-date-epoch=abc,"$(case $type in image) echo push=false ;; *) echo dest=x ;; esac)"
done
for type in oci,dest=x docker,dest=x image; do
    no "compression" -o "type=$type,compression=lzma"
    no "\"compression=estargz\" conflicts with \"oci-mediatypes=false\"" \
        -o "type=$type,compression=estargz,oci-mediatypes=false"
    no "compression level 15" -o "type=$type,compression-level=15"
    no "compression-level" -o "type=$type,compression=zstd,compression-level=23"
    no "oci-mediatypes" -o "type=$type,oci-mediatypes=perhaps"
    no "annotation" -o "type=$type,annotation-nonsense.a=b"
    no "index annotations not supported" -o "type=$type,annotation-index.a=b"
    no "index annotations not supported" -o "type=$type" --annotation index:a=b
done
no "invalid value" -o type=oci,dest=x,tar=perhaps
no "invalid value" -o type=local,dest=x,mode=move
no "invalid value" -o type=image,push=perhaps
no "platform-split" -o type=tar,dest=x,platform-split=2
for a in novalue :a=b x:a=b index[:a=b 'manifest[no/such/plat/form]:a=b' org.x.url:http=1; do
    no "annotation" --annotation "$a"
done
no "does not currently support exporting manifest lists" --platform linux/amd64,linux/arm64 -o type=docker,dest=x
no "unknown cache type" --cache-to type=nonsense
no "(did you mean local?)" --cache-from type=loca,src=x
no "no JSON Web Token" --cache-to type=gha,url=http://127.0.0.1:1,token=x
no "unknown option" --cache-to type=local,dest=x,nonsense=1
no "compression" --cache-to type=local,dest=x,compression=estargz
no "compression level" --cache-to type=local,dest=x,compression-level=15
no "mode" --cache-to type=local,dest=x,mode=med

# ---- other flags -------------------------------------------------------------------------------
no "(did you mean plain?)" --progress=plan
no "(did you mean rawjson?)" --progress=rawjsn
no "there are: auto, json, none, plain, quiet, rawjson, tty" --progress=nonsense
no "detail" --progress=plain,detail=some
no "(did you mean --output?)" --outptu x
for limit in nofile nofile= =1 files=1 nofile=x nofile=2:1 nofile=1:2:3; do
    no "--ulimit: " --ulimit "$limit"
done
for platform in nonsense linux/amd64/v1/x 'a b' linux/ /amd64 linux/amd64,//; do
    no "--platform: invalid platform" --platform "$platform"
done
no "--platform: invalid platform" --platform linux/amd64 --platform nonsense
for host in a a: :1.2.3.4 a:nonsense a:1.2.3 a:300.1.1.1; do no "invalid host" --add-host "$host"; done
DOCKER_DEFAULT_PLATFORM=nonsense
export DOCKER_DEFAULT_PLATFORM
no "DOCKER_DEFAULT_PLATFORM: "
unset DOCKER_DEFAULT_PLATFORM
no 'network mode "bridge" not supported' --network bridge
no 'invalid --shm-size "much"' --shm-size much
no 'invalid resource "nonsense=1"' --resource nonsense=1
no 'invalid value for memory: "much"' --memory much
no 'unknown method "nonsense"' --call=nonsense
no "unexpected key" --secret id=x,nonsense=1
no "failed to stat none" --secret id=x,src=none
no "--ssh default=none: stat none" --ssh default=none
no 'invalid build context: "nothing"' --build-context nothing
no "not found" --build-context x=none
no "OCI layout none" --build-context x=oci-layout://none
no "open none/Dockerfile" -f none/Dockerfile
no "open none" -f none
# A name that is nearly one: beside it, or in the context.
mkdir near "near/sub dir"
printf 'FROM scratch\n' >near/Dockerfile.prod
cp near/Dockerfile.prod near/Containerfile
cp near/Dockerfile.prod "near/sub dir/other.dockerfile"
mkdir near/Dockerfilee # no file
absent() { # NAME MEANT FLAG...: NAME is not there, MEANT is (none: nothing like it)
    meant=$2
    said="failed to read dockerfile: open $1: No such file or directory"
    shift 2
    run 2 tenon build "$@" </dev/null
    [ "$meant" = none ] || said="$said (did you mean $meant?)"
    grep -qF "$said" "$work/err" || fail "\"$said\" was not said: $(cat "$work/err")"
    [ "$meant" != none ] || assert_lacks "$work/err" "did you mean"
    tried=$((tried + 1))
}
absent near/Dockerfile.prd near/Dockerfile.prod -f near/Dockerfile.prd near
absent ./near/dockerfile.prod near/Dockerfile.prod -f ./near/dockerfile.prod near
absent near/Containerfil near/Containerfile -f near/Containerfil "$context"
absent Containerfile near/Containerfile -f Containerfile near
absent "sub dir/other.dockerfile" "near/sub dir/other.dockerfile" -f "sub dir/other.dockerfile" near
absent "near/sub dir/othr.dockerfile" "near/sub dir/other.dockerfile" -f "near/sub dir/othr.dockerfile" .
absent near/Nothing none -f near/Nothing near
absent nowhere/Dockerfile.prod none -f nowhere/Dockerfile.prod near
absent "$PWD/near/Dockerfile.rod" "$PWD/near/Dockerfile.prod" -f "$PWD/near/Dockerfile.rod" \
    https://127.0.0.1:1/x.git
mv near/Dockerfile.prod near/Dockerfle
absent Dockerfile near/Dockerfle near
rm -r near
no "buildx.local.delete does not accept a value" --allow buildx.local.delete=true
no "attestation type not specified" --attest mode=max
no "invalid value max" --attest max
run 2 tenon build none
assert_has "$work/err" "not found"
run 2 tenon build "$work/file"
assert_has "$work/err" "is not a directory"

# Nothing was kept, either.
run 0 tenon images -q
assert_eq "" "$(cat "$work/out")"
[ $tried -ge 200 ] || fail "only $tried tried"
