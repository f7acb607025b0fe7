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
package exporter-squashfs exporter-squashfs
package frontend-ini frontend-ini
# The tests notice a plugin that does something else.
sed -i 's/"dataset", fd, all ? "." : "VERSION"/"dataset", fd, "VERSION"/' "$work/packages/mount-dataset/dataset.c"
run 2 make -C "$work/packages/mount-dataset" check
assert_has "$work/err" "the content is in the key"
sed -i "s/== '%' ||/== '%%' ||/" "$work/packages/progress-github/github.c"
run 2 make -C "$work/packages/progress-github" check
assert_has "$work/err" "not so"
sed -i "s/if (\*program != '\/')/if (0)/" "$work/packages/exporter-squashfs/squashfs.c"
run 2 make -C "$work/packages/exporter-squashfs" check
assert_has "$work/err" "which is refused"
sed -i 's/, number };/, 1 };/' "$work/packages/frontend-ini/language.c"
run 2 make -C "$work/packages/frontend-ini" check
assert_has "$work/err" "expected image.from=busybox@2"

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

# ---- exporter-squashfs -------------------------------------------------------------------------
squashfs() { build -o "type=squashfs,$1" "$work/tree"; }
mkdir "$work/tree"
cat >"$work/tree/Dockerfile" <<'END'
FROM busybox
RUN mkdir /made && head -c 300000 /dev/zero >/made/zeros && ln -s zeros /made/link && chown 7:8 /made/zeros
END
touch one.squashfs
if can_try "exporter-squashfs" mksquashfs unsquashfs; then
    run 0 squashfs dest=one.squashfs
    run 0 unsquashfs -lln one.squashfs
    grep -q '^-rw-r--r-- 7/8  *300000 .* squashfs-root/made/zeros$' "$work/out" || fail "no zeros in it"
    grep -q '^lrwxrwxrwx .* squashfs-root/made/link -> zeros$' "$work/out" || fail "no link in it"
    grep -q ' squashfs-root/bin/sh' "$work/out" || fail "the base is not in it"
    run 0 unsquashfs -cat one.squashfs made/zeros
    assert_eq 300000 "$(wc -c <"$work/out")"
    # The same files make the same bytes, also to standard output.
    run 0 squashfs dest=-
    cmp "$work/out" one.squashfs || fail "standard output has another file system"
    run 0 squashfs dest=two.squashfs,compression=zstd,block-size=64k,source-date-epoch=86400
    run 0 unsquashfs -s two.squashfs
    assert_has "$work/out" "Compression zstd"
    assert_has "$work/out" "Block size 65536"
    TZ=UTC run 0 unsquashfs -lln two.squashfs
    assert_eq 0 "$(grep -c -v ' 1970-01-02 ' "$work/out")"
    mkdir mounted
    if mount -t squashfs -o loop,ro one.squashfs mounted 2>"$work/mount"; then
        assert_eq 300000 "$(wc -c <mounted/made/link)"
        umount mounted
    else
        not_tried "a squashfs that is mounted: $(tr '\n' ' ' <"$work/mount")"
    fi
fi
# What will fail is said before the first step, and leaves nothing.
run 2 squashfs dest=three.squashfs,block-size=100000
assert_has "$work/err" "no power of two"
run 2 squashfs dest=one.squashfs/below
echo "{$mirrors, \"plugins\": {\"exporter-squashfs\": {\"program\": \"$work/none\"}}}" >"$TENON_CONFIG"
run 2 squashfs dest=three.squashfs
assert_has "$work/err" "install squashfs-tools"
echo "{$mirrors, \"plugins\": {\"exporter-squashfs\": {\"program\": \"$work/fails\"}}}" >"$TENON_CONFIG"
printf '#!/bin/sh\necho the disk is full >&2\nexit 1\n' >"$work/fails"
chmod 755 "$work/fails"
run 1 squashfs dest=three.squashfs
assert_has "$work/err" "exit code 1: the disk is full"
assert_no_file three.squashfs

# ---- frontend-ini --------------------------------------------------------------------------------
echo "{$mirrors}" >"$TENON_CONFIG"
rm -rf out
cp -r "$work/packages/frontend-ini" "$work/site"
cd "$work/site"
run 0 build -o out .
assert_has out/srv/files.txt index.html
cmp out/srv/index.html pages/index.html
[ -e out/bin/sh ] || fail "the base is not there"
run 0 build -f site.ini -o type=oci,dest=image.tar .
assert_eq CACHED "$(step_ended "$work/err" '[run index]')"
if can_try "an image's configuration" skopeo jq; then
    skopeo inspect --config oci-archive:image.tar >"$work/config"
    jq -e '.config.Cmd == ["httpd", "-f", "-h", "/srv"] and (.config.Env | index("LANG=C"))
        and ([.config.Env[] | select(startswith("PATH="))] | length == 1) and (.rootfs.diff_ids | length >= 3)' \
        "$work/config" >/dev/null || { cat "$work/config" >&2; fail "not the image that was asked for"; }
fi
run 0 build -f site.ini --no-cache -o out .
assert_eq DONE "$(step_ended "$work/err" '[run index]')"
# Each mistake has its line.
wrong_at() { # LINE TEXT: of what comes on standard input
    { echo '# syntax=example.org/ini'; cat; } >wrong.ini
    run 1 build -f wrong.ini .
    assert_has "$work/err" "wrong.ini:$1"
    assert_has "$work/err" "$2"
}
printf '[image]\nfrom = scratch\n[walk]\na = b\n' | wrong_at 5 "there is no section [walk]"
printf '[image]\nfrom = scratch\nfront = b\n' | wrong_at 4 '[image] has no "front"'
printf '[image]\nfrom = A:B:C\n' | wrong_at 3 'no name of an image'
printf '[image]\nfrom = busybox\n[run]\na = exit 3\n' | wrong_at 5 "exit code: 3"
printf '[image]\nfrom = scratch\n[copy]\nnot-there = /\n' | wrong_at 5 '"/not-there": not found'
run 1 build -f site.ini --platform linux/amd64,linux/arm64 .
assert_has "$work/err" "an INI file makes one platform"
printf '# syntax=example.org/ini\n[image]\nfrom = scratch\n[copy]\npages = /\n' >arm.ini
run 0 build -f arm.ini --platform linux/arm/v6 -o type=oci,dest=arm.tar .
tar -xf arm.tar -C "$work/context"
grep -rqs '"variant":"v6"' "$work/context/blobs" || fail "the variant is lost"
