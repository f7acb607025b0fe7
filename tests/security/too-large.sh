#!/bin/sh
# Archives that are small and say that they are large: files that are holes, and more than the
# disk has. They end the build before the disk is full, and say what was too large; the store is
# right and empty of them. In a file system of its own, so that nobody else's disk is filled.
. "$(dirname "$0")/lib.sh"
config='"limits": {"unpacked": "none", "holes": "none"}' # what is free is what counts here
disk=$work/disk
mkdir "$disk"
mount -t tmpfs -o size=64M,mode=755 tmpfs "$disk"
at_exit="leave_disk $at_exit"
leave_disk() { umount "$disk" || umount -l "$disk"; }
endless=$work/endless # one that does not say what is free
mkdir "$endless"
mount -t tmpfs -o size=0,mode=755 tmpfs "$endless"
at_exit="leave_endless $at_exit"
leave_endless() { umount "$endless" || umount -l "$endless"; }
few=$work/few # one of so many files
mkdir "$few"
mount -t tmpfs -o size=0,nr_inodes=5000,mode=755 tmpfs "$few"
at_exit="leave_few $at_exit"
leave_few() { umount "$few" || umount -l "$few"; }

cat >"$work/large.py" <<'END_PYTHON'
import gzip, io, sys, tarfile
out, kind = sys.argv[1:3]
data = io.BytesIO()
t = tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT)
def sparse(name, size):
    i = tarfile.TarInfo("GNUSparseFile.0/" + name)
    i.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name, "GNU.sparse.realsize": str(size)}
    d = b"1\n0\n1\n".ljust(512, b"\0") + b"x"
    i.size = len(d)
    t.addfile(i, io.BytesIO(d))
if kind == "hole":
    sparse("s", 15 << 40)
elif kind == "holes": # each of them would fit
    for n in range(10):
        sparse("s%d" % n, 20 << 20)
elif kind == "zeros":
    for n in range(20):
        i = tarfile.TarInfo("z%d" % n)
        i.size = 10 << 20
        t.addfile(i, io.BytesIO(bytes(i.size)))
elif kind == "dirs": # of no bytes, and a block each
    for n in range(30000):
        i = tarfile.TarInfo("d%d" % n)
        i.type = tarfile.DIRTYPE
        t.addfile(i)
elif kind == "bytes": # of a byte, and a block each
    for n in range(30000):
        i = tarfile.TarInfo("f%d" % n)
        i.size = 1
        t.addfile(i, io.BytesIO(b"x"))
elif kind == "small":
    i = tarfile.TarInfo("s")
    i.size = 10
    t.addfile(i, io.BytesIO(bytes(i.size)))
elif kind == "one":
    i = tarfile.TarInfo("z")
    i.size = 200 << 20
    t.addfile(i, io.BytesIO(bytes(i.size)))
t.close()
data = data.getvalue()
open(out, "wb").write(gzip.compress(data, 6))
END_PYTHON
for kind in hole holes zeros one dirs bytes small; do
    "$python" "$work/large.py" "$work/$kind.tar.gz" $kind
    [ "$(stat -c %s "$work/$kind.tar.gz")" -lt 1000000 ] || fail "$kind: the archive is large"
done

trial() {
    rm -rf "$disk"/store-* "$endless"/store-*
    chown $whose "$disk" "$endless"
    store=$disk/store-$executor
    for kind in hole holes zeros one dirs bytes; do
        cp "$work/$kind.tar.gz" "$context/a.tar.gz"
        printf 'FROM scratch\nADD a.tar.gz /a/\n' >"$context/Dockerfile"
        attempt
        [ $got = 1 ] || fail "$executor: $kind: taken"
        assert_has "$work/err" "is larger than what is free: "
        [ "$(df --output=avail -k "$disk" | tail -n 1)" -ge 20000 ] || fail "$executor: $kind: the disk is full"
    done
    # what fits is taken
    printf 'FROM base\nCOPY probe /\nRUN true\n' >"$context/Dockerfile"
    attempt
    [ $got = 0 ] || { cat "$work/err" >&2; fail "$executor: what fits is not taken"; }
    store_right "$store"
    store=$endless/store-$executor
    cp "$work/small.tar.gz" "$context/a.tar.gz"
    printf 'FROM scratch\nADD a.tar.gz /a/\n' >"$context/Dockerfile"
    attempt
    [ $got = 0 ] || { cat "$work/err" >&2; fail "$executor: not taken where there is no limit"; }
}
more_than_inodes() {
    rm -rf "$few"/store-*
    chown $whose "$few"
    store=$few/store-$executor
    cp "$work/dirs.tar.gz" "$context/a.tar.gz"
    printf 'FROM scratch\nADD a.tar.gz /a/\n' >"$context/Dockerfile"
    attempt
    [ $got = 1 ] || fail "$executor: more entries than inodes: taken"
    assert_has "$work/err" "it has more entries than the file system has free inodes"
    [ "$(df --output=iavail "$few" | tail -n 1)" -ge 4000 ] || fail "$executor: inodes are left over"
}
each_executor trial
each_executor more_than_inodes
