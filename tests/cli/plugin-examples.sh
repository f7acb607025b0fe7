#!/bin/sh
# examples/plugins: each is a package of its own, built with an installed tenon and nothing else,
# passes its own tests, and is used by builds. docs/plugin-examples.md tells how they came to be.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/installed-lib.sh"
need docker-registry
install_tenon
cp -r "$abs_top_srcdir/examples/plugins" "$work/packages"
chmod -R u+w "$work/packages" # make distcheck has the sources read-only
strict="-O2 -Wall -Wextra -Werror"

# package DIR KIND-NAME: it builds without a warning, its tests pass, it installs.
package() {
    make -C "$work/packages/$1" CFLAGS="$strict" CXXFLAGS="$strict" check >"$work/out" 2>&1 ||
        { cat "$work/out" >&2; fail "$1: make check"; }
    grep -q "^$2: [0-9]* checks: .* 0 warnings, 0 failed" "$work/out" || fail "$1: was it checked?"
    make -C "$work/packages/$1" install DESTDIR="$work/there" plugindir=/plugins >"$work/out" 2>&1 ||
        { cat "$work/out" >&2; fail "$1: make install"; }
    assert_file "$work/there/plugins/$2.so"
    make -s -C "$work/packages/$1" clean
}
package mount-dataset mount-dataset
package progress-github progress-github
# The tests notice a plugin that does something else.
sed -i 's/"dataset", fd, all ? "." : "VERSION"/"dataset", fd, "VERSION"/' "$work/packages/mount-dataset/dataset.c"
run 2 make -C "$work/packages/mount-dataset" check
assert_has "$work/err" "the content is in the key"
sed -i "s/== '%' ||/== '%%' ||/" "$work/packages/progress-github/github.c"
run 2 make -C "$work/packages/progress-github" check
assert_has "$work/err" "not so"

need_root
serve_busybox
mkdir "$work/context"
cd "$work/context"
build() { installed --plugin-dir "$work/there/plugins" build --progress=plain "$@"; }

# ---- mount-dataset, in C and in C++ --------------------------------------------------------
dataset() { # LANGUAGE: the same for both, also in the key of a step
    echo "{$mirrors, \"plugins\": {\"mount-dataset\": {\"root\": \"$work/sets\"}}}" >"$TENON_CONFIG"
    rm -rf "$work/sets" out
    cp -r "$work/packages/mount-dataset/example" "$work/sets"
    cp "$work/packages/mount-dataset/Dockerfile" .
    run 0 build -o out .
    assert_eq 3 "$(cat out/lines)"
    [ ! -e out/data/names ] || fail "the dataset is in the image"
    run 0 build -o out .
    assert_eq CACHED "$(step_ended "$work/err" 'wc -l')"
    echo "four $1" >>"$work/sets/digits/names"
    run 0 build -o out .
    assert_eq DONE "$(step_ended "$work/err" 'wc -l')"
    assert_eq 4 "$(cat out/lines)"

    # Only what the dataset's file VERSION says decides.
    sed -i 's/name=digits/name=digits,key=version/' Dockerfile
    run 0 build -o out .
    echo "five $1" >>"$work/sets/digits/names"
    run 0 build -o out .
    assert_eq CACHED "$(step_ended "$work/err" 'wc -l')"
    echo "2 $1" >"$work/sets/digits/VERSION"
    run 0 build -o out .
    assert_eq 5 "$(cat out/lines)"

    printf 'FROM busybox\nRUN --mount=type=dataset,target=/d,name=digits echo x >/d/new\n' >Dockerfile
    run 1 build .
    assert_no_file "$work/sets/digits/new"
    printf 'FROM busybox\nRUN --mount=type=dataset,target=/d,name=.. ls /d\n' >Dockerfile
    run 1 build .
    assert_has "$work/err" 'is no name of a dataset'
    printf 'FROM busybox\nRUN --mount=type=dataset,target=/d,name=letters ls /d\n' >Dockerfile
    run 1 build .
    assert_has "$work/err" 'dataset "letters"'
    echo "{$mirrors, \"plugins\": {\"mount-dataset\": {\"root\": \"$work/nowhere\"}}}" >"$TENON_CONFIG"
    run 1 build .
    assert_has "$work/err" "tenon.json says where they are"
}
dataset C
if can_try "C++" "${CXX:-c++}"; then
    rm "$work/there/plugins/mount-dataset.so"
    package mount-dataset-cxx mount-dataset
    dataset C++
fi
echo "{$mirrors}" >"$TENON_CONFIG"

# ---- progress-github --------------------------------------------------------------------------
cat >Dockerfile <<'END'
FROM busybox
RUN echo '::error::not a command' && echo "50%"
RUN echo of no use && false
END
run 1 build --progress=github,dir=some/where --no-cache .
assert_has "$work/err" "::group::[2/3] RUN echo '::error::not a command' && echo \"50%25\""
assert_has "$work/err" "::error file=some/where/Dockerfile,line=3,endLine=3,title=tenon build::"
# What the runner takes for a command: nothing between a guard and its end.
awk '/^::stop-commands::/ { guard = "::" substr($0, 18) "::"; next }
    guard != "" { if ($0 == guard) guard = ""; else print; next }
    /^::/ { sub(/^::/, ""); sub(/[ :].*/, ""); command[$0]++ }
    END { for (c in command) print "command", c, command[c] }' "$work/err" | sort >"$work/seen"
assert_has "$work/seen" "::error::not a command"
assert_has "$work/seen" "50%"
assert_has "$work/seen" "of no use"
assert_has "$work/seen" "command error 1"
assert_eq "$(grep '^command group' "$work/seen")" "command group $(grep -c '^::endgroup::' "$work/err")"
printf 'FROM busybox\nWORKDIR here\n' >Dockerfile
run 0 build --progress=github .
assert_has "$work/err" "::warning file=Dockerfile,line=2,endLine=2,title=build file::WorkdirRelativePath"
