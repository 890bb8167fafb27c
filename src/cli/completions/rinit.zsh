#compdef rinit
# zsh completion of rinit: rinit itself says what may come next.
_rinit() {
    local -a lines
    local at
    lines=("${(@f)$("${(Q)words[1]}" completions zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}")
    case $lines[1] in
        '') return 1 ;;
        :directories) compset -P '-*='; _files -/ ;;
        :files) compset -P '-*='; _files ;;
        :program*)
            at=${lines[1]#* }
            shift $at words
            (( CURRENT -= at ))
            _normal ;;
        *) _describe rinit lines ;;
    esac
}
if [ "$funcstack[1]" = _rinit ]; then _rinit "$@"; else compdef _rinit rinit; fi
