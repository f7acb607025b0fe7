#!/bin/sh
# Where mounts go: the stubs made for them are gone afterwards and the directories
# above are as before, to the nanosecond; links, "..", mounts below mounts. Nothing
# is ever made outside the root.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need python3
mkdir -p "$context/d"
echo file >"$context/d/file"

# ---- stubs ---------------------------------------------------------------------
# Times as one line; the layer of a step that only mounts has nothing in it.
dockerfile <<'D'
FROM base AS s
RUN mkdir -p /o /p/q /p/full && touch /p/full/x && ln -s /p/q /p/link && chmod 1770 /p/q && chown 1000:1002 /p/q
# (The root itself is of each layer's own time, here as with BuildKit.)
RUN stat -c '%n %y %a %u %g' /p /p/q /p/full /etc /run /home >/o/before 2>/dev/null || true
RUN --mount=type=tmpfs,target=/p/q/a/b/c --mount=type=cache,target=/p/full/cache --mount=source=d/file,target=/p/link/f \
    --mount=type=secret,id=s --mount=type=secret,id=s,target=/etc/deep/er --mount=type=ssh,target=/home/sock \
    --mount=source=d,target=/n/e/w \
    ls -d /p/q/a/b/c /p/full/cache /p/q/f /run/secrets/s /etc/deep/er /n/e/w
