#!/bin/sh
# RUN --mount=type=bind and type=tmpfs: what they show, and what becomes of writes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"

mkdir -p "$context/d/deep" "$work/other"
echo of the context >"$context/d/file"
echo deep >"$context/d/deep/file"
ln -s ../../../../d/file "$context/d/link"
ln -s d "$context/dirlink"
echo of another context >"$work/other/file"
before=$(cd "$context/d" && find . -exec stat -c '%n %y %s %a' {} + | sort)

dockerfile <<'D'
FROM base AS src
RUN mkdir -p /s/sub && echo of a stage >/s/file && echo sub >/s/sub/file && chown -R 1000:1002 /s && chmod 2751 /s/sub
FROM base AS s
WORKDIR /w
RUN mkdir /o
# The context is what is mounted when nothing is said, and bind the type.
RUN --mount=target=/m ls /m >/o/default
RUN --mount=type=bind,source=d,target=/m cat /m/file /m/deep/file >/o/directory
RUN --mount=src=d/file,dst=/m/new/file cat /m/new/file >/o/file
RUN --mount=source=/d/../d/./file,destination=rel cat /w/rel >/o/relative
# Links of the source are followed inside the source.
RUN --mount=source=d/link,target=/m cat /m >/o/link
RUN --mount=source=dirlink,target=/m cat /m/file >>/o/link
# Of a stage, an image, a named context.
RUN --mount=from=src,source=/s,target=/m cat /m/file >/o/stage; stat -c '%a %u %g' /m/sub /m/file >>/o/stage
RUN --mount=from=base,source=/etc/passwd,target=/m grep ^app /m >/o/image
RUN --mount=from=other,target=/m ls /m >/o/context; cat /m/file >>/o/context
# Variables name source and target, not the stage.
ARG PART=sub
RUN --mount=from=src,source=/s/$PART,target=/m/${PART}t cat /m/subt/file >/o/variable
# Over a directory and over a file of the root; what is beneath is as before.
RUN --mount=from=src,source=/s,target=/etc ls /etc >/o/over
RUN --mount=source=d/file,target=/etc/passwd cat /etc/passwd >/o/over-file
RUN grep -c ^app: /etc/passwd >>/o/over-file
# Read-only: files and directories, by default and by name.
RUN --mount=from=src,source=/s,target=/m --mount=source=d/file,target=/f --mount=from=src,source=/s,target=/n,readonly \
    for f in /m/new /m/file /m/sub/file /f /n/file; do (echo x >$f) 2>/dev/null && echo "wrote $f"; done >/o/ro; \
    rm -r /m/sub /n/sub 2>/dev/null && echo removed >>/o/ro; chmod 777 /m /f 2>/dev/null && echo changed >>/o/ro; ls /m >>/o/ro
# Writable: thrown away, and not in the source.
RUN --mount=from=src,source=/s,target=/m,rw --mount=source=d,target=/d,readwrite --mount=source=d/file,target=/f,rw=true \
    echo x >/m/new; echo x >/m/file; rm -r /m/sub; echo x >/d/deep/new; echo x >/f; rm /d/link; cat /m/file /f >/o/rw; ls /m /d /d/deep >>/o/rw
RUN --mount=from=src,source=/s,target=/m,rw --mount=target=/d cat /m/file /d/d/file /m/sub/file >/o/after; ls /d/d/deep >>/o/after
# The same source twice, once writable: two views.
RUN --mount=from=src,source=/s,target=/a --mount=from=src,source=/s,target=/b,rw echo x >/b/file; cat /a/file >/o/twice
# What a stage became before, not after.
FROM base AS late
RUN --mount=from=s,source=/o,target=/m ls /m | wc -l >/late
FROM scratch
COPY --from=s /o /
COPY --from=late /late /
COPY --from=src /s /s
D
for executor in $executors; do
    use_executor $executor
    result --no-cache --build-context "other=$work/other"
    saw default "Dockerfile
d
dirlink"
    saw directory "of the context
deep"
    saw file "of the context"
    saw relative "of the context"
    saw link "of the context
of the context"
    saw stage "of a stage
2751 1000 1002
644 1000 1002"
    saw image "app:x:1000:1000:app:/home/app:/bin/sh"
    saw context "file
of another context"
    saw variable sub
    saw over "file
