# frontend-lib.sh - sourced after lib.sh by tests of frontends in images: the tests' own frontend
# (tests/gateway/frontend.c, which tells its words) is to be in a registry as $image.
need jq docker-registry
need_root
program=$abs_top_builddir/tests/gateway/frontend
[ -x "$program" ] || skip "needs a static program: not with sanitizers, nor without libnghttp2"
start_registry </dev/null
image=$registry/team/front:1
mkdir -p "$work/image" "$work/context"
cp "$program" "$work/image/frontend"

make_front() { # LINE...: the image, with these lines more in its Dockerfile
    printf '%s\n' 'FROM scratch AS plain' 'COPY frontend /bin/frontend' 'ENTRYPOINT ["/bin/frontend"]' \
        "$@" >"$work/image/Dockerfile"
    run 0 tenon build -o type=registry -t "$image" "$work/image"
}

first= also= # words and flags of all builds
does() { # STATUS WORDS FLAG...: a build of this directory, where the frontend does that
    code=$1 words="$first$2"
    shift 2
    # shellcheck disable=SC2086
    run "$code" tenon -D build --progress=plain,detail=short --build-arg "DO=$words" $also "$@" .
}
said() { assert_has "$work/err" "frontend: $1"; }
never_said() { assert_lacks "$work/err" "frontend: $1"; }
