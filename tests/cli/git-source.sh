#!/bin/sh
# Git repositories: ADD and contexts, names of commits, sub-directories,
# submodules, --keep-git-dir, checksums, secrets, hostile trees.
. "$(dirname "$0")/lib.sh"
need python3 git
need_root
[ -e "$abs_top_builddir/.libs/source-git.so" ] || skip "built without source-git"

mkdir "$work/www" "$work/context"
# "basic " and base64 of "x-access-token:secret-of-the-test"
TOKEN="basic $(printf x-access-token:secret-of-the-test | base64 -w0)" \
    "$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/log" >"$work/port" &
remember $!
await "the port of a server" test -s "$work/port"
url=http://127.0.0.1:$(cat "$work/port")

git config --global user.name test
git config --global user.email test@example.org
git config --global init.defaultBranch main
git config --global advice.detachedHead false
git config --global protocol.file.allow always
GIT_AUTHOR_DATE='1500000000 +0000' GIT_COMMITTER_DATE='1500000000 +0000'
export GIT_AUTHOR_DATE GIT_COMMITTER_DATE

git init -q "$work/sub"
echo sub >"$work/sub/s"
git -C "$work/sub" add .
git -C "$work/sub" commit -qm sub
git clone -q --bare "$work/sub" "$work/www/sub.git"

git init -q "$work/repo"
cd "$work/repo"
mkdir dir
echo one >f
echo below >dir/g
echo run >x
chmod 755 x
ln -s f link
printf 'FROM scratch\nCOPY f /from-root\n' >Dockerfile
printf 'FROM scratch\nCOPY g /from-dir\n' >dir/Dockerfile
git add .
git commit -qm one
first=$(git rev-parse HEAD)
git tag -a -m annotated v1
echo two >f
printf '*.crlf text eol=crlf\n' >.gitattributes
printf 'a\nb\n' >t.crlf
git submodule --quiet add "$work/sub" module
git config -f .gitmodules submodule.module.url ../sub.git
git add .
git commit -qm two
second=$(git rev-parse HEAD)
git clone -q --bare . "$work/www/repo.git"
cd "$work"
: >"$work/log"

build() {
    out=$1
    shift
    { echo 'FROM scratch'; cat; } >"$work/context/Dockerfile"
    rm -rf "${work:?}/$out"
    tenon build --progress=plain -o "type=local,dest=$work/$out" "$@" "$work/context"
}

# The default branch, with its submodule; no .git.
run 0 build a <<END
ADD $url/git/repo.git /r
END
assert_eq "$(cat "$work/a/r/f")" two
assert_eq "$(cat "$work/a/r/module/s")" sub
assert_eq "$(readlink "$work/a/r/link")" f
assert_eq "$(stat -c %a "$work/a/r/f" "$work/a/r/x" | tr '\n' ' ')" "644 755 "
assert_eq "$(od -An -c "$work/a/r/t.crlf" | tr -d ' \n')" 'a\r\nb\r\n'
assert_no_file "$work/a/r/.git"

# As BuildKit 0.14 left them: everybody may write.
run 0 build old --compatibility-version 10 <<END
ADD $url/git/repo.git /r
END
assert_eq "$(stat -c %a "$work/old/r/f" "$work/old/r/x" | tr '\n' ' ')" "666 755 "

# Nothing new: one question.
: >"$work/log"
run 0 build a <<END
ADD $url/git/repo.git /r
END
assert_eq CACHED "$(step_ended "$work/err" "ADD $url/git/repo.git /r")"
assert_eq "$(wc -l <"$work/log")" 1

