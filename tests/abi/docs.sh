#!/bin/sh
# What documents and comments name is there: links, files in backquotes, headers of rooms,
# documents that code cites.
. "$(dirname "$0")/../cli/lib.sh"
cd "$abs_top_srcdir"
documents=$(find README.md CONTRIBUTING.md docs tests bench -name '*.md' ! -path 'tests/conformance/cases/*')
missing=$work/missing
: >"$missing"
seen=0
# there WHERE NAME PATH
there() {
    seen=$((seen + 1))
    [ -e "$3" ] || echo "$1: $2 is not there" >>"$missing"
}

for document in $documents; do
    grep -oE '\]\([^)#]+' "$document" | cut -c 3- | grep -v "^https\?:" >"$work/names" || :
    while read -r name; do there "$document" "$name" "$(dirname "$document")/$name"; done <"$work/names"
    # What has a word in capitals or a star stands for many; recipes are tried by tests/cli/recipes.sh.
    awk '/^## / { recipes = /^## Recipes/ } !recipes' "$document" |
        grep -oE '`(core|cli|serve|plugins|tests|scripts|bench|docs|m4|examples)/[^` ]+`' | tr -d '`' |
        grep -v '[*{:<,]\|[A-Z][A-Z]' >"$work/names" || :
    while read -r name; do
        # A test may stand without the end of its name.
        for end in .c .sh; do [ -e "$name" ] || [ ! -e "$name$end" ] || name=$name$end; done
        there "$document" "$name" "$name"
    done <"$work/names"
done

rooms=$(sed -n '/^## Rooms/,/^## /s,^    core/\([a-z]*\) .*,\1,p' docs/architecture.md | paste -sd '|')
grep -rnoE --include='*.[ch]' "(^|[^a-zA-Z0-9_/.-])($rooms)/[a-z_-]+\.[ch]|docs/[a-z-]+\.[a-z1]+" core cli serve plugins |
    sed -E 's/^([^:]*:[0-9]*):[^a-z]?/\1 /' >"$work/cited"
while read -r where name; do
    case $name in docs/*) there "$where" "$name" "$name" ;; *) there "$where" "$name" "core/$name" ;; esac
done <"$work/cited"
[ ! -s "$missing" ] || { cat "$missing" >&2; fail "$(wc -l <"$missing") names of what is not there"; }
[ $seen -ge 500 ] || fail "only $seen names were looked for"
