# setup.sh - sourced by quickstart and check: packages, configure, make.
# Sets top (the source tree) and build ($BUILD or ./build).

top=$(cd "$(dirname "$0")/.." && pwd -P)
build=${BUILD:-$top/build}
case $build in
/*) ;;
*) build=$PWD/$build ;;
esac

# configure looks for bash, and writes it into the makefiles and into libtool, which takes twice as
# long with it as with dash.
CONFIG_SHELL=${CONFIG_SHELL:-/bin/sh}
export CONFIG_SHELL

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

listed_packages() { sed 's/#.*//' "$top/scripts/packages" | tr -s ' \t' '\n\n' | sed '/^$/d'; }
optional_packages() { sed -n 's/^\([^# ]*\) *#.*optional.*/\1/p' "$top/scripts/packages"; }

missing_packages() {
    have=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $(listed_packages) 2>/dev/null |
        sed -n 's/^ii *//p')
    for p in $(listed_packages); do
        printf '%s\n' "$have" | grep -qx "$p" || printf '%s\n' "$p"
    done
}

install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "not a Debian system: make sure that what scripts/packages lists is there"
        return 0
    fi
    missing=$(missing_packages)
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        die "packages are missing, and there is no sudo to install them. As root:
  apt-get install -y --no-install-recommends $(echo $missing)"
    fi
    say "installing: $(echo $missing)"
    DEBIAN_FRONTEND=noninteractive
    export DEBIAN_FRONTEND
    apt="apt-get -y -qq --no-install-recommends install"
    # What fails first is an old list of packages.
    as_root env DEBIAN_FRONTEND=noninteractive $apt $missing >/dev/null 2>&1 ||
        { as_root apt-get -qq update && as_root env DEBIAN_FRONTEND=noninteractive $apt $missing >/dev/null; } ||
        {
            # Not each release has the optional ones.
            for p in $missing; do
                as_root env DEBIAN_FRONTEND=noninteractive $apt "$p" >/dev/null && continue
                optional_packages | grep -qx "$p" || die "cannot install $p"
                say "without $p (optional)"
            done
        }
}

# Quiet while it works; what make said is in build/make.log.
build_tree() {
    if [ ! -x "$top/configure" ] || [ "$top/configure.ac" -nt "$top/configure" ]; then
        say "autoreconf"
        (cd "$top" && autoreconf -i >"$top/autoreconf.log" 2>&1) ||
            { cat "$top/autoreconf.log" >&2; die "autoreconf did not work"; }
        rm -f "$top/autoreconf.log"
    fi
    mkdir -p "$build"
    if [ ! -f "$build/Makefile" ]; then
        say "configure"
        (cd "$build" && "$top/configure" -q "$@" >configure.log 2>&1) ||
            { tail -n 20 "$build/configure.log" >&2; die "configure did not work"; }
    fi
    if [ -x "$build/tenon" ]; then say "make"; else say "make (takes a minute or two the first time)"; fi
    make -C "$build" -j"$(nproc)" all >"$build/make.log" 2>&1 ||
        { grep -E 'error|\*\*\*' "$build/make.log" | head -n 20 >&2; die "make did not work (see $build/make.log)"; }
}