# By tag, by branch, by commit, by query, below a directory.
run 0 build b <<END
ADD $url/git/repo.git#v1 /tag
ADD $url/git/repo.git#main /branch
ADD $url/git/repo.git#$first /commit
ADD $url/git/repo.git?tag=v1&subdir=dir /query
ADD $url/git/repo.git#main:dir /sub
END
assert_eq "$(cat "$work/b/tag/f" "$work/b/branch/f" "$work/b/commit/f" | tr '\n' ' ')" "one two one "
assert_eq "$(cat "$work/b/query/g" "$work/b/sub/g" | tr '\n' ' ')" "below below "

# Another name for the same commit is the same step.
run 0 build b <<END
ADD $url/git/repo.git#refs/tags/v1 /tag
END
assert_eq CACHED "$(step_ended "$work/err" "ADD $url/git/repo.git#refs/tags/v1 /tag")"

run 0 build c <<END
ADD --keep-git-dir=true $url/git/repo.git#v1 /r
ADD $url/git/repo.git?submodules=false&mtime=commit /s
END
assert_eq "$(git -c safe.directory='*' -C "$work/c/r" rev-parse HEAD v1^{commit} | tr '\n' ' ')" "$first $first "
assert_eq "$(git -c safe.directory='*' -C "$work/c/r" status --short)" ""
git -c safe.directory='*' -C "$work/c/r" fsck --strict >/dev/null 2>&1 || fail "fsck"
assert_eq "$(git -c safe.directory='*' -C "$work/c/r" config remote.origin.url)" "$url/git/repo.git"
assert_no_file "$work/c/s/module/s"
assert_eq "$(stat -c %Y "$work/c/s/f")" 1500000000

# Checksums: of the commit, a beginning will do.
run 0 build d <<END
ADD --checksum=$(echo "$second" | cut -c1-12) $url/git/repo.git#main /r
END
run 1 build d <<END
ADD --checksum=$first $url/git/repo.git#main /r
END
assert_has "$work/err" "expected checksum to match $first, got $second"
run 1 build d <<END
ADD $url/git/repo.git#nothing /r
END
assert_has "$work/err" "repository does not contain ref nothing"
run 1 build d <<END
ADD $url/git/none.git /r
END
assert_has "$work/err" "failed to fetch remote $url/git/none.git"
run 1 build d <<END
ADD $url/git/repo.git#main:nothing /r
END
assert_has "$work/err" "failed to open subdir nothing"

# A branch that moved is got again, with the difference only.
cd "$work/repo"
echo three >f
git commit -qam three
git push -q "$work/www/repo.git" main
cd "$work"
run 0 build e <<END
ADD $url/git/repo.git /r
END
assert_eq "$(cat "$work/e/r/f")" three

# Contexts.
run 0 tenon build --progress=plain -o "type=local,dest=$work/f" "$url/git/repo.git"
assert_eq "$(cat "$work/f/from-root")" three
run 0 tenon build --progress=plain -o "type=local,dest=$work/g" "$url/git/repo.git#v1:dir"
assert_eq "$(cat "$work/g/from-dir")" below
run 0 build h --build-context "named=$url/git/repo.git#v1" <<END
COPY --from=named f /named
END
assert_eq "$(cat "$work/h/named")" one

# Secrets; they stay at the host, and out of what is printed.
run 1 build i <<END
ADD $url/private/git/repo.git /r
END
assert_has "$work/err" "authentication required"
echo secret-of-the-test >"$work/token"
run 0 build i --secret "id=GIT_AUTH_TOKEN,src=$work/token" <<END
ADD --keep-git-dir $url/private/git/repo.git?submodules=0 /r
END
assert_eq "$(cat "$work/i/r/f")" three
assert_lacks "$work/err" secret-of-the-test
! grep -rq secret-of-the-test "$work/i" || fail "the secret is in the result"
run 0 build i --secret "id=GIT_AUTH_TOKEN.127.0.0.1:$(cat "$work/port"),src=$work/token" --no-cache <<END
ADD $url/private/git/repo.git?submodules=0 /r
END

