# bash completion for tenon. It offers what the installed program says of itself: the verbs of
# `tenon --help`, the words and flags of `tenon VERB --help`, the displays and outputs that are plugins.

_tenon_of_kind() { # PROGRAM KIND
    "$1" plugins 2>/dev/null | sed -n "s/^$2  *\([^ ]*\) .*/\1/p"
}

_tenon_values() { # PROGRAM FLAG: the values that are known; nothing is files
    case $2 in
    --progress) echo auto none quiet rawjson && _tenon_of_kind "$1" progress ;;
    --output | -o) _tenon_of_kind "$1" exporter | sed 's/^/type=/' ;;
    --format) echo table json ;;
    --network) echo default none host ;;
    --call) echo build check outline targets ;;
    esac
}

_tenon() {
    local program=$1 cur=${COMP_WORDS[COMP_CWORD]} at=$COMP_CWORD word flag verb='' second='' i
    COMPREPLY=()
    # "--flag=value" comes as three words
    word=$cur
    while ((at > 1)) && [[ ${COMP_WORDS[at]} == = || ${COMP_WORDS[at - 1]} == = ]]; do
        at=$((at - 1)) word=${COMP_WORDS[at]}$word
    done
    flag=${COMP_WORDS[at - 1]}
    if [[ $word == --*=* ]]; then
        flag=${word%%=*} word=${word#*=}
    fi
    [[ $cur != = ]] || cur=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --config | --plugin-dir | --root) [[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 1)); i=$((i + 1)) ;;
        -* | =) ;;
        *)
            if [[ $verb ]]; then
                second=${COMP_WORDS[i]} && break
            fi
            verb=${COMP_WORDS[i]}
            ;;
        esac
    done

    local help words=''
    help=$("$program" ${verb:+"$verb"} --help 2>/dev/null)
    if [[ $flag == -* ]]; then
        words=$(_tenon_values "$program" "$flag")
    fi
    if [[ -z $words && $word == -* ]]; then
        words=$(sed -n 's/^ *\(-., \)\? *\(--[a-z-]*\).*/\2/p' <<<"$help")
    elif [[ -z $words && -z $verb ]]; then
        words=$(sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$help")
    elif [[ -z $words && -z $second && $verb =~ ^[a-z]+$ ]]; then
        words=$(sed -n "s/^\(Usage: \|       \)[a-z-]* $verb \[\?\([a-z|]*\).*/\2/p" <<<"$help" | tr '|' '\n')
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    COMPREPLY=("${COMPREPLY[@]#"${word%"$cur"}"}") # of the last word alone
}

complete -o bashdefault -o default -F _tenon tenon
