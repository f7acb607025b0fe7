# steps.sh - for tests of what a RUN step sees; sourced after lib.sh.
need_root
make_bases
context=$work/context
mkdir "$context"
find_executors

use_executor() { printf '{"executor": "%s"}\n' "$1" >"$TENON_CONFIG"; }

# build FLAG...: of $context; "base" is the busybox image.
build() {
    tenon build --progress=plain,detail=short --build-context "base=oci-layout://$bases/busybox" \
        "$@" "$context"
}

# dockerfile <<...: the one of $context.
dockerfile() { cat >"$context/Dockerfile"; }

# result FLAG...: builds, with the tree of the last stage in $work/tree. Steps
# leave what they saw there.
result() {
    rm -rf "$work/tree"
    run 0 build -o "$work/tree" "$@"
}

# saw FILE TEXT: this is what the step wrote to it.
saw() {
    [ -e "$work/tree/$1" ] || fail "no step wrote $1"
    [ "$(cat "$work/tree/$1")" = "$2" ] || fail "$1: expected \"$2\", got \"$(cat "$work/tree/$1")\""
}

# wait_for FILE WORD: a step has printed it, as the last of a line. (The step's title has
# it, too: not at its end.)
wait_for() { await_line "$1" "^#.* $2\$"; }

# put PROGRAM...: copies of this machine's programs, with the libraries they need,
# in $context/tools, for "COPY tools /".
put() {
    for p; do
        p=$(command -v "$p")
        mkdir -p "$context/tools$(dirname "$p")"
        cp -L "$p" "$context/tools$p"
        ldd "$p" | grep -o '/[^ ]*' | while read -r lib; do
            mkdir -p "$context/tools$(dirname "$lib")"
            cp -L "$lib" "$context/tools$lib"
        done
    done
}
