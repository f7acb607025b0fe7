"""Images in OCI layouts: documents, layers, and what they mean."""
import hashlib
import json
import os
import tarfile

import trees
from compression import decompress

CREATED = "org.opencontainers.image.created"


class Archive:
    """An OCI (or docker) layout in a tar or a directory."""

    def __init__(self, path):
        self.dir = path if os.path.isdir(path) else None
        self.tar = None if self.dir else tarfile.open(path)

    def read(self, name):
        if self.dir:
            with open(os.path.join(self.dir, name), "rb") as f:
                return f.read()
        return self.tar.extractfile(name).read()

    def blob(self, descriptor):
        """The bytes that a descriptor names, if they are what it says."""
        a, h = descriptor["digest"].split(":")
        data = self.read("blobs/%s/%s" % (a, h))
        if hashlib.new(a, data).hexdigest() != h:
            raise ValueError("blob %s does not have its digest" % descriptor["digest"])
        if descriptor.get("size") != len(data):
            raise ValueError("the descriptor of blob %s (%s) says %s bytes; it has %d" %
                             (descriptor["digest"], descriptor.get("mediaType"), descriptor.get("size"), len(data)))
        return data

    def document(self, descriptor):
        return json.loads(self.blob(descriptor))


def is_index(descriptor):
    return "index" in descriptor["mediaType"] or "manifest.list" in descriptor["mediaType"]


def platform_name(d):
    p = d.get("os", "linux") + "/" + d.get("architecture", "?")
    return p + ("/" + d["variant"] if d.get("variant") else "")


def comparable(o, window, inward):
    """A document without the digests and sizes, which blob() has verified, and with
    times as they are compared. Everything else stays, null and empty members too."""
    if isinstance(o, dict):
        drop = ("digest", "size") if "mediaType" in o and "digest" in o else ()
        out = {}
        for k, v in o.items():
            if k in drop:
                continue
            out[k] = window.date(v) if k in ("created", CREATED) else comparable(v, window, inward)
        return out
    if isinstance(o, list):
        return [comparable(x, window, inward) for x in o]
    return inward(o) if isinstance(o, str) else o


def read_image(path, window, reference, base_layers, inward=lambda s: s):
    """(images by platform, the documents around them)"""
    ar = Archive(path)
    index = json.loads(ar.read("index.json"))
    documents = [{"oci-layout": json.loads(ar.read("oci-layout"))},
                 {"index.json": comparable(index, window, inward)}]
    todo, found = list(index["manifests"]), []
    while todo:
        d = todo.pop(0)
        body = ar.document(d)
        if is_index(d):
            todo = body["manifests"] + todo
            documents.append({"index": comparable(body, window, inward)})
            continue
        documents.append({"manifest": comparable(body, window, inward)})
        if not (d.get("annotations") or {}).get("vnd.docker.reference.type"):
            found.append(body)
    images = {}
    for manifest in found:
        config = ar.document(manifest["config"])
        key = platform_name(config)
        if key in images:
            key += " (again)"
        images[key] = read_config(ar, manifest, config, window, reference, base_layers, inward)
    return images, documents


def read_config(ar, manifest, config, window, reference, base_layers, inward):
    state, layers, raws = {}, [], []
    diff_ids = config["rootfs"].get("diff_ids") or []
    if len(diff_ids) != len(manifest.get("layers") or []):
        raise ValueError("diff_ids and layers differ in number")
    for diff, layer in zip(diff_ids, manifest.get("layers") or []):
        data = decompress(ar.blob(layer))
        if "sha256:" + hashlib.sha256(data).hexdigest() != diff:
            raise ValueError("layer %s does not have its diff_id" % layer["digest"])
        meaning, raw = trees.apply_layer(state, data)
        layers.append(base_layers.get(diff, meaning))
        raws.append(base_layers.get(diff, raw))
    top = {k: v for k, v in config.items() if k != "history"}
    top["rootfs"] = {k: v for k, v in config["rootfs"].items() if k != "diff_ids"}
    image = {"config": comparable(top, window, inward), "layers": layers, "layers-raw": raws,
             "diff-ids": diff_ids, "rootfs": trees.listing(state, window, reference)}
    if "history" in config:
        image["history"] = comparable(config["history"], window, inward)
    return image


def read_docker_names(path, inward):
    """What the docker manifest of an archive says, layers by their number."""
    return [{"RepoTags": [inward(t) for t in x["RepoTags"]] if x.get("RepoTags") else x.get("RepoTags"),
             "Layers": len(x["Layers"]), "members": sorted(x)}
            for x in json.loads(Archive(path).read("manifest.json"))]
