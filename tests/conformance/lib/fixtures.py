"""What the cases build from: base images in a registry, and a web server."""
import hashlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading

import images
import processes
import times

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REG, WEB = "127.0.0.1:5000", "127.0.0.1:5001"      # as written in the cases


class Bases:
    """The base images' layouts, read: the reference and the names of their layers."""

    def __init__(self, path, given):
        make_bases(path, given)
        self.path = path
        self.layers = {}                # diff_id -> "base NAME#N"
        for name in sorted(os.listdir(path), key=lambda n: (n != "busybox", n)):
            ar = images.Archive(os.path.join(path, name))
            todo = json.loads(ar.read("index.json"))["manifests"]
            while todo:
                doc = ar.document(todo.pop(0))
                if "manifests" in doc:
                    todo += doc["manifests"]
                    continue
                for i, x in enumerate(ar.document(doc["config"])["rootfs"]["diff_ids"]):
                    self.layers.setdefault(x, "base %s#%d" % (name, i))
        im, _ = images.read_image(os.path.join(path, "busybox"), times.Never(), None, {})
        self.reference = im["linux/amd64"]["rootfs"]


def make_bases(path, given):
    """Those of an earlier run are taken, unless make-bases has changed since. What was
    given is never replaced."""
    maker = os.path.join(HERE, "bases/make-bases")
    if given and os.path.isdir(os.path.join(path, "busybox")):
        return
    with open(maker, "rb") as f:
        now = hashlib.sha256(f.read()).hexdigest()
    stamp = path.rstrip("/") + ".made-by"
    if os.path.exists(stamp):
        with open(stamp) as f:
            if f.read() == now and os.path.isdir(os.path.join(path, "busybox")):
                return
    shutil.rmtree(path, ignore_errors=True)
    processes.run([maker, path], stdout=subprocess.DEVNULL).check_returncode()
    with open(stamp, "w") as f:
        f.write(now)


def start_registry(address, directory, bases):
    """Nothing is started when something listens there already."""
    host, port = address.split(":")
    with socket.socket() as s:
        if not s.connect_ex((host, int(port))):
            return None
    p = processes.start([os.path.join(HERE, "bases/serve-registry"), "--port", port, "--dir", directory,
                         "--bases", bases], stdout=subprocess.PIPE)
    if p.stdout.readline().strip() != b"ready":
        sys.exit("the registry did not start")
    return p


def push_frontend(layout, registry):
    """What the registry calls the image of the layout then."""
    name = registry + "/frontend:latest"
    processes.run(["skopeo", "--insecure-policy", "copy", "-q", "--all", "--dest-tls-verify=false",
                   "oci:" + layout, "docker://" + name]).check_returncode()
    return name


class Web:
    """Serves the directory www/ of each case that runs as /AREA/NAME/."""

    def __init__(self, port):
        self.live = live = {}           # case id -> served directory

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                answer(self, live)
            do_HEAD = do_GET

            def log_message(self, *a):
                pass
        try:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def answer(h, live):
    part = h.path.split("?")[0].strip("/").split("/")
    root = live.get("/".join(part[:2]))
    f = os.path.join(root, *part[2:]) if root else ""
    if not root or not os.path.isfile(f):
        return h.send_error(404)
    with open(f, "rb") as fh:
        data = fh.read()
    tag = '"%s"' % hashlib.sha256(data).hexdigest()[:16]
    if h.headers.get("If-None-Match") and tag in h.headers["If-None-Match"]:
        h.send_response(304)
        h.send_header("ETag", tag)
        h.end_headers()
        return None
    h.send_response(200)
    h.send_header("ETag", tag)
    h.send_header("Last-Modified", h.date_time_string(int(os.stat(f).st_mtime)))
    h.send_header("Content-Length", str(len(data)))
    if "attachment" in h.path:
        h.send_header("Content-Disposition", 'attachment; filename="given-name.txt"')
    h.end_headers()
    if h.command == "GET":
        h.wfile.write(data)
    return None
