#!/bin/sh
# A room includes of itself and of the rooms above it in the table of
# docs/architecture.md; the table is read from there. Plugins include the public headers,
# the toolbox, plugins/common and their own directory; of the two halves of the frontend,
# convert includes language, and language nothing of convert.
. "$(dirname "$0")/../cli/lib.sh"
cd "$abs_top_srcdir"
rooms=$(sed -n '/^## Rooms/,/^## /s,^    core/\([a-z]*\) .*,\1,p' docs/architecture.md | grep -vx include)
[ "$(echo "$rooms" | wc -l)" -ge 10 ] || fail "no table of rooms in docs/architecture.md"

# Each directory of core/ has a line, and each line a directory.
for room in $rooms; do [ -d "core/$room" ] || fail "docs/architecture.md: no room core/$room"; done
for dir in core/*/; do
    room=$(basename "$dir")
    [ "$room" = include ] || echo "$rooms" | grep -qx "$room" || fail "core/$room is not in docs/architecture.md"
done

# check WHERE FILES ALLOWED...: what is between quotes and has a directory is of these.
bad=$work/bad
: >"$bad"
check() {
    where=$1
    shift
    allowed=$(printf '%s|' "$@")
    find $where -name '*.[ch]' -exec grep -HnE '^ *# *include +"[^"]*/' {} + >"$work/includes" ||
        return 0
    grep -vE "\"(${allowed%|})/[^/\"]*\"" "$work/includes" >>"$bad" || return 0
}
above=
for room in $rooms; do
    above="$above $room"
    check "core/$room" $above
done
check history $rooms "common/[a-z-]*"
check serve $rooms "common/[a-z-]*"
for dir in plugins/*/; do
    case $dir in plugins/common/) continue ;; esac
    case $dir in
    plugins/frontend-dockerfile/)
        check "${dir}language" tools "common/[a-z-]*"
        check "${dir}convert" tools language "common/[a-z-]*"
        ;;
    *) check "$dir" tools "common/[a-z-]*" ;;
    esac
done
for dir in plugins/common/*/; do check "$dir" tools "common/[a-z-]*"; done
[ ! -s "$bad" ] || { cat "$bad" >&2; fail "includes that docs/architecture.md does not allow"; }

# The compiler holds plugins to it.
printf '#include "base/io.h"\n' >"$work/reach.c"
flags="-I$abs_top_builddir/plugins/include -I$abs_top_srcdir/core/include"
! ${CC:-cc} -fsyntax-only $flags "$work/reach.c" 2>/dev/null || fail "a plugin can include a room of the core"
printf '#include "tools/buf.h"\n#include "tenon-plugin.h"\n' >"$work/may.c"
${CC:-cc} -D_GNU_SOURCE -fsyntax-only $flags "$work/may.c" || fail "a plugin cannot include the toolbox"
