#!/bin/sh
# What .dockerignore leaves out costs nothing but its name: no system call, however
# much lies below it. Exceptions are followed to where they may lead and no further.
. "$(dirname "$0")/lib.sh"
need strace
context=$work/context
mkdir -p "$context/src/sub" "$context/keep"
echo a >"$context/src/a"
echo b >"$context/src/sub/b"
echo me >"$context/keep/me"
printf 'FROM scratch\nCOPY . /\n' >"$context/Dockerfile"
strace -f -o /dev/null true 2>/dev/null || skip "strace may not trace here"

# N directories with 20 files each.
for n in 2 200; do
    (cd "$work" && seq -f "trees/$n/p%.0f/lib" $n | xargs mkdir -p &&
        for i in $(seq 20); do seq -f "trees/$n/p%.0f/lib/$i" $n; done | xargs touch)
done
# take N: it is in the context, and nothing else was.
in_use=
take() {
    [ -z "$in_use" ] || mv "$context/node_modules" "$work/trees/$in_use"
    in_use=$1
    [ -z "$in_use" ] || mv "$work/trees/$in_use" "$context/node_modules"
}
# calls: how many system calls of a build have to do with the context; each build has a
# store of its own. Their text is in $work/calls, the files in $work/files.
calls() {
    rm -rf "$store" "$work/files"
    run 0 strace -f -y -o "$work/trace" -e trace=%file,getdents64 \
        "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain \
        -o "$work/files" "$context"
    grep -F "$context" "$work/trace" | grep -v -e 'execve(' -e ' resumed>' >"$work/calls" || :
    wc -l <"$work/calls"
}
# same TITLE: as many with 2 directories as with 200.
same() {
    take 2
    small=$(calls)
    take 200
    large=$(calls)
    [ "$small" = "$large" ] || {
        grep -F node_modules "$work/calls" | head -n 20 >&2
        fail "$1: $small calls for 40 files, $large for 4,000"
    }
    assert_file "$work/files/src/sub/b"
}

# The name alone: as if it were not there.
echo node_modules >"$context/.dockerignore"
without=$(calls)
[ "$without" -gt 5 ] || fail "nothing was counted"
same "a name"
assert_eq "$large" "$without"
assert_lacks "$work/calls" node_modules
assert_no_file "$work/files/node_modules"

# An exception that leads elsewhere, and all but a few.
printf 'node_modules\n!keep/me\n' >"$context/.dockerignore"
same "an exception elsewhere"
assert_lacks "$work/calls" node_modules
printf '*\n!src\n!keep/me\n' >"$context/.dockerignore"
same "everything but"
assert_lacks "$work/calls" node_modules
assert_file "$work/files/keep/me"

# An exception below it is found, and its neighbours are not entered.
printf 'node_modules\n!node_modules/p2/lib/7\n' >"$context/.dockerignore"
same "an exception below"
assert_eq "$(cd "$work/files/node_modules" && find . -type f)" ./p2/lib/7
assert_lacks "$work/calls" node_modules/p1
assert_lacks "$work/calls" '"8"'

# One that may match anywhere has to be looked for everywhere.
printf 'node_modules\n!**/7\n' >"$context/.dockerignore"
many=$(calls)
[ "$many" -gt 600 ] || fail "$many calls to look into 400 directories"
assert_eq "$(cd "$work/files/node_modules" && find . -type f | wc -l)" 200

# What no instruction names is not read, ignored or not.
rm "$context/.dockerignore"
printf 'FROM scratch\nCOPY src /src\n' >"$context/Dockerfile"
same "what nobody copies"
assert_lacks "$work/calls" node_modules
