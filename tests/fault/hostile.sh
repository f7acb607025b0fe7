#!/bin/sh
# Registries, layers and build files that mean no good: one error, status 1,
# nothing written outside of the store, nothing left in it.
. "$(dirname "$0")/lib.sh"
need_root
need python3
make_bases

# Where entries try to get to.  Nothing of it may change.
target=$work/target
mkdir "$target"
echo kept >"$target/kept"
state() { find "$target" -printf '%p %y %m %U %n %T@ %s\n' | sort; md5sum "$target/kept"; }
before=$(state)

context=$work/context
mkdir "$context"
echo file >"$context/file"
base="base=oci-layout://$bases/busybox"

"$python" "$here/bad-registry" "$target" >"$work/port" 2>"$work/registry.log" &
remember $!
await "the port of a server" test -s "$work/port"
registry=127.0.0.1:$(cat "$work/port")

untouched() {
    assert_eq "$before" "$(state)"
    no_leftover "$store"
    no_process
    no_mount "$store"
}

# one_error TEXT: one line of error, and not a stack of noise.
one_error() {
    assert_eq 1 "$(grep -c '^ERROR: ' "$work/err")"
    sed -n '/^ERROR: /,$p' "$work/err" >"$work/said"
    assert_has "$work/said" "$1"
    [ "$(wc -l <"$work/said")" -le 3 ] || { cat "$work/said" >&2; fail "more than an error"; }
    ! grep -Eiw 'bug|assertion' "$work/said" || fail "a bug"
    [ "$(wc -c <"$work/said")" -lt 1200 ] || { cat "$work/said" >&2; fail "a long error"; }
}

# bad KIND TEXT: the image cannot be had.
bad() {
    printf 'FROM %s/%s\nCOPY file /\n' "$registry" "$1" >"$context/Dockerfile"
    began=$(now)
    run 1 timeout 120 "$abs_top_builddir/tenon-dev" --root "$store" build --progress=plain \
        --build-arg "MARK=$mark" "$context"
    echo "$1 ($(since "$began") ms): $(tail -n 1 "$work/err" | cut -c 1-300)"
    one_error "$2"
    untouched
}

printf 'FROM %s/good\n' "$registry" >"$context/Dockerfile"
run 0 build "$store" -o "$work/good" "$context"
assert_eq 100000 "$(wc -c <"$work/good/good")"
untouched

# This one is tried again for a while; its end is looked at below.
mkdir "$context.short"
printf 'FROM %s/short\n' "$registry" >"$context.short/Dockerfile"
"$abs_top_builddir/tenon-dev" --root "$work/store-short" build --progress=plain "$context.short" \
    >"$work/short.err" 2>&1 &
short=$!
remember $short

bad digest "sha256:"
bad cut "layer sha256:"
bad long "larger than its descriptor says"
bad endless "larger than its descriptor says"
bad garbage "manifest"
bad nomanifest "manifest is not an object"
bad huge "manifest"
bad config "config"
bad diffid "layer sha256:"
bad count "mismatched image rootfs and manifest layers"
bad other "sha256:"
bad gzip "layer sha256:"
store_right "$store"

bad evil-name "archive"
for kind in dotdot absolute symlink symlink-up symlink-two hardlink-write device whiteout \
    whiteout-up opaque-out whiteout-device xattr dots hardlink hardlink-up; do
    printf 'FROM %s/evil-%s\nFROM base\nCOPY --from=0 / /i\n' "$registry" $kind >"$context/Dockerfile"
    status=0
    build "$store" --build-context "$base" -o "type=oci,dest=$work/evil.tar" "$context" >"$work/out" 2>"$work/err" ||
        status=$?
    case $status in
    0) echo "evil-$kind: built" ;;
    1) echo "evil-$kind: $(grep '^ERROR: ' "$work/err" | cut -c 1-300)"; one_error "" ;;
    *) cat "$work/err" >&2; fail "evil-$kind: status $status" ;;
    esac
    untouched
done
store_right "$store"

# Build files.
wrong() { # TEXT, the build file on standard input
    cat >"$context/Dockerfile"
    run 1 build "$store" --build-context "$base" "$context"
    echo "$(tail -n 1 "$work/err" | cut -c 1-200)"
    one_error "$1"
    untouched
}
wrong 'unknown instruction' <<'END_FILE'
FROM base
FLY me to the moon
END_FILE
wrong '/none' <<'END_FILE'
FROM base
COPY none /
END_FILE
wrong '/etc/passwd' <<'END_FILE'
FROM base
COPY ../../../../../../../etc/passwd /
END_FILE
ln -s /etc/passwd "$context/link"
ln -s ../../../../../../../../../../etc "$context/dir"
wrong '' <<'END_FILE'
FROM base
COPY dir/passwd /
END_FILE
wrong 'cir' <<'END_FILE'
FROM base AS one
COPY --from=two / /
FROM base AS two
COPY --from=one / /
END_FILE
wrong '' <<'END_FILE'
FROM base
COPY --from=3 / /
END_FILE
wrong 'secret' <<'END_FILE'
FROM base
RUN --mount=type=secret,id=none,required=true true
END_FILE
wrong '' <<'END_FILE'
FROM base
RUN --mount=type=bind,source=../../../../etc,target=/etc2 cat /etc2/passwd
END_FILE
wrong '' <<'END_FILE'
FROM base
WORKDIR /a
RUN --mount=type=nosuch,target=/x true
END_FILE
wrong 'cannot be empty' </dev/null
rm "$context/Dockerfile"
run 1 build "$store" "$context"
one_error 'Dockerfile'
"$python" -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(100000))' >"$context/Dockerfile"
run 1 build "$store" "$context"
one_error ''
untouched

# A symlink in the context is copied as one, never followed to the host.
printf 'FROM scratch\nCOPY . /\n' >"$context/Dockerfile"
run 0 build "$store" -o "$work/links" "$context"
[ -L "$work/links/link" ] && [ -L "$work/links/dir" ] || fail "a symbolic link of the context was followed"

# ADD of an archive is no way out either.
"$python" - "$context/evil.tar" "$target" <<'END_PYTHON'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as t:
    def add(name, kind=tarfile.REGTYPE, link=""):
        i = tarfile.TarInfo(name); i.type = kind; i.linkname = link
        data = b"evil" if kind == tarfile.REGTYPE else b""
        i.size = len(data); t.addfile(i, io.BytesIO(data))
    add("out", tarfile.SYMTYPE, sys.argv[2]); add("out/x"); add("out/kept")
    add("../../../../../../.." + sys.argv[2] + "/y")
END_PYTHON
printf 'FROM base\nADD evil.tar /\n' >"$context/Dockerfile"
run 1 build "$store" --build-context "$base" "$context"
one_error 'open /out/x: no such file'
untouched
store_right "$store"

status=0
wait $short || status=$?
assert_eq 1 $status
cp "$work/short.err" "$work/err"
one_error "unexpected EOF"
no_leftover "$work/store-short"
store_right "$work/store-short"
