#!/bin/sh
# What an imported cache may decide: the results of builds that name it, and of no others. A
# cache is doctored so that a step has "made" what it never makes; it must not come back in a
# build that does not name this cache, by the step itself, by what was built upon it, or by
# keys alone.
. "$(dirname "$0")/lib.sh"

cat >"$work/poison.py" <<'END_PYTHON'
import gzip, hashlib, io, json, shutil, sys, tarfile
src, dst, what = sys.argv[1:4]
shutil.copytree(src, dst)
sha = lambda b: "sha256:" + hashlib.sha256(b).hexdigest()
def blob(d):
    return dst + "/blobs/" + d.replace(":", "/")
def put(b):
    open(blob(sha(b)), "wb").write(b)
    return sha(b)
read = lambda d: open(blob(d), "rb").read()
index = json.load(open(dst + "/index.json"))
manifest = json.loads(read(index["manifests"][0]["digest"]))
config = json.loads(read(manifest["config"]["digest"]))
if what == "keys": # the key of one step leads to the record of another, without a result
    made = [r for r in config["records"] if r.get("tenon.keys")]
    first, second = made[-2], made[-1]
    first["digest"], first["results"] = second["digest"], []
else:
    t = io.BytesIO()
    with tarfile.open(fileobj=t, mode="w") as tar:
        info = tarfile.TarInfo("x")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"EVIL\n"))
    layer = gzip.compress(t.getvalue())
    for i, l in enumerate(config["layers"]):
        data = read(l["blob"])
        names = tarfile.open(fileobj=io.BytesIO(data)).getnames()
        if names == ["x"]:
            old = l["blob"]
            l["blob"] = put(layer)
            l["annotations"].update(size=len(layer), diffID=sha(t.getvalue()))
            for m in manifest["layers"]:
                if m["digest"] == old:
                    m.update(digest=l["blob"], size=len(layer))
                    m["annotations"]["containerd.io/uncompressed"] = sha(t.getvalue())
            # and nothing of what was built upon it
            config["records"] = [r for r in config["records"] if [o.get("layer") for o in r.get("results", [])] == [i]]
            break
    else:
        sys.exit("no layer of the step")
text = json.dumps(config).encode()
manifest["config"].update(digest=put(text), size=len(text))
text = json.dumps(manifest).encode()
index["manifests"][0].update(digest=put(text), size=len(text))
json.dump(index, open(dst + "/index.json", "w"))
END_PYTHON

cat >"$context/Dockerfile" <<'END'
FROM base AS made
RUN echo hi >/x
RUN cat /x >/y
FROM base AS copied
COPY --from=made /x /z
RUN cat /z >/w
FROM scratch
COPY --from=made /x /y /
COPY --from=copied /z /w /
END

# The layer of the base, compressed in another way by a cache, which may lie about its size, too.
cat >"$work/recompress.py" <<'END_PYTHON'
import gzip, hashlib, json, shutil, sys
src, dst, what = sys.argv[1:4]
shutil.copytree(src, dst)
blob = lambda d: dst + "/blobs/" + d.replace(":", "/")
def put(b):
    d = "sha256:" + hashlib.sha256(b).hexdigest()
    open(blob(d), "wb").write(b)
    return dict(digest=d, size=len(b))
read = lambda d: open(blob(d), "rb").read()
index = json.load(open(dst + "/index.json"))
manifest = json.loads(read(index["manifests"][0]["digest"]))
again = lambda d: put(gzip.compress(gzip.decompress(read(d)), 1))
config = json.loads(read(manifest["config"]["digest"]))
for l in config["layers"]:
    if l.get("tenon.base"):
        new = again(l["blob"])
        l["blob"] = new["digest"]
        l["annotations"]["size"] = 7 if what == "size" else new["size"]
manifest["config"].update(put(json.dumps(config).encode()))
index["manifests"][0].update(put(json.dumps(manifest).encode()))
json.dump(index, open(dst + "/index.json", "w"))
END_PYTHON
cat >"$work/base-blob.py" <<'END_PYTHON'
import json, sys, tarfile
with tarfile.open(sys.argv[1]) as t:
    read = lambda n: json.load(t.extractfile(n))
    m = read("index.json")["manifests"][0]["digest"]
    print(read("blobs/" + m.replace(":", "/"))["layers"][0])
END_PYTHON
# base_blob FLAG...: what an image of ours says of its base's layer
base_blob() {
    run 0 build "$store" -o "type=oci,dest=$own/image.tar" --target copied "$@" "$context"
    "$python" "$work/base-blob.py" "$own/image.tar"
}

