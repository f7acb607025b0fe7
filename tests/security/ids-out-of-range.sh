#!/bin/sh
# Numbers of users, groups, modes and sizes that do not fit, wherever they come from: passwd
# and group files, USER, --chown, options of mounts, archives, layers. Each is an error that
# names the place, and none becomes 0, which is root. What BuildKit makes of them, where it
# makes something, stands beside it.
. "$(dirname "$0")/lib.sh"

cat >"$context/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
good:x:1000:1000::/:/bin/sh
letters:x:abc:1::/:/bin/sh
empty:x:::::
minus:x:-1:1::/:/bin/sh
wide:x:4294967296:1::/:/bin/sh
last:x:4294967295:1::/:/bin/sh
huge:x:99999999999999999999:1::/:/bin/sh
hex:x:0x3e8:1::/:/bin/sh
gletters:x:1001:abc::/:/bin/sh
gempty:x:1001:::/:/bin/sh
gminus:x:1001:-1::/:/bin/sh
gwide:x:1001:4294967296::/:/bin/sh
glast:x:1001:4294967295::/:/bin/sh
member:x:1002:1002::/:/bin/sh
most:x:2147483647:2147483647::/:/bin/sh
END
cat >"$context/group" <<'END'
root:x:0:
letters:x:abc:
empty:x::
wide:x:4294967296:
last:x:4294967295:member
END
echo text >"$context/file"

# is_error WORDS: of the Dockerfile on standard input, below base with these files
is_error() {
    { echo "FROM base"; echo "COPY probe /"; echo "COPY passwd group /etc/"; cat; } >"$context/Dockerfile"
    echo >>"$work/attempts"
    attempt --no-cache
    [ $got = 1 ] || { said >&2; fail "$executor: taken: $1"; }
    assert_has "$work/err" "$1"
}
gives() { # OUTPUT
    { echo "FROM base"; echo "COPY probe /"; echo "COPY passwd group /etc/"; cat; } >"$context/Dockerfile"
    attempt --no-cache
    [ $got = 0 ] || { cat "$work/err" >&2; fail "$executor: refused: $1"; }
    assert_said "$1"
}

cat >"$work/archive.py" <<'END_PYTHON'
import sys, tarfile
# name, uid, gid as they stand in a header; "pax": as text in a pax header
out, how, uid, gid = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4]
def field(value, size):
    if value.startswith("-") or int(value) >= 8 ** (size - 1): # base 256
        return (int(value) % (1 << 8 * size)).to_bytes(size, "big") if value.startswith("-") else \
            b"\x80" + int(value).to_bytes(size - 1, "big")
    return b"%0*o\0" % (size - 1, int(value))
info = tarfile.TarInfo("f")
info.mode, info.size = 0o4755, 0
if how == "pax":
    info.pax_headers = {"uid": uid, "gid": gid}
    data = info.tobuf(tarfile.PAX_FORMAT)
else:
    raw = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    raw[108:116], raw[116:124] = field(uid, 8), field(gid, 8)
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    data = bytes(raw)
open(out, "wb").write(data + bytes(1024))
END_PYTHON

# Of each pair of owners an archive, N-HOW.tar, and a layout with it as a layer, N-HOW; 0 are right.
owners=$work/owners
mkdir "$owners"
set --
for how in header pax; do
    n=0
    for ids in "5 6" "4294967296 1" "1 4294967296" "4294967295 1" "1 4294967295" "-1 1" "18446744073709551616 1"; do
        echo "$ids ($how)" >"$owners/$n-$how.ids"
        [ "$how $ids" != "header 18446744073709551616 1" ] || continue
        "$python" -E -S "$work/archive.py" "$owners/$n-$how.tar" $how $ids
        cp -r "$bases/busybox" "$owners/$n-$how"
        set -- "$@" "$owners/$n-$how" "$owners/$n-$how.tar"
        n=$((n + 1))
    done
