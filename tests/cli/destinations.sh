#!/bin/sh
# Where archives and the files that tell of them go: directories that are not there yet,
# links, files with a mode and an owner, files that are mounted on, directories that take
# no other file, pipes and our own standard output.
. "$(dirname "$0")/lib.sh"
need_root
need python3 mkfifo unshare
context=$work/context
mkdir "$context"
printf 'FROM scratch\nCOPY file /file\n' >"$context/Dockerfile"
echo file >"$context/file"
out=$work/out-there
tried=0

# good FILE: it is a whole archive, or what tells of one, and nothing is left beside it.
good() {
    case $kind in
    tar) [ "$(tar -tf "$1")" = file ] ;;
    oci | docker) tar -tf "$1" | grep -qx oci-layout ;;
    iidfile) grep -Eqx 'sha256:[0-9a-f]{64}' "$1" ;;
    metadata) grep -q containerimage.digest "$1" ;;
    esac || fail "$kind: $1 is not what was asked for"
    [ -z "$(find "$out" -name '.tenon-*')" ] || fail "$kind: left: $(find "$out" -name '.tenon-*')"
    tried=$((tried + 1))
}
flags_for() { # FILE
    case $kind in
    iidfile) set -- --iidfile "$1" ;;
    metadata) set -- --metadata-file "$1" ;;
    *) set -- -o "type=$kind,dest=$1" ;;
    esac
    flag=$1 value=$2
}
build() { # FILE: writes it
    flags_for "$1"
    run 0 tenon build "$flag" "$value" "$context"
}

for kind in tar oci docker iidfile metadata; do
    rm -rf "$out"
    mkdir -p "$out/elsewhere"
    cd "$out"

    # Directories are made; of --iidfile and --metadata-file they are those of outputs alone.
    case $kind in
    iidfile | metadata)
        flags_for "$out/none/deep/er/x"
        run 0 tenon build "$flag" "$value" -o type=oci,dest=none/deep/er/oci.tar "$context"
        ;;
    *) build none/deep/er/x ;;
    esac
    good none/deep/er/x

    # A link is followed, to a file, to nothing yet, through others, into a link to a directory.
    echo old >elsewhere/real
    chmod 640 elsewhere/real
    ln -s elsewhere/real link
    ln -s "$out/link" second
    ln -s elsewhere/new dangling
    ln -s elsewhere directory
    build link
    good link
    good elsewhere/real
    build second
    good elsewhere/real
    build dangling
    good elsewhere/new
    build directory/x
    good elsewhere/x
    [ -L link ] && [ -L second ] && [ -L dangling ] || fail "$kind: a link was replaced"
    assert_eq 640 "$(stat -c %a elsewhere/real)"

    # A file keeps its mode and its owner, whatever the mask of new ones is. (That of an
    # --iidfile is taken away first: a build that fails must leave none.)
    [ $kind = iidfile ] || for mode in 600 644 666 400; do
        echo old >x
        chmod $mode x
        chown 1234:5678 x
        (umask 077 && build x)
        good x
        assert_eq "$mode 1234:5678" "$(stat -c '%a %u:%g' x)"
    done
    (umask 022 && build fresh)
    assert_eq 644 "$(stat -c %a fresh)"
    build "$(printf %0255d 1)"
    good "$(printf %0255d 1)"

    # A file that another is mounted on, and a directory that takes no new file.
    echo old >mounted
    echo old >under
    chmod 620 under
    mkdir ro
    echo old >ro/x
    flags_for mounted
    unshare -m sh -ec '
        mount --bind under mounted
        "$@"' sh "$abs_top_builddir/tenon-dev" --root "$store" build "$flag" "$value" "$context" \
        >"$work/out" 2>"$work/err" || { cat "$work/err" >&2; fail "$kind: a mounted file"; }
    good under
    assert_eq 620 "$(stat -c %a under)"
    assert_eq old "$(cat mounted)"
    flags_for ro/x
    # The mount of the file can be written, the directory cannot.
    unshare -m sh -ec '
        mount --bind ro ro
        mount --bind ro/x ro/x
        mount -o remount,bind,ro ro
        "$@"' sh "$abs_top_builddir/tenon-dev" --root "$store" build "$flag" "$value" "$context" \
        >"$work/out" 2>"$work/err" || { cat "$work/err" >&2; fail "$kind: in a read-only directory"; }
    good ro/x

    # A pipe has a reader; our own standard output may be a file that others append to.
    mkfifo pipe
    cat pipe >from-pipe &
    remember $!
    reader=$!
    build pipe
    wait $reader
    good from-pipe
    [ -p pipe ] || fail "$kind: the pipe was replaced"
    ln -s /dev/stdout ours
    for file in /dev/stdout ours redirected; do
        flags_for "$file"
        echo header >redirected
        inode=$(stat -c %i redirected)
        tenon build "$flag" "$value" "$context" >>redirected 2>"$work/err" || { cat "$work/err" >&2; fail "$kind: $file"; }
        echo trailer >>redirected
        assert_eq "header $inode" "$(head -n 1 redirected | tr -d '\0') $(stat -c %i redirected)"
        assert_eq trailer "$(tail -c 8 redirected | tr -d '\0')"
        tail -c +8 redirected | head -c -8 >between
        good between
        [ -c /dev/stdout ] || [ -L /dev/stdout ] || fail "$kind: /dev/stdout was replaced"
        [ -L ours ] || fail "$kind: the link to standard output was replaced"
    done