# Another host gets none of them: not for a submodule, nor where we are sent to.
: >"$work/other-log"
"$abs_top_srcdir/tests/cli/web-server" "$work/www" "$work/other-log" >"$work/other-port" &
remember $!
await "the port of a server" test -s "$work/other-port"
other=http://127.0.0.1:$(cat "$work/other-port")
cd "$work/repo"
git config -f .gitmodules submodule.module.url "$other/git/sub.git"
git commit -qam elsewhere
git push -q "$work/www/repo.git" main:elsewhere
git reset -q --hard HEAD~
cd "$work"
run 0 build i2 --secret "id=GIT_AUTH_TOKEN,src=$work/token" <<END
ADD $url/private/git/repo.git#elsewhere /r
END
assert_eq sub "$(cat "$work/i2/r/module/s")"
run 0 build i3 --no-cache --secret "id=GIT_AUTH_TOKEN,src=$work/token" <<END
ADD $url/private/to/$other/git/sub.git /r
END
assert_eq sub "$(cat "$work/i3/r/s")"
assert_has "$work/log" "with Authorization"
grep -q '^POST /git/sub.git/git-upload-pack 200' "$work/other-log" || fail "the other host was not asked"
assert_lacks "$work/other-log" "with Authorization"
# What is no repository is called that.
mkdir -p "$work/www/page.git/info"
echo 'please log in' >"$work/www/page.git/info/refs"
run 1 build i4 <<END
ADD $url/page.git#main /r
END
assert_has "$work/err" "the server speaks neither of git's HTTP protocols"

