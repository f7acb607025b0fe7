#!/bin/sh
# tenon serve, by a client that has another gRPC and other messages than ours: it asks for what
# there is, for what there is not, makes every mistake that has an answer, and goes away.
. "$(dirname "$0")/lib.sh"
need_root
tenon serve --help >/dev/null 2>&1 || skip "needs libnghttp2"
/usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null || skip "needs python3-grpcio, python3-protobuf"
client=$abs_top_srcdir/tests/gateway/client.py
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

mkdir -p "$work/context"
cd "$work/context"
echo hello >hello
chmod 640 hello
touch -d '2020-01-02 03:04:05.123456789Z' hello
ln -s hello link
touch set
chmod 6755 set
mkdir -m 1777 sticky
mkfifo -m 666 pipe
head -c 1048576 /dev/zero >large
echo no >ignored
echo ignored >.dockerignore
cp "$(readlink -f "$(command -v busybox)")" busybox
cat >Dockerfile <<'END'
FROM scratch AS base
COPY busybox /bin/sh
COPY busybox /bin/cat
COPY busybox /bin/sleep
FROM base AS bad
RUN exit 3
FROM base AS secretive
RUN --mount=type=secret,id=absent,required cat /run/secrets/absent
FROM base AS huge
RUN --mount=type=secret,id=huge,required true
FROM base AS anybody
USER 65534
RUN --mount=type=bind,target=/src cat /src/Dockerfile
FROM base AS slow
RUN echo begun; sleep 98765
FROM base AS made
COPY busybox /bin/ln
WORKDIR /kept
RUN --mount=type=secret,id=tok echo out here; echo err here >&2; cat /run/secrets/tok >/secret; \
    echo one >one; ln one two
FROM example.invalid/x AS laid
FROM laid AS chained
COPY busybox /again
FROM scratch
COPY . /dir
COPY --from=made /secret /secret
COPY --from=made /kept /kept
END
cd "$work"

echo "-- a socket for its owner"
run 1 tenon serve --addr "unix://$work/none/socket"
assert_has "$work/err" "listen on $work/none/socket"
run 1 tenon serve --addr tcp://127.0.0.1:0
assert_has "$work/err" "it needs an authority"
run 2 tenon serve --idle never
run 2 tenon serve --allow-insecure-entitlement all
run 1 tenon serve --mode 1777 --addr "unix://$work/s"
assert_has "$work/err" "expected rights as 0660"
run 1 tenon serve --group nobody-has-this --addr "unix://$work/s"
assert_has "$work/err" "there is no such group"
run 2 tenon serve --stdio --addr "unix://$work/s"
[ ! -e "$work/s" ] || fail "a socket that nobody serves"
mkdir "$work/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=127.0.0.1 \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$work/tls/key.pem" -out "$work/tls/ca.pem" 2>/dev/null
cp "$work/tls/ca.pem" "$work/tls/cert.pem"
cat >"$work/serve.json" <<END
{"serve": {"addresses": ["unix://$work/s", "tcp://127.0.0.1:0"], "group": "4321", "mode": "0620",
           "tls": {"ca": "$work/tls/ca.pem", "cert": "$work/tls/cert.pem", "key": "$work/tls/key.pem"}}}
END
"$abs_top_builddir/tenon-dev" --config "$work/serve.json" --root "$store" serve \
    --allow-insecure-entitlement network.host >"$work/serve.out" 2>"$work/serve.err" &
server=$!
remember $server
await "the server" grep -q "serving at tcp:" "$work/serve.err"
assert_eq "srw--w---- 4321" "$(stat -c '%A %g' "$work/s")"
run 1 tenon serve --addr "unix://$work/s"
assert_has "$work/err" "in use"

echo "-- TLS, and a socket that was there"
port=$(sed -n 's/.*serving at tcp:\/\/127.0.0.1://p' "$work/serve.err")
run 0 /usr/bin/python3 "$client" tls "127.0.0.1:$port" "$work/tls"
! grep "^WRONG\|^Traceback" "$work/err" || { cat "$work/err"; fail "see above"; }
assert_has "$work/err" "ok TLS without a certificate"
assert_has "$work/serve.err" " is CN=127.0.0.1 (sha256:"
assert_has "$work/serve.err" " is refused: "
started_by=$(sed -n 's,^ExecStart=/[^ ]*/tenon ,,p' "$abs_top_builddir/serve/systemd/tenon.service")
assert_eq "serve --addr fd:// --idle 10m" "$started_by"
run 0 /usr/bin/python3 "$client" activated "$work" "$abs_top_builddir/tenon-dev" --root "$store" $started_by
! grep "^WRONG\|^Traceback" "$work/err" || { cat "$work/err"; fail "see above"; }
assert_has "$work/err" "ok whose socket it is"

echo "-- as buildkitd, with buildctl"
ln -s "$abs_top_builddir/tenon-dev" "$work/buildkitd"
ln -s "$abs_top_builddir/tenon-dev" "$work/buildctl"
mkdir "$work/machine" "$work/cdi"
cat >"$work/cdi/dev.json" <<'END'
{"cdiVersion": "0.6.0", "kind": "vendor.com/dev",
 "annotations": {"org.mobyproject.buildkit.device.autoallow": "true", "is": "all"},
 "devices": [{"name": "b"}, {"name": "a", "annotations": {"is": "own"}}]}
