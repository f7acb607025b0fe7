#!/bin/sh
# Whoever opens a file knows where they are: the first line names the file in its room, and says what
# it is about. (A plugin's own files may name the plugin instead.) One with a header
# of its own includes that first, so that it is seen to stand alone. No line is longer than 100,
# and a status has one name.
. "$(dirname "$0")/../cli/lib.sh"
cd "$abs_top_srcdir"

looked=0
: >"$work/bad"
for file in $(find core cli serve plugins -name '*.[ch]' ! -path 'core/include/*' | sort); do
    looked=$((looked + 1))
    case $file in
    core/*) names=${file#core/} ;;
    cli/* | serve/*) names=$file ;;
    plugins/common/*) names=${file#plugins/} ;;
    *)
        in_plugin=${file#plugins/}
        plugin=${in_plugin%%/*}
        names="$in_plugin|${in_plugin#*/}|$plugin|${plugin#*-}"
        ;;
    esac
    own=${file%.c}.h
    if [ "$own" != "$file" ] && [ -e "$own" ]; then
        first=$(grep -m 1 '^#include' "$file")
        case $first in
        *[\"/]"${own##*/}"\") ;;
        *) echo "$file: its own header does not come first: $first" >>"$work/bad" ;;
        esac
    fi
    LC_ALL=C.UTF-8 awk 'length($0) > 100 { print FILENAME ":" FNR ": over 100 columns" }' "$file" >>"$work/bad"
    sed -nE "s|^ *int (ret\|res\|retval) = .*|$file: a status that is kept is rc: &|p" "$file" >>"$work/bad"
    head -n 1 "$file" | grep -Eiq "^/\* .*($names).*[^ ]" || echo "$file: $(head -n 1 "$file")" >>"$work/bad"
done
[ $looked -ge 300 ] || fail "only $looked files"
[ ! -s "$work/bad" ] || { cat "$work/bad" >&2; fail "heads of files"; }
