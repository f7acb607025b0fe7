#!/bin/sh
# Modes and owners of everything in a store, by a table of what may be there, after
# builds of every kind, whatever the umask of who builds: what a room holds is open
# as an image wants it, and the room is closed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/steps.sh"
need python3

echo text >"$context/file"
chmod 640 "$context/file"
printf 'FROM base\nRUN echo pushed >/pushed\n' >"$work/pushed.Dockerfile"
start_registry </dev/null
run 0 build -f "$work/pushed.Dockerfile" -o "type=image,name=$registry/x:1,push=true"
cat >"$TENON_CONFIG" <<END
{"registries": {"$registry": {"plain-http": true}}}
END
git_source

# every_kind: into $store
every_kind() {
    cat >"$context/Dockerfile" <<END
FROM $registry/x:1 AS pulled
COPY file /copied
COPY --link --chmod=604 --chown=3:4 file /linked
$git
WORKDIR /made
RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t umask >/umask; touch /c/x /x; mkdir /d; \\
    ls -lnd /etc/hosts /etc/resolv.conf | cut -c 1-10 >/network; echo said
RUN --mount=type=cache,target=/m,id=m,mode=0770,uid=5,gid=6 --mount=type=bind,target=/b true
FROM scratch AS small
COPY --from=pulled /umask /network /
FROM pulled
END
    run 0 build -t example.org/x:1
    run 0 build -t example.org/x:1 -o "type=oci,dest=$work/x.tar" --metadata-file "$work/metadata" --iidfile "$work/iid"
    run 0 build --target small -o "$work/small"
    run 0 build --cache-to "type=local,dest=$work/cache" -o type=cacheonly
    printf 'FROM base\nRUN echo half | tee /half; exit 3\n' | dockerfile
    run 1 build
    run 0 tenon shell true </dev/null
}

cat >"$work/walk" <<'END_PYTHON'
import os, re, stat, sys
# Of the store itself: a pattern, the mode, how many there must be at least. The first
# one that fits counts. What is below "tree" is the images' and the steps'.
table = [
    (r"", "drwx------", 1),
    (r"content|content/blobs|content/blobs/sha256", "drwx------", 3),
    (r"content/blobs/sha256/[0-9a-f]{64}", "-r--r--r--", 8),
    (r"snapshots|cache-mounts|tmp|locks|logs", "drwx------", 5),
    (r"snapshots/\d+", "drwx------", 8),
    (r"snapshots/\d+/fs", "drwxr-xr-x", 8),
    (r"snapshots/\d+/fs/.*", "tree", 20),
    (r"snapshots/(empty|stubs|stubs/etc)", "drwxr-xr-x", 3),
    (r"snapshots/stubs-visit(/(proc|sys|dev|etc|run|run/config.*))?", "drwxr-xr-x", 0),
    (r"snapshots/stubs-visit/etc/(hosts|resolv.conf)", "-rw-r--r--", 0),
    (r"snapshots/stubs/etc/(hosts|resolv.conf)", "-rw-r--r--", 2),
    (r"cache-mounts/\d+", "drwx------", 2),
    (r"cache-mounts/\d+/fs", "cache", 2),
    (r"cache-mounts/\d+/fs/.*", "tree", 1),
    (r"history", "drwx------", 1),
    (r"history/\.looked", "-rw-------", 1),
    (r"history/[0-9a-f-]+", "drwx------", 2),
    (r"history/[0-9a-f-]+/(record|sha256-[0-9a-f]{64})", "-rw-------", 4),
    (r"logs/[0-9a-f-]+", "drwx------", 2),
    (r"logs/[0-9a-f-]+/[0-9a-f]{64}", "-rw-------", 2),
    (r"tenon\.db|tenon\.db-wal|tenon\.db-shm", "-rw-------", 1),
]
# In trees: what tenon made, not the image.
trees = {
    "copied": ("-rw-r-----", 0, 0), "linked": ("-rw----r--", 3, 4),
    "made": ("drwxr-xr-x", 0, 0), "x": ("-rw-r--r--", 0, 0), "d": ("drwxr-xr-x", 0, 0),
    "umask": ("-rw-r--r--", 0, 0), "git": ("drwxr-xr-x", 0, 0), "git/f": ("-rw-r--r--", 0, 0),
}
root, wrong, seen, in_trees = sys.argv[1], [], {}, set()
me = os.geteuid(), os.getegid()
def look(path):
    name = os.path.relpath(path, root) if path != root else ""
    st = os.lstat(path)
    mode, owner = stat.filemode(st.st_mode), (st.st_uid, st.st_gid)
    for pattern, wanted, _ in table:
        if re.fullmatch(pattern, name):
            break
    else:
        return wrong.append("%s: what is that?" % name)
    seen[pattern] = seen.get(pattern, 0) + 1
    if wanted == "tree":
        inner = re.sub(r"^[^/]+/\d+/fs/", "", name)
        if inner in trees and name.startswith("snapshots/"):
            in_trees.add(inner)
            if (mode, *owner) != trees[inner]:
                wrong.append("%s: %s %d:%d" % (name, mode, *owner))
        return
    if wanted == "cache":
        if (mode, *owner) not in (("drwxr-xr-x", 0, 0), ("drwxrwx---", 5, 6), ("drwx------", 0, 0)):
            wrong.append("%s: %s %d:%d" % (name, mode, *owner))
        return
    if owner != me:
        wrong.append("%s: belongs to %d:%d" % (name, *owner))
    if mode != wanted:
        wrong.append("%s: %s" % (name, mode))
    if stat.S_ISREG(st.st_mode) and st.st_nlink != 1:
        wrong.append("%s: %d names" % (name, st.st_nlink))
look(root)
for top, dirs, files in os.walk(root):
    for one in dirs + files:
        look(os.path.join(top, one))
for pattern, _, least in table:
    if seen.get(pattern, 0) < least:
        wrong.append("%d of %s" % (seen.get(pattern, 0), pattern))
wrong += ["no %s in any tree" % t for t in trees if t not in in_trees and not (t.startswith("git") and len(sys.argv) < 3)]
print("\n".join(wrong))
sys.exit(bool(wrong))
END_PYTHON

for mask in 022 000 077; do
    store=$work/store-$mask
    rm -rf "$work/x.tar" "$work/metadata" "$work/iid" "$work/small" "$work/cache"
    umask $mask
    every_kind
    umask 022
    python3 "$work/walk" "$store" $git >"$work/wrong" || { cat "$work/wrong" >&2; fail "modes of the store, umask $mask"; }
    # A step has a umask of its own, and the network's files are for everybody.
    assert_eq 0022 "$(cat "$work/small/umask")"
    assert_eq "-rw-r--r-- -rw-r--r--" "$(tr '\n' ' ' <"$work/small/network" | sed 's/ $//')"
    # The caller's files are made as the caller's umask says.
    case $mask in 000) wanted=644 ;; 022) wanted=644 ;; 077) wanted=600 ;; esac
    assert_eq "$wanted x.tar" "$(stat -c '%a x.tar' "$work/x.tar")"
    assert_eq "" "$(find "$store/tmp" "$store/locks" -mindepth 1)"
done