# A server of files that knows nothing of git: objects one by one, then in a pack.
git -C "$work/www/sub.git" update-server-info
cp -a "$work/www/repo.git" "$work/www/files-repo.git"
git -C "$work/www/files-repo.git" update-server-info
: >"$work/log"
run 0 build i5 <<END
ADD --keep-git-dir $url/files-repo.git#v1 /one
ADD $url/files-repo.git?commit=$(git -C "$work/www/files-repo.git" rev-parse --short=8 main) /r
END
assert_eq "$(cat "$work/i5/r/f" "$work/i5/one/f" "$work/i5/one/dir/g" | tr '\n' ' ')" "three one below "
assert_eq "$(readlink "$work/i5/r/link")" f
assert_eq "$(cat "$work/i5/r/module/s")" sub
assert_eq "$(git -C "$work/i5/one" rev-parse HEAD)" "$first"
assert_lacks "$work/log" POST
was=$(git -C "$work/repo" rev-parse HEAD)
echo four >"$work/repo/f"
git -C "$work/repo" commit -qam four
git -C "$work/repo" push -qf "$work/www/files-repo.git" HEAD:main
git -C "$work/www/files-repo.git" repack -qad
git -C "$work/www/files-repo.git" update-server-info
run 0 build i6 <<END
ADD $url/files-repo.git /r
END
assert_eq "$(cat "$work/i6/r/f" "$work/i6/r/module/s" | tr '\n' ' ')" "four sub "
assert_has "$work/log" "GET /files-repo.git/objects/pack/pack-"
git -C "$work/repo" reset -q --hard "$was"
# A pack brings other commits, too; a fetch that failed leaves a commit without its files.
git -C "$work/repo" commit -q --allow-empty -m asked
asked=$(git -C "$work/repo" rev-parse HEAD)
git -C "$work/repo" commit -q --allow-empty -m brought
brought=$(git -C "$work/repo" rev-parse HEAD)
git -C "$work/repo" commit -q --allow-empty -m half
half=$(git -C "$work/repo" rev-parse HEAD)
git -C "$work/repo" push -qf "$work/www/files-repo.git" HEAD:main
git -C "$work/www/files-repo.git" repack -qad
git -C "$work/www/files-repo.git" update-server-info
cp -a "$work/www/repo.git" "$work/www/half.git"
git -C "$work/repo" push -qf "$work/www/half.git" HEAD:main
git -C "$work/www/half.git" update-server-info
git -C "$work/repo" reset -q --hard "$was"
blob=$(git -C "$work/repo" rev-parse "$half:f")
blob=$work/www/half.git/objects/${blob%${blob#??}}/${blob#??}
mv "$blob" "$work/blob"
: >"$work/log"
for commit in "$asked" "$brought"; do
    run 0 build i6 <<END
ADD $url/files-repo.git#$commit /r
END
    assert_eq three "$(cat "$work/i6/r/f")"
done
# One that came before is not got again, though the list is looked through for what is new.
git -C "$work/repo" checkout -q --detach
git -C "$work/repo" commit -q --allow-empty -m new
git -C "$work/repo" push -qf "$work/www/files-repo.git" HEAD:main
git -C "$work/www/files-repo.git" repack -qd
git -C "$work/www/files-repo.git" update-server-info
new=$(git -C "$work/repo" rev-parse HEAD)
git -C "$work/repo" checkout -q main
run 0 build i6 <<END
ADD $url/files-repo.git#$new /r
END
assert_eq "" "$(grep -o 'objects/pack/pack-[0-9a-f]*' "$work/log" | sort | uniq -d)"
run 1 build i6 <<END
ADD $url/half.git#$half /r
END
assert_has "$work/err" "is not in the repository"
mv "$work/blob" "$blob"
run 0 build i6 <<END
ADD $url/half.git#$half /r
END
assert_eq three "$(cat "$work/i6/r/f")"
# An object that is none, and one that is another.
for broken in none another; do
    cp -a "$work/www/files-repo.git" "$work/www/$broken.git"
    git -C "$work/repo" commit -q --allow-empty -m "$broken"
    git -C "$work/repo" push -qf "$work/www/$broken.git" HEAD:main
    git -C "$work/www/$broken.git" update-server-info
    tip=$(git -C "$work/repo" rev-parse HEAD)
    rm -f "$work/www/$broken.git/objects/${tip%${tip#??}}/${tip#??}"
    { [ $broken = none ] && echo nonsense || cat "$work/repo/.git/objects/${first%${first#??}}/${first#??}"; } \
        >"$work/www/$broken.git/objects/${tip%${tip#??}}/${tip#??}"
    run 1 build i7 <<END
ADD $url/$broken.git /r
END
    assert_has "$work/err" "object $tip is broken"
done
git -C "$work/repo" reset -q --hard "$was"

# Addresses that are no remote ones, and trees that would lead out.
cd "$work/repo"
git config -f .gitmodules submodule.module.url "$work/sub"
git commit -qam local
git push -q "$work/www/repo.git" main:local
cd "$work"
run 1 build j <<END
ADD $url/git/repo.git#local /r
END
assert_has "$work/err" "not an allowed address"
git init -q --bare "$work/www/evil.git"
cd "$work/www/evil.git"
blob=$(echo x | git hash-object -w --stdin)
tree=$(printf '100644 blob %s\tconfig\n' "$blob" | git mktree)
tree=$(printf '040000 tree %s\t.git\n' "$tree" | git mktree)
git update-ref refs/heads/main "$(git commit-tree -m x "$tree")"
# The same tree twice in itself, thirty times over: it is got once, and then too much.
tree=$(printf '100644 blob %s\tf\n' "$blob" | git mktree)
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    tree=$(printf '040000 tree %s\ta\n040000 tree %s\tb\n' "$tree" "$tree" | git mktree)
done
git update-ref refs/heads/wide "$(git commit-tree -m x "$tree")"
git update-server-info
cd "$work"
run 1 build k <<END
ADD $url/evil.git#wide /r
END
assert_has "$work/err" git-entries
run 1 build k <<END
ADD $url/git/evil.git /r
END
assert_has "$work/err" 'invalid path ".git"'

# What is kept is shown, and may go.
run 0 tenon du --verbose
assert_has "$work/out" "shared git repo for $url/git/repo.git"
