#!/bin/sh
# The rows of what tenon is for, S1 to S14, as a user types them.
. "$(dirname "$0")/lib.sh"
. "$abs_top_srcdir/tests/cli/terminal.sh"
need python3 busybox curl docker-registry
need_root
make_bases
TENON_ROOT=$store
export TENON_ROOT
dev=$abs_top_builddir/tenon-dev
oci() { "$abs_top_srcdir/tests/cli/ociread" "$@"; }

without() { not_tried "$1: needs $2"; }
have() { for p; do command -v "$p" >/dev/null || return 1; done; }
row() { echo "$1"; mkdir -p "$work/$1"; cd "$work/$1"; }

# The base image lies in a registry, as everywhere; it got there with --push.
start_registry </dev/null
base=$registry/base:1
mkdir "$work/base"
printf 'FROM base\n' >"$work/base/Dockerfile"
run 0 tenon build -q --build-context "base=oci-layout://$bases/busybox" -t "$base" --push "$work/base"

# What `docker build` is, when it is ours.
if have docker; then
    DOCKER_CONFIG=$work/docker
    export DOCKER_CONFIG
    run 0 tenon docker enable --config "$DOCKER_CONFIG"
    build="docker build"
else
    build="tenon build"
    without "S2 and docker in S6, S8, S9" docker
fi
rm -rf "$store" # the base image comes over the network from here on

row S1 # an ordinary Dockerfile: an image that can be pushed and run
cat >Dockerfile <<END
FROM $base AS build
ARG WHO=world
WORKDIR /src
COPY greeting .
RUN sed "s/WHO/\$WHO/" greeting > out && chmod 600 out && ln -s out link
FROM $base
LABEL org.example.row=S1
ENV KEY=value
COPY --from=build /src/out /greeting
EXPOSE 80/tcp
VOLUME /data
USER 1000:1000
WORKDIR /home
ENTRYPOINT ["/bin/cat"]
CMD ["/greeting"]
END
echo "hello WHO" >greeting
run 0 tenon build .
run 0 tenon build -t "$registry/s1:latest" --push -o type=oci,dest=image.tar .
oci image.tar config >config
python3 - config <<'END' || fail "S1: not the configuration the classic builder makes"
import json, sys
i = json.load(open(sys.argv[1]))
c = i["config"]
assert i["os"] == "linux" and i["rootfs"]["type"] == "layers"
assert c["Labels"] == {"org.example.row": "S1"} and "KEY=value" in c["Env"]
assert c["ExposedPorts"] == {"80/tcp": {}} and c["Volumes"] == {"/data": {}}
assert c["User"] == "1000:1000" and c["WorkingDir"] == "/home"
assert c["Entrypoint"] == ["/bin/cat"] and c["Cmd"] == ["/greeting"]
full = [h for h in i["history"] if not h.get("empty_layer")]
assert len(full) == len(i["rootfs"]["diff_ids"])
END
assert_eq "hello world" "$(oci image.tar cat /greeting)"
oci image.tar history >history
assert_has history "+ COPY /src/out /greeting"
assert_lacks history "sed"
if have skopeo umoci runc; then
    # ... in the registry, and on another machine
    skopeo copy -q --src-tls-verify=false "docker://$registry/s1:latest" oci:pulled:s1
    umoci unpack --image pulled:s1 bundle >unpack.log 2>&1 || fail "umoci: $(cat unpack.log)"
    python3 - bundle/config.json <<'END'
import json, sys
c = json.load(open(sys.argv[1]))
c["process"]["terminal"] = False
c["process"]["user"] = {"uid": 0, "gid": 0}
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "network"]
json.dump(c, open(sys.argv[1], "w"))
END
    run 0 runc --root "$work/runc" run --bundle bundle "tenon-s1-$$"
    assert_eq "hello world" "$(cat "$work/out")"
else
    without "running S1's image" "skopeo, umoci, runc"
fi

row S2 # the docker command line client builds with tenon, no daemon
if have docker; then
    printf 'FROM %s\nRUN echo built by tenon > /by\n' "$base" >Dockerfile
    assert_has "$DOCKER_CONFIG/config.json" '"builder": "tenon"'
    DOCKER_HOST=unix://$work/no-daemon.sock
    export DOCKER_HOST
    run 0 env DOCKER_BUILDKIT=1 docker build -o type=local,dest=one .
    assert_has one/by "built by tenon"
    run 0 docker build -o type=local,dest=two .
    assert_has two/by "built by tenon"
    assert_eq CACHED "$(step_ended "$work/err" "echo built by tenon")"
    run 0 docker build -t s2:latest -q .
    run 0 docker tenon images
    assert_has "$work/out" "s2"
    unset DOCKER_HOST
fi

