#!/bin/sh
# Builds that differ in one thing: what can change a step's result makes it run
# again, what cannot leaves it cached. tests/unit/test-solve-keys.c has every
# attribute of the graph; here is what a user can write.
. "$(dirname "$0")/lib.sh"
need_root
make_bases

ctx=$work/context
mkdir -p "$ctx/d" "$ctx/old"
echo data >"$ctx/d/f"
echo data >"$ctx/g"
ln -s f "$ctx/d/l"
echo one >"$ctx/old/f"
touch -d 2020-01-01 "$ctx/old/f"
began=$(date +%s)
echo 1 >"$work/s1"
echo 2 >"$work/s2"

build() {
    tenon build --progress=plain --build-context "base=oci-layout://$bases/busybox" \
        -o type=cacheonly "$@" "$ctx"
}

# "STAGE cached" or "STAGE ran", by the last step of each stage, out of plain progress.
outcomes() {
    awk '/^#[0-9]+ \[[^ ]+ +[0-9]+\/[0-9]+\]/ { last[substr($2, 2)] = $1 }
        $2 == "CACHED" { cached[$1] = 1 }
        END { for (s in last) print s, cached[last[s]] ? "cached" : "ran" }' "$1" | sort
}

bad=
tried=0
check() { # differs|same NAME OUTCOME
    tried=$((tried + 1))
    case $1:$3 in
    differs:ran | same:cached) ;;
    differs:cached) bad="$bad
  $2: taken from the cache though it differs" ;;
    same:ran) bad="$bad
  $2: not taken from the cache" ;;
    *) bad="$bad
  $2: outcome \"$3\"" ;;
    esac
}

# ---- what stands in the build file ----------------------------------------------
# Three lines a pair: "differs NAME [BASE]" or "same NAME [BASE]", and the two ways to
# write a stage, of which the last step counts. All of one side are one build.