RUN stat -c '%n %y %a %u %g' /p /p/q /p/full /etc /run /home >/o/after 2>/dev/null || true; \
    ls -d /p/q/* /p/full/cache /run /etc/deep /home/sock /n 2>/dev/null >/o/left || true
# What the step puts there itself stays: beside a stub, or as its directory.
RUN --mount=type=tmpfs,target=/x/y/z --mount=source=d/file,target=/x/f touch /x/own /x/y/z/gone; ls /x >/o/own
RUN find /x >>/o/own
# A mount point that is there stays what it is.
RUN mkdir -m 0711 /there && echo kept >/there/file && touch /empty && chmod 600 /empty
RUN --mount=type=tmpfs,target=/there --mount=source=d/file,target=/empty ls -A /there >/o/there; cat /empty >>/o/there
RUN stat -c '%a' /there /empty >>/o/there; cat /there/file /empty >>/o/there
FROM scratch
COPY --from=s /o /
D
cat >"$context/layer.Dockerfile" <<'D'
FROM base
RUN mkdir -p /p/q
RUN --mount=type=tmpfs,target=/p/q/a/b --mount=source=d/file,target=/p/f --mount=type=cache,target=/new/cache \
    --mount=type=secret,id=s --mount=source=d,target=/etc/d true
D
echo secret >"$work/secret"
if can_try "the agent's mount point" ssh-keygen; then ssh-keygen -q -t ed25519 -N '' -f "$work/key"; fi
for executor in $executors; do
    use_executor $executor
    rm -f "$work/image.tar"
    if [ -s "$work/key" ]; then ssh="--ssh default=$work/key"; else ssh=; fi
    result --no-cache --secret "id=s,src=$work/secret" $ssh
    [ "$(grep -c '\.[0-9]\{9\}' "$work/tree/before")" -ge 3 ] || fail "times without nanoseconds"
    diff "$work/tree/before" "$work/tree/after" || fail "$executor: parents of stubs have changed"
    saw left ""
    saw own "f
own
y
/x
/x/own"
    saw there "file
711
600
kept"
    run 0 build --no-cache -f "$context/layer.Dockerfile" --secret "id=s,src=$work/secret" -o "type=oci,dest=$work/image.tar"
    "$(dirname "$0")/ociread" "$work/image.tar" layers >"$work/layers"
    python3 - "$work/image.tar" "$(tail -n 1 "$work/layers")" >"$work/names" <<'P'
import io, sys, tarfile
blob = tarfile.open(sys.argv[1]).extractfile("blobs/" + sys.argv[2].replace(":", "/")).read()
for m in tarfile.open(fileobj=io.BytesIO(blob)):
    print(m.name)
P
    # /proc, /sys and /dev are made by runtimes, and stay.
    assert_eq "" "$(grep -vx 'proc/*\|sys/*\|dev/*' "$work/names" || :)"
done

# A failed step leaves none either.
printf 'FROM base\nRUN --mount=type=tmpfs,target=/stub/dir false\n' >"$context/fails.Dockerfile"
run 1 build -f "$context/fails.Dockerfile"
! find "$store/snapshots" -name stub | grep . || fail "a stub of a failed step"

# ---- links and dots ------------------------------------------------------------
# A directory of the machine that a link would lead to.
mkdir "$work/outside"
cat >"$context/links.Dockerfile" <<D
FROM base AS s
RUN mkdir -p /o /real/sub && ln -s /real /abs && ln -s real /rel && ln -s ../../../../../../../etc /real/up && \
    ln -s $work/outside /out && ln -s /out /again && ln -s /nowhere/yet /dangling && ln -s loop2 /loop1 && ln -s loop1 /loop2 && \
    ln -s /etc/passwd /real/file
RUN --mount=source=d,target=/abs/m --mount=source=d,target=/rel/n ls -d /real/m/file /real/n/file >/o/absolute
RUN --mount=source=d,target=/real/up/m ls -d /etc/m/file >/o/up
RUN --mount=source=d,target=/../../../dots/../dots/m ls -d /dots/m/file >/o/dots
RUN --mount=source=d,target=/out/m ls -d $work/outside/m/file | sed 's/.*outside/outside/' >/o/out
RUN --mount=source=d,target=/again/m2 ls -d $work/outside/m2/file | sed 's/.*outside/outside/' >>/o/out
# A link to nothing: what it names is made, and gone afterwards; the link stays.
RUN --mount=source=d,target=/dangling ls -d /nowhere/yet/file >/o/dangling
RUN --mount=source=d,target=/dangling/m ls -d /nowhere/yet/m/file >>/o/dangling
# A file over a link to a file is over that file.
RUN --mount=source=d/file,target=/real/file cat /etc/passwd >/o/file
RUN for l in /dangling /real/file /abs; do readlink \$l; done >/o/left; ls -d /nowhere /dots /etc/m /real/m /real/n $work 2>/dev/null >>/o/left || true; grep -c ^app: /etc/passwd >>/o/left
FROM scratch
COPY --from=s /o /
D
for executor in $executors; do
    use_executor $executor
    result --no-cache -f "$context/links.Dockerfile"
    saw absolute "/real/m/file
/real/n/file"
    saw up /etc/m/file
    saw dots /dots/m/file
    saw out "outside/m/file
outside/m2/file"
    saw dangling "/nowhere/yet/file
/nowhere/yet/m/file"
    saw file file
    saw left "/nowhere/yet
/etc/passwd
/real
1"
    assert_eq "" "$(ls -A "$work/outside")"
done

# ---- mounts below mounts -------------------------------------------------------
dockerfile <<'D'
FROM base AS src
RUN mkdir -p /s/has && ln -s has /s/tohas && ln -s /etc /s/toetc && touch /s/f && touch /etc/src
FROM base AS s
RUN mkdir /o
# In whatever order they are written, what is nearer to the root comes first.
RUN --mount=source=d/file,target=/m/sub/file --mount=type=tmpfs,target=/m/sub --mount=from=src,source=/s,target=/m,rw \
    find /m | sort >/o/order
# A mount point that a cache has not: made in the cache.
RUN --mount=type=cache,target=/c --mount=source=d,target=/c/in ls /c/in >/o/cache
# A link inside of a mount leads where it leads in the step's root.
RUN --mount=from=src,source=/s,target=/m,rw --mount=type=tmpfs,target=/m/tohas/t ls -d /m/has/t >/o/link
# Covered again by the same target: the last one is seen.
RUN --mount=type=tmpfs,target=/m --mount=source=d,target=/m ls /m >/o/same
# Below what the executor makes.
RUN --mount=source=d,target=/dev/shm/m --mount=source=d/file,target=/dev/f ls /dev/shm/m >/o/dev; cat /dev/f >>/o/dev
FROM scratch
COPY --from=s /o /
D
for executor in $executors; do
    use_executor $executor
    result --no-cache
    saw order "/m
/m/f
/m/has
/m/sub
/m/sub/file
/m/toetc
/m/tohas"
    saw cache file
    saw link /m/has/t
    saw same file
    saw dev "file
file"
done

# ---- refused -------------------------------------------------------------------
refused() { # TEXT LINE MOUNT
    printf 'FROM base\nRUN %s\nRUN --mount=%s true\n' "$2" "$3" >"$context/bad.Dockerfile"
    run 1 build -f "$context/bad.Dockerfile"
    assert_has "$work/err" "$1"
}
for executor in $executors; do
    use_executor $executor
    # To the root by a link.
    refused "it is the root" 'ln -s / /toroot' type=tmpfs,target=/toroot
    refused "it is the root" 'ln -s ../../.. /up' source=d,target=/up
    refused "Too many levels of symbolic links" 'ln -s two /one && ln -s one /two' type=tmpfs,target=/one
    # Below a file; a directory over a file.
    refused "not a directory" true type=tmpfs,target=/etc/passwd/x
    # Below a read-only mount that has no such place.
    refused "/m/none" true 'source=d,target=/m --mount=type=tmpfs,target=/m/none'
    assert_lacks "$work/err" "failed to solve: store" # which is not what is read-only
done