sub"
    saw over-file "of the context
1"
    saw ro "file
sub"
    saw rw "x
x
/d:
deep
file

/d/deep:
file
new

/m:
file
new"
    saw after "of a stage
of the context
sub
file"
    saw twice "of a stage"
    assert_eq "of a stage" "$(cat "$work/tree/s/file")"
    assert_file "$work/tree/s/sub/file"
    assert_no_file "$work/tree/s/new"
    saw late "$(ls "$work/tree" | grep -vc '^late$\|^s$')"
done
assert_eq "$before" "$(cd "$context/d" && find . -exec stat -c '%n %y %s %a' {} + | sort)"

# A step is run again for what it could see: the part that is mounted.
dockerfile <<'D'
FROM base
RUN --mount=source=d,target=/m cat /m/file
D
run 0 build
echo beside >"$context/beside"
run 0 build
assert_eq CACHED "$(step_ended "$work/err" "cat /m/file")"
echo changed >"$context/d/file"
run 0 build
assert_eq DONE "$(step_ended "$work/err" "cat /m/file")"
assert_has "$work/err" " changed"

# ---- tmpfs ---------------------------------------------------------------------
dockerfile <<'D'
FROM base AS s
RUN mkdir /o /t && echo kept >/t/kept
RUN --mount=type=tmpfs,target=/t stat -f -c %T /t >/o/empty; stat -c '%a %u %g' /t >>/o/empty; ls -A /t >>/o/empty; echo x >/t/x
RUN ls /t >/o/after
RUN --mount=type=tmpfs,target=/t,size=1m df -k /t | awk 'END { print $2 }' >/o/size; \
    head -c 1048576 /dev/zero >/t/fits && echo fits >>/o/size; \
    head -c 1 /dev/zero 2>/dev/null >/t/over && test -s /t/over && echo fits too >>/o/size || echo full >>/o/size
RUN --mount=type=tmpfs,target=/a,size=64k --mount=type=tmpfs,target=/b,size=1g df -k /a /b | awk 'NR > 1 { print $2 }' >/o/units
RUN --mount=type=tmpfs,target=/t,ro (echo x >/t/x) 2>/dev/null && echo wrote >/o/ro || echo refused >/o/ro
RUN --mount=type=tmpfs,target=/t printf '#!/bin/sh\necho ran\n' >/t/p && chmod 755 /t/p && /t/p >/o/exec
FROM scratch
COPY --from=s /o /
D
for executor in $executors; do
    use_executor $executor
    result --no-cache
    saw empty "tmpfs
755 0 0"
    saw after kept
    saw size "1024
fits
full"
    saw units "64
1048576"
    saw ro refused
    saw exec ran
done
printf 'FROM base\nRUN --mount=type=tmpfs,target=/t,size=1m dd if=/dev/zero of=/t/f bs=1k count=1025\n' | dockerfile
run 1 build
assert_has "$work/err" "No space left on device"
assert_lacks "$work/err" "the disk of the store"

# ---- refused -------------------------------------------------------------------
refused() { # TEXT MOUNT
    printf 'FROM base\nRUN --mount=%s true\n' "$2" >"$context/bad.Dockerfile"
    run 1 build -f "$context/bad.Dockerfile"
    assert_has "$work/err" "$1"
}
refused 'invalid mount target "/"' type=bind,target=/
refused 'invalid mount target "/"' type=bind,target=/x/..
refused 'invalid mount target "/"' type=tmpfs,target=/
refused '"/none": not found' source=none,target=/m
refused '/none' from=base,source=/none,target=/m
refused 'mode not allowed for "bind" type mounts' target=/m,mode=0700
refused 'uid not allowed for "tmpfs" type mounts' type=tmpfs,target=/m,uid=1
refused "unexpected key 'size'" target=/m,size=1m
refused "invalid value for size: much" type=tmpfs,target=/m,size=much
refused "invalid value for ro: perhaps" target=/m,ro=perhaps
refused "'from' doesn't support variable expansion" 'from=$X,target=/m'
refused "unexpected key 'tarket' in 'tarket=/m' (did you mean target?)" tarket=/m
refused 'unsupported mount type "bindd" (did you mean bind?)' type=bindd,target=/m
refused "invalid field 'x' must be a key=value pair" target=/m,x
