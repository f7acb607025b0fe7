#!/bin/sh
# More layers than overlayfs stacked for long (127): 220 of them in one stage,
# each seen by what comes after, exported, read again, and built upon.
. "$(dirname "$0")/lib.sh"
need_root
need python3 skopeo
make_bases

context=$work/context
mkdir "$context"
{
    echo "FROM base AS deep"
    i=0
    while [ $i -lt 200 ]; do
        echo $i >"$context/f$i"
        echo "COPY f$i /f/"
        i=$((i + 1))
        # Some go again, so that upper layers hide what lower ones hold.
        if [ $((i % 20)) = 0 ]; then echo "RUN rm /f/f$((i - 10)) && ls /f | wc -l >/count$i"; fi
    done
    # Another one than the first step's layer, far below.
    echo "RUN test \$(cat /f/f0) = 0 && test ! -e /f/f10 && echo top >/f/f0"
    echo "FROM base"
    echo "COPY --from=0 /f /f"
} >"$context/Dockerfile"
base="base=oci-layout://$bases/busybox"

run 0 build "$store" --build-context "$base" --target deep -o "type=oci,tar=false,dest=$work/layout" "$context"
# One, by position: the base's layer and 211 more.
layers=$(skopeo inspect "oci:$work/layout:latest" | "$python" -c 'import json, sys; print(len(json.load(sys.stdin)["Layers"]))')
assert_eq 212 "$layers"
run 0 build "$store" --build-context "$base" -o "$work/tree" "$context"
assert_eq 190 "$(ls "$work/tree/f" | wc -l)"
assert_eq top "$(cat "$work/tree/f/f0")"
assert_eq 199 "$(cat "$work/tree/f/f199")"

# The same from an image, in a store that has nothing, and on top of it.
printf 'FROM base\nRUN test $(cat /f/f0) = top && test ! -e /f/f10 && test $(cat /count200) = 190 && echo well >/well\n' \
    >"$context/upon.Dockerfile"
run 0 build "$work/store2" --build-context "base=oci-layout://$work/layout" -f "$context/upon.Dockerfile" \
    -o "$work/upon" "$context"
assert_eq well "$(cat "$work/upon/well")"
assert_eq 190 "$(ls "$work/upon/f" | wc -l)"
store_right "$store"
no_leftover "$store"
