# Sourced by scripts/run and scripts/test: a virtual environment in .venv with exactly the pinned packages. Needs bash.

say() { printf '%s\n' "$*" >&2; }

# The first python on the path that is new enough.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            command -v "$candidate"
            return
        fi
    done
    say "Python 3.11 or later is needed and was not found: install it, on Debian and Ubuntu with: sudo apt install python3 python3-venv"
    return 1
}

# Installs Debian packages where that needs no password and nobody's leave: as root. Elsewhere it says what to type.
apt_install() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing $* with apt …"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 2>&1 && return
        say "apt could not install $*."
    else
        say "Missing: $*. Install with: sudo apt install $*"
    fi
    return 1
}

# make_venv FILE: .venv with the packages of FILE; done once per content of FILE.
make_venv() {
    local file=$1 python stamp log=.venv/install.log
    python=$(find_python) || return 1
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "Making a virtual environment in .venv with $("$python" --version) …"
        rm -rf .venv
        if ! "$python" -m venv .venv >/dev/null 2>&1; then
            rm -rf .venv
            apt_install python3-venv && "$python" -m venv .venv || return 1
        fi
    fi
    stamp=$(sha256sum "$file" | cut -d' ' -f1)
    [ "$(cat ".venv/installed-$file" 2>/dev/null)" = "$stamp" ] && return
    say "Installing $(grep -c '^[a-zA-Z0-9].*==' "$file") packages; this takes a few minutes once …"
    # --no-deps: the file is compiled, it names everything; the hashes in it are checked.
    if ! .venv/bin/python -m pip install --disable-pip-version-check --no-deps -r "$file" 2>&1 | tee "$log" | show_pip "$file"; then
        say "Installing failed; the last lines of $log:"
        tail -n 5 "$log" >&2
        return 1
    fi
    echo "$stamp" >".venv/installed-$file"
}

# One line that counts: pip's own output is in the log.
show_pip() {
    local total line count=0
    total=$(grep -c '^[a-zA-Z0-9].*==' "$1")
    while IFS= read -r line; do
        case $line in
            Collecting*)
                count=$((count + 1))
                if [ -t 2 ]; then printf '\r\033[2K  %d of %d  %s' "$count" "$total" "${line#Collecting }" >&2
                elif [ $((count % 20)) = 0 ]; then say "  $count of $total"; fi ;;
            "Installing collected"*) if [ -t 2 ]; then printf '\r\033[2K' >&2; fi; say "  writing files …" ;;
        esac
    done
}