# result FLAG...: the four files as one line
result() {
    rm -rf "$own/tree"
    run 0 build "$store" --build-context "$base" -o "type=local,dest=$own/tree" "$@" "$context"
    cat "$own/tree/x" "$own/tree/y" "$own/tree/z" "$own/tree/w" | tr '\n' ' '
}
honest="hi hi hi hi "
evil="EVIL EVIL EVIL EVIL "

imported() {
    "$python" - "$store/tenon.db" <<'END_OF_QUERY'
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute(
    "SELECT count(*) FROM record WHERE description LIKE 'imported from %'").fetchone()[0])
END_OF_QUERY
}
trial() {
    rm -rf "$own/cache" "$own/doctored" "$own/keys" "$own/other" "$own/source"
    kept=$store
    store=$own/source
    result --cache-to "type=local,dest=$own/cache,mode=max" >/dev/null
    "$python" "$work/poison.py" "$own/cache" "$own/doctored" result
    "$python" "$work/poison.py" "$own/cache" "$own/keys" keys
    cp -r "$own/cache" "$own/other"
    store=$kept
    from=type=local,src=$own/doctored

    # The trial is one: who names the cache gets what it says.
    assert_eq "$evil" "$(result --cache-from "$from")"
    # and again out of the store, also where the cache is gone
    assert_eq "$evil" "$(result --cache-from "$from")"
    mv "$own/doctored" "$own/away"
    assert_eq "$evil" "$(result --cache-from "$from")"
    mv "$own/away" "$own/doctored"
    # Nobody else does: not without a cache, nor with another one, nor with that beside others.
    assert_eq "$honest" "$(result)"
    assert_eq "$honest" "$(result --cache-from "type=local,src=$own/other")"
    assert_eq "$honest" "$(result)"

    # Before anything was made here: a cache first, then none; what was built on it, too.
    for order in "first" "no-cache" "all"; do
        store=$own/store-$executor-$order
        case $order in
        first) assert_eq "$evil" "$(result --cache-from "$from")" ;;
        no-cache)
            assert_eq "$evil" "$(result --cache-from "$from")"
            assert_eq "$honest" "$(result --no-cache)"
            ;;
        all)
            run 0 build "$store" --build-context "$base" -o type=cacheonly --target copied --cache-from "$from" "$context"
            run 0 build "$store" --build-context "$base" -o type=cacheonly --target made --cache-from "$from" "$context"
            ;;
        esac
        assert_eq "$honest" "$(result)"
        assert_eq "" "$(steps_ended "$work/err" ERROR)"
        # made here, it is what even those get who name the cache
        assert_eq "$honest" "$(result --cache-from "$from")"
        store_right "$store"
        rm -rf "$store"
    done

    # The blob of a base's layer is the image's own, whatever a cache had for it.
    store=$own/source
    its_own=$(base_blob --build-context "$base")
    for what in blob size; do
        store=$own/store-$executor-$what
        rm -rf "$own/doctored-$what"
        "$python" "$work/recompress.py" "$own/cache" "$own/doctored-$what" $what
        theirs=$(base_blob --build-context "$base" --cache-from "type=local,src=$own/doctored-$what")
        [ $what = size ] || [ "$theirs" != "$its_own" ] || fail "$executor: $what: the blob was not taken"
        assert_eq "$its_own" "$(base_blob --build-context "$base")"
        store_right "$store"
        rm -rf "$store"
    done

    # A cache that says two steps are one: whatever it says, others are told nothing.
    store=$own/store-$executor-keys
    got=0
    build "$store" --build-context "$base" -o type=cacheonly --cache-from "type=local,src=$own/keys" "$context" \
        >"$work/out" 2>"$work/err" || got=$?
    [ $got -le 1 ] || fail "$executor: status $got"
    assert_eq "$honest" "$(result)"
    store_right "$store"
    rm -rf "$store"

    # Who says that a cache is to be trusted has its results as own ones.
    store=$own/store-$executor-trusted
    assert_eq "$honest" "$(result --cache-from "type=local,src=$own/other,trust=true")"
    run 0 build "$store" --build-context "$base" -o type=cacheonly "$context"
    [ -n "$(steps_ended "$work/err" CACHED)" ] || fail "$executor: a trusted cache is not kept"
    rm -rf "$store"

    # What came by an import is collected with the rest.
    store=$own/store-$executor-pruned
    assert_eq "$evil" "$(result --cache-from "$from")"
    [ "$(imported)" -gt 0 ] || fail "$executor: nothing was imported"
    run 0 tenon --root "$store" prune --all --force
    assert_eq 0 "$(imported)"
    rm -rf "$store"
    store=$kept
}
each_executor trial
