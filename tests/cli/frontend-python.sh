#!/bin/sh
# A frontend with another gRPC and other messages than ours: it asks for everything, and makes
# every mistake that has an answer.
. "$(dirname "$0")/lib.sh"
need jq docker-registry
need_root
[ -e "$abs_top_builddir/.libs/frontend-gateway.so" ] || skip "needs the plugin frontend-gateway"
/usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null || skip "needs python3-grpcio, python3-protobuf"
start_registry </dev/null
image=$registry/team/python:1

mkdir -p "$work/image" "$work/context"
cp "$abs_top_srcdir/tests/gateway/frontend.py" "$work/image/frontend"
/usr/bin/python3 "$work/image/frontend" files "$work/image/files.tar"
python=$(readlink -f /usr/bin/python3)
cat >"$work/image/Dockerfile" <<END
FROM scratch
ADD files.tar /
COPY frontend /frontend
ENTRYPOINT ["$python", "/frontend"]
ENV PYTHONDONTWRITEBYTECODE=1
LABEL moby.buildkit.frontend.network.none=true
END
run 0 tenon build -o type=registry,compression=uncompressed -t "$image" "$work/image"

cd "$work/context"
echo hello >hello
echo more >helm
ln -s hello link
printf '# syntax=%s\n' "$image" >Dockerfile
printf 'FROM scratch\nCOPY hello /dir/hello\n' >Real.Dockerfile
printf 'FROM scratch\nCOPPY hello /\n' >Wrong.Dockerfile

echo "-- every method, and every error"
run 0 tenon -D build --progress=plain,detail=short -o out .
! grep "frontend: WRONG\|frontend: Traceback" "$work/err" || fail "see above"
assert_eq hello "$(cat out/dir/hello)"
# What it says that it did; a part that was left out would be missed here.
sed -n 's/.*frontend: ok \([A-Z][A-Za-z]*\).*/\1/p' "$work/err" | sort | uniq -c | sort -k2 >"$work/said"
for method in Ping Inputs Solve Evaluate ReadFile ReadDir StatFile ResolveSourceMeta \
    ResolveImageConfig Warn Return Health NewContainer ExecProcess ReadFileContainer ReleaseContainer; do
    grep -q " $method\$" "$work/said" || { cat "$work/said"; fail "$method was not called"; }
done
[ "$(grep -c 'frontend: ok ' "$work/err")" -ge 70 ] || { cat "$work/said"; fail "it did not do all"; }
assert_has "$work/err" "Python warns"
assert_has "$work/err" "make some files"
assert_has "$work/err" "look for it"

echo "-- in the way of 2018"
run 0 tenon -D build --progress=plain,detail=short --build-arg DO=old -o type=oci,dest=image.tar .
assert_has "$work/err" "frontend: ok Solve: the last one"
mkdir oci
tar -C oci -xf image.tar
manifest=$(jq -r '.manifests[0].digest' oci/index.json)
config=$(jq -r .config.digest "oci/blobs/sha256/${manifest#sha256:}")
jq -e '.config.Env | index("OF=2018")' "oci/blobs/sha256/${config#sha256:}" >/dev/null ||
    fail "not its configuration"
layer=$(jq -r '.layers[0].digest' "oci/blobs/sha256/${manifest#sha256:}")
tar -tf "oci/blobs/sha256/${layer#sha256:}" | sort | tr '\n' ' ' >"$work/names"
assert_eq "hello helm " "$(cat "$work/names")"

echo "-- what it fails with"
run 1 tenon -D build --progress=plain,detail=short --build-arg DO=fail .
assert_has "$work/err" "$image: python says no"
assert_has "$work/err" ">>> two"
