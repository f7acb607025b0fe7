#!/bin/sh
# Frontends in images in an ordinary user's builds: the frontend's own sandbox, containers with several
# processes, what a step that failed left, files of both; with both executors.
. "$(dirname "$0")/lib.sh"
need busybox
. "$abs_top_srcdir/tests/cli/frontend-lib.sh"
make_front "LABEL moby.buildkit.frontend.network.none=true"
make_user alice many

cd "$work/context"
cp "$(command -v busybox)" busybox
echo hello >hello
echo "someone:x:1234:1235::/home/someone:/bin/sh" >passwd
printf '# syntax=%s\n' "$image" >Dockerfile
cat >Real.Dockerfile <<'END'
FROM scratch
COPY busybox /bin/busybox
COPY busybox /bin/sh
COPY passwd /etc/passwd
COPY --chown=1234:1235 hello /hello
END
cat >Broken.Dockerfile <<'END'
FROM scratch
COPY busybox /bin/busybox
COPY busybox /bin/sh
RUN echo root >/left; exit 7
END
chmod -R go+rX "$work/context"

# does STATUS WORDS FLAG...: as that user
does() {
    code=$1 words=$2
    shift 2
    run "$code" as "$alice" "$program" --root "$work/$alice/store" -D build --progress=plain,detail=short \
        --build-arg "DO=$words" "$@" "$work/context"
}

several() {
    echo "-- $executor: several processes in a container"
    does 0 "solve:Real.Dockerfile mount:scratch,/s container:a \
begin:one,a,/bin/busybox,sh,-c,echo~of~one>/s/x;echo~ready;read~l;echo~heard~\$l \
hear:one=ready cread:a,0,/x user:someone begin:two,a,/bin/busybox,sh,-c,busybox~id~-u;busybox~cat~/s/x;busybox~ps \
await:two write:one=a~word await:one return"
    said "/x there: of one"
    said "two 1: 1234"
    said "two 1: of one"
    grep -Eq "frontend: two 1: +1 .*/bin/busybox sh" "$work/err" || fail "two does not see one"
    said "one 1: heard a word"
    does 0 "solve:Real.Dockerfile container:a begin:one,a,/bin/busybox,sh,-c,echo~ready;read~l \
hear:one=ready kill:one=KILL await:one return"
    said "one exit 137: exit code: 137"
}

find_executors
for executor in $executors; do
    echo "-- $executor"
    printf '{"executor": "%s"}\n' "$executor" >"$work/$alice/tenon.json"
    as_env=TENON_CONFIG=$work/$alice/tenon.json
    does 0 "sandbox solve:Real.Dockerfile read:/hello stat:/hello return"
    said "uid 0, cwd /"
    said "the root is writable"
    said "/hello has 6 bytes: hello"
    does 0 "solve:Real.Dockerfile mount:cache,/c mount:tmpfs,/t mount:scratch,/s user:someone container:a \
begin:one,a,/bin/busybox,sh,-c,busybox~id~-u;busybox~id~-g;busybox~stat~-c~owner=%u~/hello;echo~ready;read~l;echo~heard~\$l \
hear:one=ready cread:a,3,/hello write:one=a~word await:one return"
    said "one 1: 1234"
    said "one 1: 1235"
    said "one 1: owner=1234"
    said "/hello there: hello"
    said "one 1: heard a word"
    said "one exit 0:"
    several
    does 0 "solve:Broken.Dockerfile evaluate failed:0 read:/left container:a run:a,/bin/busybox,cat,/left solve:Real.Dockerfile return"
    said "/left has 5 bytes: root"
    said "p 1: root"
done