done

# A directory that an output is written to: made with all on the way, or behind a link.
cd "$work"
for o in local oci,tar=false docker,tar=false; do
    rm -rf "$out"
    mkdir -p "$out/real"
    ln -s real "$out/link"
    run 0 tenon build -o "type=$o,dest=$out/a/b/c" -o "type=$o,dest=$out/link" "$context"
    case $o in local) it=file ;; *) it=index.json ;; esac
    assert_file "$out/a/b/c/$it"
    assert_file "$out/real/$it"
    [ -L "$out/link" ] || fail "$o: a link was replaced"
    tried=$((tried + 2))
done

# What fails at its end leaves what was there before.
mkdir "$work/small"
head -c 1000000 /dev/urandom >"$context/big"
printf 'FROM scratch\nCOPY big /\n' >"$context/Dockerfile"
for type in tar oci docker; do
    unshare -m sh -ec '
        dir=$1
        shift
        mount -t tmpfs -o size=64k none "$dir"
        echo old >"$dir/kept"
        if "$@"; then exit 1; fi
        [ "$(cat "$dir/kept")" = old ]
        [ "$(ls -A "$dir")" = kept ]' sh "$work/small" "$abs_top_builddir/tenon-dev" --root "$store" \
        build -o "type=$type,dest=$work/small/kept" "$context" >"$work/out" 2>"$work/err" ||
        { cat "$work/err" >&2; fail "$type: what was there is gone"; }
    assert_has "$work/err" "No space left"
done
rm "$context/big"

# mode=delete makes way for nothing of its own build, and asks for what lies elsewhere, however
# that is written.
printf 'FROM scratch\nCOPY . /\n' >"$context/Dockerfile"
rm -rf "$out" "$work/elsewhere"
mkdir -p "$out" "$work/elsewhere/sub" "$work/elsewhere/victim" "$work/here"
echo stale >"$out/stale"
echo precious >"$work/elsewhere/victim/precious"
run 0 tenon build -o "type=oci,dest=$out/i.tar" -o "type=local,dest=$out,mode=delete" "$context" --allow buildx.local.delete
assert_file "$out/i.tar"
assert_file "$out/Dockerfile"
assert_no_file "$out/stale"
ln -s "$work/elsewhere/sub" "$work/here/link"
cd "$work/here"
run 2 tenon build -o type=local,dest=link/missing/../../victim,mode=delete "$context"
assert_file "$work/elsewhere/victim/precious"

# What the names lead to may be changed while the build runs: then nothing is removed.
make_bases
cat >"$work/waits.Dockerfile" <<'D'
FROM base
RUN --mount=type=cache,target=/marks echo begun; n=0; \
    until [ -e /marks/go ]; do n=$((n + 1)); [ $n -lt 1200 ] || exit 9; sleep 0.05; done
D
mkdir -p parent/mine
tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" -f "$work/waits.Dockerfile" \
    -o type=local,dest=parent/mine,mode=delete "$context" >"$work/out" 2>"$work/swapped" &
build=$!
remember $build
await_line "$work/swapped" '^#[0-9]+ [0-9.]+ begun$'
mv parent parent.away
ln -s "$work/elsewhere" parent
mv "$work/elsewhere/victim" "$work/elsewhere/mine"
for cache in "$store"/cache-mounts/*/fs; do touch "$cache/go"; done
status=0
wait $build || status=$?
assert_eq 1 "$status"
assert_has "$work/swapped" "leads out of the current directory now"
assert_eq precious "$(ls "$work/elsewhere/mine")"
cd "$work"

# Modes inside of an output are those of the files, whatever the umask is.
mkdir -p "$context/sub/closed"
chmod 2750 "$context/sub/closed"
printf 'FROM scratch\nCOPY sub /sub\n' >"$context/Dockerfile"
for mask in 000 027 077; do
    rm -rf "$work/masked"
    (umask $mask; tenon build -o "type=local,dest=$work/masked,platform-split=true" "$context") \
        >"$work/out" 2>"$work/err" || { cat "$work/err" >&2; fail "umask $mask"; }
    assert_eq "755 755 2750" "$(cd "$work"/masked/*_* && stat -c %a . sub sub/closed | tr '\n' ' ' | sed 's/ $//')"
done

# A file called "-".
run 0 tenon build --metadata-file - -o "type=tar,dest=-" "$context"
assert_file "$work/-"
tar -tf "$work/out" >/dev/null || fail "the archive on standard output"

[ $tried -ge 75 ] || fail "only $tried tried"
