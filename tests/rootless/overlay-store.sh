#!/bin/sh
# An ordinary user's store that cannot hold an overlay, because it is on one: trees are
# copied, one line says so, and images are those of any other store.
. "$(dirname "$0")/lib.sh"
need jq
make_user alice many
public_bases
mkdir "$work/context"
echo content >"$work/context/file"
cat >"$work/context/Dockerfile" <<'END'
FROM base
RUN mkdir -p /d/e && echo x >/d/e/f && chown -R 12:34 /d/e && chmod 2750 /d/e && echo y >/d/gone
RUN rm -r /d/e /d/gone && mkdir /d/e && echo z >/d/e/g && rm /etc/group
RUN test ! -e /d/e/f && test ! -e /d/gone && test ! -e /etc/group && chown 5:6 /etc/passwd
COPY --chown=7:8 file /d/e/
USER app
RUN --mount=type=bind,from=base,target=/b,rw touch /home/app/mine && ! touch /b/x 2>/dev/null
END
chmod -R go+rX "$work/context"

mkdir -m 755 "$work/l" "$work/u" "$work/w" "$work/over"
mount -t overlay -o "lowerdir=$work/l,upperdir=$work/u,workdir=$work/w" overlay "$work/over" ||
    skip "no overlay can be mounted"
unmount() { umount -l "$work/over"; }
at_exit="$at_exit unmount"
chown "$alice" "$work/over"

image() { # NAME STORE
    run 0 tenon_as "$alice" --root "$2" build --progress=plain,detail=short --build-context "$base" \
        --build-arg SOURCE_DATE_EPOCH=1500000000 --metadata-file "$1.json" \
        -o "type=oci,dest=$1.tar,rewrite-timestamp=true" "$work/context"
}
digest() { jq -r '."containerimage.digest"' "$work/$alice/$1.json"; }
slower() { grep -c "cannot hold an overlay ($1)" "$work/err" || :; }

image plain "$work/$alice/plain"
assert_eq 0 "$(slower '.*')"
image over "$work/over/store"
assert_file "$work/over/store/copies"
assert_eq 1 "$(slower 'Invalid argument')"
assert_eq "$(digest plain)" "$(digest over)"
image again "$work/over/store"
assert_eq "" "$(steps_ended "$work/err" DONE)"
assert_eq "$(digest plain)" "$(digest again)"