row S3 # a terminal: one line a step (tests/cli/progress-tty.sh has more)
cat >Dockerfile <<END
FROM $base AS stage
RUN echo stage three
COPY src dst
RUN test -e /dst; sleep 0.3
RUN echo last
END
: >src
if have tmux; then
    need_terminal
    term_start 80 24 "$dev build ."
    term_wait 0
    term_all >screen
    term_end
    grep -Eq '^\[\+\] Building [0-9]+\.[0-9]s \([0-9]+/[0-9]+\) FINISHED' screen ||
        { cat screen; fail "S3: no header"; }
    grep -Eq '^ => \[3/5\] COPY src dst +[0-9]+\.[0-9]s$' screen || { cat screen; fail "S3: no step"; }
    grep -Eq '^ => => transferring context: [0-9]+B +[0-9]+\.[0-9]s$' screen ||
        { cat screen; fail "S3: no sub-step"; }
    # right-aligned: all seconds end in the same column
    assert_eq 1 "$(grep '^ =>' screen | awk '{ print length($0) }' | sort -u | wc -l)"
else
    without S3 tmux
fi

row S4 # plain: blocks, a blank line between them
printf 'FROM %s\nCOPY file /file\nRUN echo WARMACHINEROX; sleep 0.2\n' "$base" >Dockerfile
head -c 100 /dev/zero >file
run 0 tenon build --progress=plain .
python3 - "$work/err" <<'END' || fail "S4: $(cat "$work/err")"
import re, sys
text = open(sys.argv[1]).read()
blocks = text.rstrip("\n").split("\n\n")
T = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} \+0000 UTC"
names = []
for n, b in enumerate(blocks, 1):
    lines = b.split("\n")
    m = re.fullmatch(rf"#{n} (.*)", lines[0])
    assert m, lines[0]
    name = m.group(1)
    names.append(name)
    want = [rf"#{n}       digest: sha256:[0-9a-f]{{64}}", rf'#{n}         name: "{re.escape(name)}"',
            rf"#{n}      started: {T}"]
    for w, l in zip(want, lines[1:4]):
        assert re.fullmatch(w, l), l
    assert re.fullmatch(rf"#{n}    completed: {T}", lines[-3]), lines
    assert re.fullmatch(rf"#{n}     duration: [0-9.]+(s|ms|µs)", lines[-2]), lines
    assert re.fullmatch(rf"#{n} (DONE \d+\.\ds|CACHED)", lines[-1]), lines
    assert all(l.startswith(f"#{n} ") for l in lines), lines
for want in ("[internal] load build definition from Dockerfile", "[internal] load .dockerignore",
             "[internal] load build context", "[2/3] COPY file /file"):
    assert want in names, (want, names)
assert re.search(r"^#\d+ transferring dockerfile: \d+B( \d+\.\ds)? done$", text, re.M)
assert re.search(r"^#\d+ transferring context: 10\dB( \d+\.\ds)? done$", text, re.M)
assert re.search(r"^#\d+ \d\.\d{3} WARMACHINEROX$", text, re.M)
END
run 0 tenon build --progress=plain,detail=short .
assert_lacks "$work/err" "digest:"
assert_eq "" "$(steps_ended "$work/err" DONE)"
assert_eq 2 "$(steps_ended "$work/err" CACHED | wc -l)"
run 0 env BUILDKIT_PROGRESS=plain,detail=short "$dev" build .
assert_lacks "$work/err" "digest:"

row S5 # `# syntax`: docker/dockerfile is the built-in one, another is fetched
printf '# syntax = docker/dockerfile:1.0-experimental\nFROM %s\nRUN --mount=type=cache,target=/c true\n' \
    "$base" >Dockerfile
run 0 tenon build .
assert_lacks "$work/err" "docker/dockerfile"
for name in docker/dockerfile docker/dockerfile:1 docker/dockerfile:1.26-labs docker.io/docker/dockerfile-upstream:master; do
    printf '#syntax=%s\nFROM %s\n' "$name" "$base" >Dockerfile
    run 0 tenon build .
done
printf '# syntax = 127.0.0.1:1/team/frontend:2\nFROM %s\n' "$base" >Dockerfile
run 1 tenon build .
assert_has "$work/err" "127.0.0.1:1/team/frontend:2"
assert_has "$work/err" "Dockerfile:1"

# Random, so that it is found nowhere by chance; base64 of it, too.
secret=WARMACHINEROX$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
encoded=$(printf %s "$secret" | base64 | cut -c1-32)
nowhere() { # DIRECTORY...
    ! grep -rlaF -e "$secret" -e "$encoded" "$@" >"$work/found" || fail "the secret is in $(cat "$work/found")"
}

