"""Images for BuildKit's test suites, made of a static busybox, pushed to a registry."""
import gzip, hashlib, io, json, subprocess, sys, tarfile, urllib.request

host, busybox = sys.argv[1], sys.argv[2]

def call(method, url, data=None, kind=None):
    request = urllib.request.Request(url, data=data, method=method)
    if kind:
        request.add_header("Content-Type", kind)
    return urllib.request.urlopen(request)

def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()

def blob(name, data):
    with call("POST", f"http://{host}/v2/{name}/blobs/uploads/", b"") as answer:
        where = answer.headers["Location"]
    glue = "&" if "?" in where else "?"
    call("PUT", f"{where}{glue}digest={digest(data)}", data, "application/octet-stream").close()
    return {"digest": digest(data), "size": len(data)}

class Tree:
    def __init__(self):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.USTAR_FORMAT)
    def add(self, name, kind=tarfile.DIRTYPE, mode=0o755, data=b"", link=""):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), link
        entry.mtime = 1600000000
        self.tar.addfile(entry, io.BytesIO(data))
    def file(self, name, data, mode=0o644):
        self.add(name, tarfile.REGTYPE, mode, data)
    def bytes(self):
        self.tar.close()
        return self.out.getvalue()

def applets():
    return subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()

PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
GROUP = """root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
wheel:x:10:root
mail:x:8:
utmp:x:43:
www-data:x:33:
audio:x:29:
staff:x:50:
users:x:100:
nobody:x:65534:
"""

def busybox_tree(extra):
    tree = Tree()
    for d, mode in (("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("root", 0o700),
                    ("tmp", 0o1777), ("usr", 0o755), ("usr/bin", 0o755), ("usr/sbin", 0o755),
                    ("var", 0o755), ("var/spool", 0o755), ("var/spool/mail", 0o755), ("var/www", 0o755), ("lib", 0o755), ("sbin", 0o755), ("proc", 0o555), ("sys", 0o555), ("run", 0o755), ("opt", 0o755), ("mnt", 0o755), ("media", 0o755), ("srv", 0o755)):
        if extra or d not in ("lib", "sbin", "proc", "sys", "run", "opt", "mnt", "media", "srv"):
            tree.add(d, mode=mode)
    tree.file("bin/busybox", open(busybox, "rb").read(), 0o755)
    for name in applets():
        if name != "busybox":
            tree.add("bin/" + name, tarfile.LNKTYPE, 0o755, link="bin/busybox")
    tree.add("usr/bin/env", tarfile.SYMTYPE, 0o777, link="/bin/env")
    tree.file("etc/passwd", PASSWD.encode())
    tree.file("etc/group", GROUP.encode())
    tree.file("etc/shadow", b"root:*::0:::::\n", 0o640)
    if extra:
        tree.file("etc/alpine-release", b"3.18.0\n")
        tree.file("etc/os-release", b'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.18.0\n')
        tree.file("etc/hosts", b"127.0.0.1\tlocalhost localhost.localdomain\n")
    return tree.bytes()

DOCKER = "application/vnd.docker."

def image(name, tag, layers, cmd=("sh",)):
    config = {"architecture": "amd64", "os": "linux", "created": "2020-09-13T12:26:40Z",
              "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": list(cmd)},
              "rootfs": {"type": "layers", "diff_ids": [digest(l) for l in layers]},
              "history": [{"created": "2020-09-13T12:26:40Z", "created_by": "/bin/sh -c #(nop) ADD file"} for l in layers]}
    if not layers:
        config["rootfs"]["diff_ids"] = None
        config["history"] = [{"created": "2020-09-13T12:26:40Z", "created_by": "LABEL", "empty_layer": True}]
    body = json.dumps(config).encode()
    manifest = {"schemaVersion": 2, "mediaType": DOCKER + "distribution.manifest.v2+json",
                "config": dict(mediaType=DOCKER + "container.image.v1+json", **blob(name, body)),
                "layers": [dict(mediaType=DOCKER + "image.rootfs.diff.tar.gzip", **blob(name, gzip.compress(l, 6, mtime=0))) for l in layers]}
    call("PUT", f"http://{host}/v2/{name}/manifests/{tag}", json.dumps(manifest, indent=3).encode(), manifest["mediaType"]).close()
    print(name, tag)

box = busybox_tree(False)
image("library/busybox", "latest", [box])
image("library/busybox", "stable-musl", [box])
image("library/alpine", "latest", [busybox_tree(True)], ("/bin/sh",))
image("tonistiigi/test", "nolayers", [])
image("cpuguy83/buildkit-foreign", "latest", [box])
image("tonistiigi/hellofs", "latest", [box])
image("amd64/debian", "bullseye-20230109-slim", [busybox_tree(True)])
image("library/busybox_amd64", "latest", [box])
for tag in sys.argv[3:]:
    image("library/busybox", tag, [box])
