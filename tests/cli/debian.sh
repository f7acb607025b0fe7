#!/bin/sh
# The real thing: a Debian from the mirror that this machine's apt knows becomes
# a base image in a registry; on it a compiler is installed with apt's
# directories in cache mounts, a C program is compiled and copied into a second
# stage. Other tools read the archive, and the program runs from it.
#
# DEBIAN_COMPILER=gcc takes another compiler than the small one.
proxies=$(env | grep -i '^https\?_proxy=' || :)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/debian-lib.sh"
need_root
need mmdebstrap apt-get skopeo umoci runc python3 jq docker-registry

compiler=${DEBIAN_COMPILER:-tcc}

# 1. An archive becomes an image, in a registry.
make_debian
run 0 skopeo inspect --tls-verify=false "docker://$base"
jq -e '.Os == "linux" and (.Layers | length) == 1' "$work/out" >/dev/null || fail "the base: $(cat "$work/out")"
rm -rf "$store" # from here on the base comes out of the registry

# 2. A compiler, a program, a second stage.
mkdir "$work/context"
cat >"$work/context/hello.c" <<'END'
#include <stdio.h>
#include <sys/utsname.h>

int
main(int argc, char **argv)
{
    struct utsname u;
    FILE *f = fopen("/etc/debian_version", "r");
    char version[64] = "";
    if (uname(&u) < 0 || !f || fscanf(f, "%63s", version) != 1)
        return 1;
    printf("hello %s from %s on Debian %s\n", argc > 1 ? argv[1] : "?", u.sysname, version);
    return 0;
}
END
cat >"$work/context/Dockerfile" <<END
FROM $base AS build
ARG COMPILER
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\
    --mount=type=cache,target=/var/lib/apt,sharing=locked \\
    --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/99machine \\
    apt-get update && apt-get install -y --no-install-recommends \$COMPILER libc6-dev
WORKDIR /src
COPY hello.c .
RUN \$COMPILER -Wall -Werror -o hello hello.c && ./hello stage

FROM $base
COPY --from=build /src/hello /usr/local/bin/
ENTRYPOINT ["hello"]
CMD ["world"]
END
app() { # FLAG...
    tenon build --progress=plain $step_args \
        --build-arg "COMPILER=$compiler" -t app:1 -o "type=oci,dest=$work/app.tar" "$@" "$work/context"
}
run 0 app --metadata-file "$work/metadata.json"
assert_has "$work/err" "hello stage from Linux on Debian"
version=$(sed -n 's/.*hello stage from Linux on Debian //p' "$work/err" | head -n 1)

# 3. What others make of the archive.
run 0 skopeo inspect "oci-archive:$work/app.tar"
jq -e '.Os == "linux" and (.Layers | length) == 2' "$work/out" >/dev/null || fail "skopeo: $(cat "$work/out")"
assert_eq "$(jq -r '."containerimage.digest"' "$work/metadata.json")" "$(jq -r .Digest "$work/out")"
run 0 skopeo inspect --config "oci-archive:$work/app.tar"
assert_eq '["hello"] ["world"]' "$(jq -c '.config.Entrypoint, .config.Cmd' "$work/out" | paste -sd' ')"
mkdir "$work/layout"
tar -xf "$work/app.tar" -C "$work/layout"
run 0 umoci unpack --image "$work/layout:1" "$work/bundle"
files=$work/bundle/rootfs
assert_file "$files/usr/local/bin/hello"
[ "$(find "$files" | wc -l)" -gt 1000 ] || fail "umoci unpacked no Debian"
# No compiler, no list and no archive of apt, no configuration of this machine.
assert_no_file "$files/usr/bin/$compiler"
assert_no_file "$files/etc/apt/apt.conf.d/99machine"
assert_eq "" "$(find "$files/var/cache/apt" "$files/var/lib/apt/lists" -type f ! -name lock)"

# 4. The program runs from it.
python3 - "$work/bundle/config.json" <<'END'
import json, sys
c = json.load(open(sys.argv[1]))
c["process"]["terminal"] = False
c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "network"]
json.dump(c, open(sys.argv[1], "w"))
END
run 0 runc --root "$work/runc" run --bundle "$work/bundle" "tenon-debian-$$"
assert_eq "hello world from Linux on Debian $version" "$(cat "$work/out")"

# 5. Again: nothing runs, and the image is the same.
digest=$(jq -r '."containerimage.digest"' "$work/metadata.json")
run 0 app --metadata-file "$work/metadata.json"
assert_eq "$digest" "$(jq -r '."containerimage.digest"' "$work/metadata.json")"
for step in 'RUN --mount' 'WORKDIR /src' 'COPY hello.c' "RUN $compiler" 'COPY --from=build'; do
    assert_eq "$step: CACHED" "$step: $(step_ended "$work/err" "$step")"
done

# 6. What apt fetched is in the cache mount: the step again, without a network.
sed -i -e 's/^RUN --mount=type=cache,target=.var.cache/RUN --network=none --mount=type=cache,target=\/var\/cache/' \
    -e 's/apt-get update && apt-get/apt-get --no-download/' "$work/context/Dockerfile"
run 0 app
assert_has "$work/err" "RUN --network=none"
assert_lacks "$work/err" "Get:1"