cat >"$work/pairs" <<'END'
differs command
RUN echo 1
RUN echo 2
differs shell
SHELL ["/bin/sh", "-c"]\nRUN true
SHELL ["/bin/sh", "-ec"]\nRUN true
differs exec-form
RUN ["echo", "a b"]
RUN ["echo", "a", "b"]
differs run-heredoc
RUN <<E\necho 1\nE
RUN <<E\necho 2\nE
differs user
USER 1\nRUN id
USER 2\nRUN id
differs group
USER 1:1\nRUN id
USER 1:2\nRUN id
differs workdir dirs
WORKDIR /a\nRUN pwd
WORKDIR /b\nRUN pwd
differs workdir-made
WORKDIR /one
WORKDIR /two
differs env-value
ENV A=1\nRUN env
ENV A=2\nRUN env
differs env-name
ENV A=1\nRUN env
ENV B=1\nRUN env
differs arg-default
ARG V=1\nRUN echo $V
ARG V=2\nRUN echo $V
differs network
RUN --network=none ip a
RUN --network=default ip a
differs security
RUN --security=sandbox id
RUN --security=insecure id
differs mount-readonly
RUN --mount=from=dirs,target=/m,ro touch /m/x || true
RUN --mount=from=dirs,target=/m,rw touch /m/x || true
differs mount-target
RUN --mount=from=dirs,target=/m1 ls /
RUN --mount=from=dirs,target=/m2 ls /
differs mount-source
RUN --mount=from=dirs,source=/a,target=/m cat /m/f
RUN --mount=from=dirs,source=/b,target=/m cat /m/f
differs mount-from
RUN --mount=from=dirs,target=/m cat /m/b/f
RUN --mount=from=more,target=/m cat /m/b/f
differs mount-more
RUN --mount=from=dirs,target=/m true
RUN --mount=from=dirs,target=/m --mount=from=more,target=/n true
differs mount-of-own-base dirs
RUN --mount=from=dirs,source=/a,target=/m --mount=from=more,target=/n cat /m/f
RUN --mount=from=dirs,source=/b,target=/m --mount=from=more,target=/n cat /m/f
differs tmpfs-size
RUN --mount=type=tmpfs,target=/t,size=1m df /t
RUN --mount=type=tmpfs,target=/t,size=2m df /t
differs tmpfs-target
RUN --mount=type=tmpfs,target=/t df
RUN --mount=type=tmpfs,target=/u df
differs cache-target
RUN --mount=type=cache,target=/c,id=x ls /
RUN --mount=type=cache,target=/e,id=x ls /
differs cache-id
RUN --mount=type=cache,target=/c ls /c
RUN --mount=type=cache,target=/c,id=other ls /c
differs cache-sharing
RUN --mount=type=cache,target=/c ls /c
RUN --mount=type=cache,target=/c,sharing=locked ls /c
differs cache-readonly
RUN --mount=type=cache,target=/c ls /c
RUN --mount=type=cache,target=/c,ro ls /c
differs cache-seed
RUN --mount=type=cache,target=/c,id=s,from=dirs,source=/a cat /c/f
RUN --mount=type=cache,target=/c,id=s,from=dirs,source=/b cat /c/f
differs secret-id
RUN --mount=type=secret,id=one,target=/s cat /s
RUN --mount=type=secret,id=two,target=/s cat /s
differs secret-target
RUN --mount=type=secret,id=one,target=/s1 ls /
RUN --mount=type=secret,id=one,target=/s2 ls /
differs secret-mode
RUN --mount=type=secret,id=one,mode=0400 ls -l /run/secrets
RUN --mount=type=secret,id=one,mode=0444 ls -l /run/secrets
differs secret-owner
RUN --mount=type=secret,id=one,uid=1 ls -l /run/secrets
RUN --mount=type=secret,id=one,uid=2 ls -l /run/secrets
differs secret-group
RUN --mount=type=secret,id=one,gid=1 ls -l /run/secrets
RUN --mount=type=secret,id=one,gid=2 ls -l /run/secrets
differs secret-required
RUN --mount=type=secret,id=one true
RUN --mount=type=secret,id=one,required true
differs secret-env-id
RUN --mount=type=secret,id=one,env=S echo $S | wc -c
RUN --mount=type=secret,id=two,env=S echo $S | wc -c
differs secret-env-name
RUN --mount=type=secret,id=one,env=S env | wc -c
RUN --mount=type=secret,id=one,env=T env | wc -c
differs ssh-id
RUN --mount=type=ssh,id=one true
RUN --mount=type=ssh,id=two true
differs ssh-target
RUN --mount=type=ssh,target=/one true
RUN --mount=type=ssh,target=/two true
differs copy-destination
COPY g /one
COPY g /two
differs copy-directory-or-file
COPY g /t
COPY g /t/
differs copy-owner
COPY --chown=1:3 g /t
COPY --chown=2:3 g /t
differs copy-group
COPY --chown=1:2 g /t
COPY --chown=1:3 g /t
differs copy-owner-by-name
COPY --chown=root g /t
COPY --chown=nobody g /t
differs chmod-number
COPY --chmod=0644 g /t
COPY --chmod=0640 g /t
differs chmod-set-id
COPY --chmod=0755 g /t
COPY --chmod=4755 g /t
differs chmod-text
COPY --chmod=u+x g /t
COPY --chmod=a+x g /t
differs copy-exclude
COPY --from=dirs --exclude=f /a /t
COPY --from=dirs --exclude=h /a /t
differs copy-parents
COPY --from=dirs /a/f /t/
COPY --from=dirs --parents /a/f /t/
differs copy-from
COPY --from=dirs /b/f /t
COPY --from=more /b/f /t
differs copy-path
COPY --from=dirs /a/f /t
COPY --from=dirs /b/f /t
differs copy-name
COPY --from=dirs /a/f /t/
COPY --from=dirs /a/h /t/
differs copy-wildcard
COPY --from=dirs /a/* /t/
COPY --from=dirs /b/* /t/
differs copy-of-own-base dirs
COPY --from=dirs /a/f /t
COPY --from=dirs /b/f /t
differs copy-heredoc
COPY <<E /t\n1\nE
COPY <<E /t\n2\nE
differs copy-heredoc-name
COPY <<one <<two /t/\n1\none\n2\ntwo
COPY <<one <<three /t/\n1\none\n2\nthree
differs heredoc-owner
COPY --chown=1 <<E /t\n1\nE
COPY --chown=2 <<E /t\n1\nE
differs add-unpack
ADD --unpack=false g /t/
ADD --unpack=true g /t/
differs base-stage
FROM-dirs\nRUN true
FROM-more\nRUN true
same label
RUN true\nLABEL a=1
RUN true\nLABEL a=2
same configuration
RUN true\nCMD one\nEXPOSE 1\nENV LATER=1\nUSER 1\nSTOPSIGNAL 1
RUN true\nCMD two\nEXPOSE 2\nENV LATER=2\nUSER 2\nSTOPSIGNAL 2
same label-before
LABEL a=1\nRUN true
LABEL a=2\nRUN true
same spelling
run true
RUN    true
same comment
# one\nRUN true
RUN true
same network-default
RUN ip a
RUN --network=default ip a
same security-default
RUN id
RUN --security=sandbox id
same mount-defaults
RUN --mount=from=dirs,target=/m ls /m
RUN --mount=type=bind,source=/,from=dirs,destination=/m,ro ls /m
same mount-content
RUN --mount=from=dirs,source=/a,target=/m cat /m/f
RUN --mount=from=more,source=/c,target=/m cat /m/f
same cache-named
RUN --mount=type=cache,target=/c,id=x ls /c
RUN --mount=type=cache,target=/c,id=y ls /c
same cache-sharing-named
RUN --mount=type=cache,target=/c,id=x ls /c
RUN --mount=type=cache,target=/c,id=x,sharing=private ls /c
same secret-defaults
RUN --mount=type=secret,id=one ls /run/secrets
RUN --mount=type=secret,id=one,target=/run/secrets/one,mode=0400,uid=0,gid=0 ls /run/secrets
same copy-content
COPY --from=dirs /a/f /t
COPY --from=more /c/f /t
same copy-relative
WORKDIR /a\nCOPY g t
WORKDIR /a\nCOPY ./g /a/t
same copy-owner-zero
COPY --chown=0:0 g /t
COPY --chown=root:root g /t
END

# one N: the build file of side N.
one() {
    printf 'FROM base AS dirs\nRUN mkdir /a /b; echo a >/a/f; echo h >/a/h; echo b >/b/f\n'
    printf 'FROM base AS more\nRUN mkdir /c /b; echo a >/c/f; echo h >/c/h; echo B >/b/f\n'
    while read -r verdict name from; do
        read -r first && read -r second || fail "the table ends with half a pair"
        [ "$1" = 1 ] && text=$first || text=$second
        case $text in
        FROM-*) from=${text%%\\n*} && from=${from#FROM-} && text=${text#*\\n} ;;
        esac
        printf 'FROM %s AS %s\n' "${from:-base}" "$name"
        # No two pairs may be about the same step.
        [ -n "$from" ] || printf 'COPY <<E /pair\n%s\nE\n' "$name"
        printf '%b\n' "$text"
        names="$names $name"
    done <"$work/pairs"
    printf 'FROM base AS all\n'
    for name in $names; do printf 'COPY --from=%s /etc/passwd /all/%s\n' "$name" "$name"; done
}
for side in 1 2; do
    names=
    one $side >"$work/side$side"
    run 0 build --secret "id=one,src=$work/s1" --secret "id=two,src=$work/s2" \
        --allow security.insecure -f "$work/side$side"
    outcomes "$work/err" >"$work/outcomes$side"
done
while read -r verdict name rest; do
    read -r first && read -r second
    check "$verdict" "$name" "$(sed -n "s/^$name //p" "$work/outcomes2")"
done <"$work/pairs"

# What ran is there from now on, on either side.
for side in 1 2; do
    run 0 build --secret "id=one,src=$work/s1" --secret "id=two,src=$work/s2" \
        --allow security.insecure -f "$work/side$side"
    outcomes "$work/err" >"$work/again"
    check same "side $side again" "$(grep ' ran$' "$work/again" | head -n 1)cached"
done

# ---- what stands on the command line ------------------------------------------------
# The first build has these flags; the others have them changed by the third word, and are
# compared with the first.

cat >"$work/flagged" <<'END'
FROM base AS two
ARG V
RUN --mount=type=secret,id=s,target=/s --mount=type=cache,target=/c echo "$V"; hostname; ip a
FROM two
END
plain="--secret id=s,src=$work/s1 --build-arg V=1 --add-host a:10.0.0.1 --ulimit nofile=200:300"
# shellcheck disable=SC2086 # words
flagged() { build -f "$work/flagged" $1 >"$work/out" 2>"$work/err"; }
flagged "$plain" || { cat "$work/err"; fail "$plain"; }
while read -r verdict name change; do
    flags=$(echo "$plain" | sed "$change")
    [ "$flags" != "$plain" ] || fail "$name changes nothing"
    if ! flagged "$flags"; then
        grep -q 'cgroup\|resource limits' "$work/err" || { cat "$work/err"; fail "$flags"; }
        not_tried "key with $name: no control groups to be had"
        continue
    fi
    check "$verdict" "$name" "$(outcomes "$work/err" | sed -n 's/^two //p')"
done <<END
differs --build-arg s/V=1/V=2/
differs --add-host-name s/a:/b:/
same --add-host-address s/10.0.0.1/10.0.0.2/
same --secret s/s1/s2/
differs --ulimit-soft s/200:300/100:300/
differs --ulimit-hard s/200:300/200:400/
differs --ulimit-name s/nofile/core/
differs --cgroup-parent s/\$/ --cgroup-parent tenon-keys/
differs --network s/\$/ --network none/
differs --shm-size s/\$/ --shm-size 3m/
differs hostname s/\$/ --build-arg BUILDKIT_SANDBOX_HOSTNAME=other/
differs cache-namespace s/\$/ --build-arg BUILDKIT_CACHE_MOUNT_NS=other/
same proxy s,\$, --build-arg HTTP_PROXY=http://127.0.0.1:1,
same unknown-argument s/\$/ --build-arg NOBODY=asks/
same --label s/\$/ --label a=b/
same --tag s/\$/ --tag example.org\/x/
same --platform s,\$, --platform linux/$(uname -m),
same --resource s/\$/ --resource memory=64m/
differs --no-cache s/\$/ --no-cache/
differs --no-cache-filter s/\$/ --no-cache-filter two/
differs --no-cache-filter-in-capitals s/\$/ --no-cache-filter TWO/
differs --no-cache-filter-of-several s/\$/ --no-cache-filter one,Two/
same --no-cache-filter-of-others s/\$/ --no-cache-filter one,tw,twoo/
END

# ---- what lies in the context ---------------------------------------------------------
# After each change the context is what it was; "old" is for the last one.

cat >"$work/copies" <<'END'
FROM base AS copies
COPY d /d
FROM copies
COPY old /old
END
cp -a "$ctx/d" "$work/pristine"
copies() {
    run 0 build -f "$work/copies"
    outcomes "$work/err" | sed -n 's/^copies //p'
}
copies >/dev/null
while read -r verdict name change; do
    (cd "$ctx" && eval "$change") || fail "$name: $change"
    outcome=$(copies)
    check "$verdict" "$name" "$outcome"
    rm -rf "$ctx/d"
    cp -a "$work/pristine" "$ctx/d"
done <<'END'
differs content echo other >d/f
differs content-of-equal-length echo dat4 >d/f
differs mode chmod 600 d/f
differs set-user-id chmod u+s d/f
differs sticky-directory chmod +t d
differs mode-of-a-directory chmod 700 d
differs name mv d/f d/h
differs more-files : >d/h
differs directory mkdir d/e
differs pipe mkfifo d/p
differs no-link rm d/l
differs target-of-a-link ln -sfn g d/l
differs file-for-a-link rm d/l && cp d/f d/l
same as-it-was true
same time touch d/f d
same owner chown 5:6 d/f d
same other-inode cp -p d/f d/h && mv d/h d/f
same second-name ln d/f h
same unread echo other >g
END

# Other bytes of the same length at the time of before: the stat cache, which knows the file
# by now, sees that the inode changed. It keeps only what is older than two seconds.
while [ $(($(date +%s) - began)) -lt 4 ]; do sleep 0.2; done
copies >/dev/null
copies >/dev/null
echo two >"$ctx/old/f"
touch -d 2020-01-01 "$ctx/old/f"
run 0 build -f "$work/copies" -o "type=local,dest=$work/tree"
assert_eq two "$(cat "$work/tree/old/f")"

[ -z "$bad" ] || fail "of $tried pairs:$bad"
[ "$tried" -ge 110 ] || fail "only $tried pairs were tried"
