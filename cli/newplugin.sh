#!/bin/sh
# newplugin.sh DIR FILE...: the files below DIR as entries of a table in C, {path, text}.
# `tenon plugin new` has them inside, so that it works wherever the command does.
dir=$1
shift
for file; do
    name=${file#"$dir"/}
    printf '{"%s",\n' "${name%.in}"
    sed 's/\\/\\\\/g; s/"/\\"/g; s/^/ "/; s/$/\\n"/' "$file" || exit 1
    echo '},'
done
