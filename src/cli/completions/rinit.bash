# bash completion of rinit: rinit itself says what may come next.
_rinit() {
    local word=${COMP_WORDS[COMP_CWORD]} lines
    mapfile -t lines < <("$1" completions bash -- "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2> /dev/null)
    [ "$word" = = ] && word=
    case ${lines[0]-} in
        :directories) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        :files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        :program*)
            local at=${lines[0]#* }
            if declare -F _comp_command_offset > /dev/null; then
                _comp_command_offset "$at"
            elif declare -F _command_offset > /dev/null; then
                _command_offset "$at"
            elif [ "$at" = "$COMP_CWORD" ]; then
                mapfile -t COMPREPLY < <(compgen -c -- "$word")
            else
                compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word")
            fi ;;
        *) COMPREPLY=("${lines[@]}") ;;
    esac
}
complete -F _rinit rinit
