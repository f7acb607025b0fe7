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

# A git repository with the one file f, "in git", on a server of the web: sets git to the
# instruction that adds it as /git, or to nothing where there is none to be had.
git_source() {
    git=
    if ! command -v git >/dev/null || [ ! -e "$abs_top_builddir/.libs/source-git.so" ]; then
        not_tried "a git repository: there is no git, or no source-git"
        return 0
    fi
    mkdir "$work/www"
    TOKEN=none "$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
    remember $!
    await "the port of a server" test -s "$work/port"
    git init -q "$work/repo"
    echo in git >"$work/repo/f"
    git -C "$work/repo" add .
    git -C "$work/repo" -c user.name=t -c user.email=t@example.org commit -qm one
    git clone -q --bare "$work/repo" "$work/www/repo.git"
    git="ADD http://127.0.0.1:$(cat "$work/port")/git/repo.git /git"
}

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