done
"$python" -E -S "$here/evil-layout" "$@"
[ $# = 26 ] || fail "$# archives and layouts"

trial() {
    : >"$work/attempts"
    # passwd and group files. BuildKit: 0, as of any text that is no number.
    for row in "letters 3" "empty 4" "minus 5" "wide 6" "last 7" "huge 8" "hex 9"; do
        user=${row% *}
        line="/etc/passwd:${row#* }: \"$user\" has an invalid uid"
        echo "USER $user
RUN /probe id" | is_error "$line"
        echo "COPY --chown=$user file /f" | is_error "$line"
        echo "ADD --chown=$user file /f" | is_error "$line"
    done
    for row in "gletters 10" "gempty 11" "gminus 12" "gwide 13" "glast 14"; do
        user=${row% *}
        line="/etc/passwd:${row#* }: \"$user\" has an invalid gid"
        echo "USER $user
RUN /probe id" | is_error "$line"
        echo "COPY --chown=$user file /f" | is_error "$line"
    done
    for row in "letters 2" "empty 3" "wide 4" "last 5"; do
        group=${row% *}
        line="/etc/group:${row#* }: \"$group\" has an invalid gid"
        echo "USER good:$group
RUN /probe id" | is_error "$line"
        echo "COPY --chown=good:$group file /f" | is_error "$line"
    done
    echo "USER member
RUN /probe id" | is_error "/etc/group:5: \"last\" has an invalid gid"

    # numbers as such. BuildKit: USER the same error; --chown=4294967295 leaves root in place,
    # -1 is a name that is not there, and so root.
    for id in 2147483648 4294967295 4294967296 99999999999999999999; do
        echo "USER $id
RUN /probe id" | is_error "\"$id\": out of range"
        echo "USER good:$id
RUN /probe id" | is_error "\"$id\": out of range"
    done
    echo "USER -1
RUN /probe id" | is_error "unable to find user -1"
    for id in 4294967295 4294967296 99999999999999999999 -1; do
        echo "COPY --chown=$id file /f" | is_error "\"$id\": out of range"
        echo "COPY --chown=good:$id file /f" | is_error "\"$id\": out of range"
        echo "COPY --link --chown=$id file /f" | is_error "invalid user index"
    done
    # and those that are right (an ordinary user has less of them)
    [ $as = user ] || echo "USER most
RUN echo \$(id -u):\$(id -g)" | gives "2147483647:2147483647"
    [ $as = user ] || echo "COPY --chown=4294967294:4294967294 file /f
RUN stat -c %u:%g /f" | gives "4294967294:4294967294"
    echo "USER good
RUN echo \$(id -u):\$(id -g)" | gives "1000:1000"
    attempts=$(wc -l <"$work/attempts")
    [ "$attempts" -ge 60 ] || fail "$executor: only $attempts attempts"
    # What follows ends before a step is: no executor is asked.
    [ $executor = native ] || return 0

    # options of mounts. BuildKit: 4294967295 is taken, and leaves root in place.
    for type in "type=cache,target=/c" "type=secret,id=s,target=/s" "type=ssh,target=/a"; do
        for key in uid gid; do
            for id in 4294967295 4294967296 -1 abc 99999999999999999999; do
                echo "RUN --mount=$type,$key=$id true" | is_error "$id"
            done
        done
        for mode in 10000 8 -1 99999999999999999999999 abc; do
            echo "RUN --mount=$type,mode=$mode true" | is_error "$mode"
        done
    done
    for mode in 10000 8 -1 99999999999999999999999 u=q; do
        echo "COPY --chmod=$mode file /f" | is_error "$mode"
    done
    for size in -1 99999999999999999999 1e9 abc; do
        echo "RUN --mount=type=tmpfs,target=/t,size=$size true" | is_error "$size"
    done

    # owners in archives: as the context's ADD, as a layer. BuildKit: what is left of 32 bits.
    for layout in "$owners"/*[!0]-header "$owners"/*[!0]-pax; do
        cp "$layout.tar" "$context/a.tar"
        { echo "ADD a.tar /a/"; echo 'RUN ls -ln /a'; } >"$work/lines"
        is_error "a.tar" <"$work/lines"
        printf 'FROM evil\nCOPY file /g\n' >"$context/Dockerfile"
        attempt --no-cache --build-context "evil=oci-layout://$layout"
        [ $got = 1 ] || fail "$executor: a layer with an owner of $(cat "$layout.ids") is taken"
        echo >>"$work/attempts"
    done
    # The same way with an owner that fits.
    for layout in "$owners"/0-*.tar; do
        attempt --no-cache --build-context "evil=oci-layout://${layout%.tar}"
        [ $got = 0 ] || { cat "$work/err" >&2; fail "$executor: a layer with right owners is refused"; }
    done

    attempts=$(wc -l <"$work/attempts")
    [ "$attempts" -ge 130 ] || fail "only $attempts attempts"
}
each_executor trial