END
echo '{"zone":"a","racks":[1,2]}' >"$work/machine/10.json"
echo '{"zone":"b"}' >"$work/machine/20.json"
cat >"$work/buildkitd.toml" <<END
root = "$store"
provenanceEnvDir = "$work/machine"
[grpc]
  address = ["unix://$work/not-there/because-of-the-flag"]
  gid = 4321
[worker.oci]
  max-paralelism = 3
[registry."docker.io"]
  mirrors = ["127.0.0.1:1"]
END
run 0 "$work/buildkitd" --version
assert_eq 4 "$(wc -w <"$work/out")" # or buildx ls has an error in the place of a version
# What drivers of buildx start: docker-container's flags, and those of rootless pods.
"$work/buildkitd" --allow-insecure-entitlement=network.host --oci-worker-no-process-sandbox \
    --oci-worker-selinux --oci-worker=true --containerd-worker=false --oci-worker-gc=false --oci-worker-labels=a=b \
    --cdi-spec-dir "$work/cdi" \
    --config "$work/buildkitd.toml" -addr "unix://$work/b" >"$work/buildkitd.out" 2>"$work/buildkitd.err" &
buildkitd=$!
remember $buildkitd
await "buildkitd" grep -q "serving at" "$work/buildkitd.err"
assert_eq "srw-rw---- 4321" "$(stat -c '%A %g' "$work/b")"
assert_has "$work/buildkitd.err" "worker.oci.selinux: not understood, and not obeyed"
assert_has "$work/buildkitd.err" "max-paralelism: not understood, and not obeyed (did you mean worker.oci.max-parallelism?)"
run 0 /usr/bin/python3 "$client" machine "unix://$work/b" '"zone":"b"' '"racks":[1,2]'
! grep "^WRONG\|^Traceback" "$work/err" || { cat "$work/err"; fail "see above"; }
run 0 "$work/buildctl" --addr "unix://$work/b" debug workers
assert_eq "ID	PLATFORMS" "$(head -1 "$work/out")"
run 0 /usr/bin/python3 "$client" stdio "$work/buildctl" --addr "unix://$work/b" dial-stdio
assert_has "$work/err" "ok the end of stdio"
kill $buildkitd
wait $buildkitd || fail "status $?"
run 1 "$work/buildctl" --addr "unix://$work/b" debug workers
run 2 "$work/buildctl" du
run 1 "$work/buildkitd" --oci-worker=false --addr "unix://$work/b"
assert_has "$work/err" "worker.oci.enabled"
run 1 "$work/buildkitd" --config "$work/none.toml" --addr "unix://$work/b"
run 1 "$work/buildkitd" --addr tcp://127.0.0.1:0 --tlscert "$work/tls/cert.pem" --tlskey "$work/tls/key.pem"
assert_has "$work/err" "it needs an authority"
run 1 "$work/buildkitd" --no-such-flag
for help in --help -h; do
    run 0 "$work/buildkitd" --debug $help
    grep -qxF '  --addr VALUE (more than once)' "$work/out" || fail "$help does not name the flags"
done
chmod 666 "$work/buildkitd.toml"
run 1 "$work/buildkitd" --config "$work/buildkitd.toml" --addr "unix://$work/b"
assert_has "$work/err" "refused"

echo "-- what a cluster is told"
node=$abs_top_srcdir/examples/buildx-node
wrong_in() { jq -r --slurpfile schema "$node/kubernetes-schema.json" -f "$node/kubernetes.jq" "$@"; }
run 0 wrong_in "$node/kubernetes.json"
[ ! -s "$work/out" ] || fail "see above"
while read -r change; do
    read -r said
    jq "$change" "$node/kubernetes.json" >"$work/wrong.json"
    assert_eq "$said" "$(wrong_in "$work/wrong.json")"
done <<'END'
.items[2].spec.ports[0].targetPort = "none"
Service: no port none
.items[0].spec.template.spec.containers[0].volumeMount = []
Deployment.spec.template.spec.containers: there is no field volumeMount
.items[0].spec.replicas = "1"
Deployment.spec.replicas: not a number
del(.items[0].spec.template.spec.volumes[1].persistentVolumeClaim.claimName)
Deployment.spec.template.spec.volumes.persistentVolumeClaim: no claimName
END
args=$(jq -r '.items[0].spec.template.spec.containers[0].args[]' "$node/kubernetes.json" | sed "s,///run/buildkit,//$work,")
run 1 "$work/buildkitd" $args
assert_has "$work/err" "/certs/ca.pem"

echo "-- everything"
run 0 /usr/bin/python3 "$client" "unix:$work/s" "$work" $server
! grep "^WRONG\|^Traceback" "$work/err" || { cat "$work/err"; fail "see above"; }
grep -qx done "$work/err" || fail "it did not end"
[ "$(grep -c '^ok ' "$work/err")" -ge 225 ] || { cat "$work/err"; fail "it did not do all"; }

echo "-- its end"
wait $server || fail "status $?"
[ ! -e "$work/s" ] || fail "the socket is still there"
[ -z "$(ls "$store/tmp")" ] || { ls "$store/tmp"; fail "builds left something"; }
run 0 /usr/bin/python3 "$client" stdio "$abs_top_builddir/tenon-dev" --root "$store" serve --stdio
! grep "^WRONG\|^Traceback" "$work/err" || { cat "$work/err"; fail "see above"; }
assert_has "$work/err" "ok the end of stdio"
run 0 timeout 300 "$abs_top_builddir/tenon-dev" --root "$store" serve --addr "unix://$work/s" --idle 1ms
