#!/bin/sh
# The core names no plugin: a string of core/ that is "NAME" or holds "KIND-NAME" of a
# folder of plugins/ is here with its reason, or it goes to configure, the command or a table
# of plugins. The public headers are the plugins' own manual, and are left out.
. "$(dirname "$0")/../cli/lib.sh"
cd "$abs_top_srcdir"

# ROOM STRING REASON: these words are plugins' names and something else.
cat >"$work/reasons" <<'EOF'
core/graph bind type of a mount in the LLB, which is also the plugin's name
core/graph secret type of a mount in the LLB
core/graph ssh type of a mount in the LLB
core/graph cache type of a mount in the LLB
core/graph tmpfs type of a mount in the LLB
core/exec bind type of a mount in a CDI file
core/exec secret service of the session
core/compare tar form of layers and archives
core/places image member of a document
core/places oci-layout file of a layout
core/signing image member of a payload, and what is signed
core/engine tmpfs file system
core/engine image output whose defaults were others in older releases of BuildKit
core/engine local mode of resolving an image
core/engine docker type of a package URL
core/engine oci type of a package URL
core/places provenance what an image says about itself
core/engine generator attribute of an attestation
core/engine ssh member of the facts about a result
core/plugin cache kind of plugins
core/registry http scheme of an address
core/store cache name of a directory in tmp/
core/store tmpfs file system
core/tools secret part of a parameter's name in a URL
core/tools ssh scheme of an address
EOF

# Strings one a line, "FILE STRING", without comments and includes.
find core -name '*.[ch]' ! -path 'core/include/*' | sort | while read -r file; do
    sed -E 's,/\*([^*]|\*+[^*/])*\*+/,,g; /^ *(\/\*|\*( |$))/d; /^ *# *include/d' "$file" |
        grep -oE '"([^"\\]|\\.)*"' | sed "s,^\"\(.*\)\"\$,$file \1,"
done >"$work/strings"
[ "$(wc -l <"$work/strings")" -ge 1000 ] || fail "few strings found in core/"

# named STRINGS: those of them that name a plugin.
named() {
    for dir in plugins/*-*/; do
        plugin=$(basename "$dir")
        awk -v plugin="$plugin" -v name="${plugin#*-}" '{
            text = substr($0, length($1) + 2)
            if (text == name || index(text, plugin)) print $1, text
        }' "$1"
    done | sort -u
}
printf '%s\n' 'a.c native' 'b.c is exporter-oci there' 'c.c natives' >"$work/planted"
[ "$(named "$work/planted" | cut -c1 | tr '\n' ' ')" = "a b " ] || fail "a name is not noticed"

named "$work/strings" >"$work/where"
sed 's,/[^/ ]* , ,' "$work/where" | sort -u >"$work/named"
cut -d' ' -f1,2 "$work/reasons" | sort -u >"$work/known"
comm -23 "$work/named" "$work/known" >"$work/bad"
[ ! -s "$work/bad" ] || { cat "$work/bad" "$work/where" >&2; fail "the core names a plugin"; }
comm -13 "$work/named" "$work/known" >"$work/stale"
[ ! -s "$work/stale" ] || { cat "$work/stale" >&2; fail "exceptions that are none any more"; }