row S6 # a secret at the default place
printf '# syntax = docker/dockerfile:1.0-experimental\nFROM %s\n' "$base" >Dockerfile
cat >>Dockerfile <<'END'
# shows secret from default secret location
RUN --mount=type=secret,id=mysecret cat /run/secrets/mysecret
# the others do not have it
RUN ! [ -s /run/secrets/mysecret ]
END
printf %s "$secret" >mysecret.txt
run 0 $build --no-cache --progress=plain --secret id=mysecret,src=mysecret.txt -o type=oci,dest=image.tar .
grep -Eq "^#[0-9]+ [0-9.]+ $secret\$" "$work/err" || { cat "$work/err"; fail "S6: the step does not show it"; }
grep -Eq '^#[0-9]+ \[2/3\] RUN --mount=type=secret,id=mysecret cat /run/secrets/mysecret$' "$work/err" ||
    { cat "$work/err"; fail "S6: no such step"; }
run 1 oci image.tar grep "$secret"
run 1 oci image.tar grep "$encoded"
oci image.tar history >history
assert_has history "RUN /bin/sh -c cat /run/secrets/mysecret"
nowhere "$store" "$HOME"
# ... nor on a command line while it runs
sed -i 's|RUN .*cat .*|RUN --mount=type=secret,id=mysecret --mount=type=cache,target=/s6 echo holding; n=0; until [ -e /s6/go ] \|\| [ $n = 1200 ]; do n=$((n + 1)); sleep 0.05; done; test -s /run/secrets/mysecret|' Dockerfile
$build --no-cache --progress=plain --secret id=mysecret,src=mysecret.txt . >slow 2>&1 &
pid=$!
remember $pid
await_line slow ' holding$'
cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >lines 2>/dev/null || :
for c in "$store"/cache-mounts/*/fs; do touch "$c/go"; done
wait $pid || { cat slow; fail "S6: the build with a pause"; }
nowhere lines

row S7 # at a chosen place
printf 'FROM %s\nRUN --mount=type=secret,id=mysecret,dst=/foobar cat /foobar\n' "$base" >Dockerfile
printf %s "$secret" >mysecret.txt
run 0 $build --no-cache --progress=plain --secret id=mysecret,src=mysecret.txt -o type=oci,dest=image.tar .
grep -Eq "^#[0-9]+ [0-9.]+ $secret\$" "$work/err" || { cat "$work/err"; fail "S7: the step does not show it"; }
run 1 oci image.tar grep "$secret"
nowhere "$store"
# not given: an empty place, or an error when it is required
sed -i 's/ cat/,required cat/' Dockerfile
run 1 $build .
assert_has "$work/err" "mysecret"
assert_has "$work/err" "--secret id=mysecret"

row S8 # --no-cache: every step runs
printf 'FROM %s\nRUN cat /proc/sys/kernel/random/uuid > /one\nRUN cp /one /two; echo ran\n' "$base" >Dockerfile
run 0 $build --progress=plain -o first .
run 0 $build --progress=plain -o second .
assert_eq 2 "$(steps_ended "$work/err" CACHED | wc -l)"
cmp first/two second/two || fail "S8: not from the cache"
run 0 $build --progress=plain --no-cache -o third .
grep -Eq '^#[0-9]+ [0-9.]+ ran$' "$work/err" || { cat "$work/err"; fail "S8: no step ran"; }
! cmp -s first/two third/two || fail "S8: from the cache"
assert_eq "" "$(steps_ended "$work/err" CACHED)"

. "$abs_top_srcdir/tests/cli/seed-page-net.sh"

row S13 # Linux images only
printf 'FROM %s\n' "$base" >Dockerfile
run 1 tenon build --platform windows/amd64 .
assert_has "$work/err" "windows/amd64"
assert_has "$work/err" "linux"

row S14 # parallel stages, unused stages skipped, mounts without a trace, a collected store
cat >Dockerfile <<END
FROM $base AS never
RUN echo this must not run; exit 1
FROM $base AS one
RUN --mount=type=cache,target=/meet touch /meet/one; until [ -e /meet/two ]; do sleep 0.05; done; echo 1 > /x
FROM $base AS two
RUN --mount=type=cache,target=/meet touch /meet/two; until [ -e /meet/one ]; do sleep 0.05; done; echo 2 > /y
FROM $base
COPY --from=one /x /
COPY --from=two /y /
RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/scratch echo c > /cache/c; echo s > /scratch/s
END
run 0 timeout 300 "$dev" build --progress=plain -o type=oci,dest=image.tar .
assert_lacks "$work/err" "must not run"
oci image.tar ls >files
assert_has files /x
assert_has files /y
assert_lacks files /cache/c
assert_lacks files /scratch/s
assert_lacks files meet
before=$(du -s "$store" | cut -f1)
run 0 tenon du
run 0 tenon prune --all --force
[ "$(du -s "$store" | cut -f1)" -lt "$before" ] || fail "S14: prune frees nothing"
