//! From facts to shell text: the one place where commands are written and arguments quoted.

use crate::{Fact, Script, Scripts, UnitState};
use std::collections::BTreeMap;

/// Quotes one argument for bash.
pub(crate) fn quote(text: &str) -> String {
    let plain =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:=,@%+".contains(&b));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// A database as psql's argument. What has `=` in it, or begins like a URI, psql takes for the server to go to, too.
pub(crate) fn database(name: &str) -> String {
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return quote(name);
    }
    quote(&format!("dbname='{}'", name.replace('\\', r"\\").replace('\'', r"\'")))
}

fn quoted<S: AsRef<str>>(items: &[S]) -> String {
    items.iter().map(|item| quote(item.as_ref())).collect::<Vec<_>>().join(" ")
}

fn root(text: String, stdin: Option<String>) -> Script {
    Script { text, stdin, user: "root".to_owned() }
}

impl Fact {
    /// The check and the apply of this fact, as bash. Pure; secrets are only in `stdin`.
    pub fn scripts(&self) -> Scripts {
        match self {
            Self::File { path, content, owner, mode, secret, validate } => {
                file(path, content, owner, *mode, *secret, validate.as_deref())
            }
            Self::FileSet { directory, mark, files, validate } => file_set(directory, mark, files, validate),
            Self::Directory { path, owner, mode } => directory(path, owner, *mode),
            Self::Link { path, target } => link(path, target),
            Self::Packages { names } => packages(names),
            Self::OsUser { name, uid, group, home, shell } => os_user(name, *uid, group, home, shell),
            Self::Unit { name, enabled, state, files } => unit(name, *enabled, *state, files),
            Self::Sql { database, port, check, apply } => sql(database, *port, check, apply),
            Self::HttpWait { address, port, path, expect } => http_wait(address, *port, path, expect),
            Self::Command { check, apply, stdin, user } => {
                let script =
                    |text: &str| Script { text: text.to_owned(), stdin: stdin.clone(), user: user.clone() };
                Scripts { check: script(check), apply: apply.as_deref().map(script) }
            }
        }
    }
}

/// Compares owner, group and mode; prints what differs.
fn attributes(path: &str, owner: &str, mode: u32) -> String {
    format!(
        "have=$(stat -c '%U:%G %a' {p})\nwant='{owner} {mode:o}'\n[ \"$have\" = \"$want\" ] || {{ echo \"owner and mode are $have, shall be $want\"; bad=1; }}\n",
        p = quote(path)
    )
}

/// Bash for an apply: `new` is an empty file beside `path`, so that the rename is atomic and a full disk leaves the old
/// one. What an earlier write left whose node lost its power is removed. `path` is quoted.
pub(crate) fn aside(path: &str) -> String {
    format!(
        "rm -rf -- {path}.paddock-??????\nnew=$(mktemp {path}.paddock-XXXXXX) || exit 1\ntrap 'rm -f \"$new\"' EXIT\n"
    )
}

/// Bash for a check: `whole` fails, and says so, while a write of `path` that was cut short has left something beside it.
pub(crate) fn whole(path: &str) -> String {
    format!(
        "whole() {{ local half; for half in {path}.paddock-??????; do [ ! -e \"$half\" ] || {{ echo \"$half is left of a write that was cut short\"; return 1; }}; done; }}\n"
    )
}

fn file(path: &str, content: &str, owner: &str, mode: u32, secret: bool, validate: Option<&str>) -> Scripts {
    let p = quote(path);
    let differ = if secret {
        format!("cmp -s {p} - || {{ echo 'content differs (secret, not shown)'; bad=1; }}\n")
    } else {
        format!("diff -u --label {p} --label {p} {p} - || bad=1\n")
    };
    let shown = if secret {
        "echo 'does not exist'\n".to_owned()
    } else {
        format!("diff -u --label /dev/null --label {p} /dev/null - || true\n")
    };
    let check = format!(
        "{}bad=0\nif [ -L {p} ] || [ ! -f {p} ]; then\n  {shown}  exit 1\nfi\n{differ}{}whole || bad=1\nexit $bad\n",
        whole(&p),
        attributes(path, owner, mode)
    );
    let validate = validate.map_or(String::new(), |command| {
        format!(
            "{} || {{ echo 'the new content was refused; the old file is kept' >&2; exit 1; }}\n",
            command.replace("{}", "\"$new\"")
        )
    });
    let apply = format!(
        "set -e\numask 077\n{}chown {owner} \"$new\"\nchmod {mode:o} \"$new\"\ncat >\"$new\"\n{validate}sync \"$new\" 2>/dev/null || true\nmv -fT \"$new\" {p}\ntrap - EXIT\n",
        aside(&p)
    );
    Scripts {
        check: root(check, Some(content.to_owned())),
        apply: Some(root(apply, Some(content.to_owned()))),
    }
}

/// On stdin: a line `NAME LINES` before each file's content.
fn file_set(directory: &str, mark: &str, files: &BTreeMap<String, String>, validate: &str) -> Scripts {
    let d = quote(directory);
    let stdin: String = files
        .iter()
        .map(|(name, content)| {
            format!("{name} {}\n{}\n", content.lines().count(), content.trim_end_matches('\n'))
        })
        .collect();
    // `$1` becomes what the directory shall be: the files of others as they are, ours from stdin.
    let fill = format!(
        "fill() {{ umask 022; cp -a {d}/. \"$1\"/ || return 1; grep -lsF -- {m} \"$1\"/* 2>/dev/null | while read -r f; do case \"$(head -n 1 \"$f\")\" in {m}*) rm -f \"$f\";; esac; done; awk -v d=\"$1\" 'n == 0 {{ f = d \"/\" $1; n = $2; printf \"\" >f; next }} {{ print >f; n--; if (n == 0) close(f) }}'; }}\n",
        m = quote(mark)
    );
    let check = format!(
        "[ -d {d} ] || {{ echo 'is not there'; exit 1; }}\n{}{fill}new=$(mktemp -d) || exit 2\ntrap 'rm -rf \"$new\"' EXIT\nfill \"$new\" || exit 2\ndiff -ruN {d} \"$new\" | sed \"s|$new|{directory}|g\"\n[ \"${{PIPESTATUS[0]}}\" = 0 ] && whole && exit 0\nexit 1\n",
        whole(&d)
    );
    // Cut short between the two renames, the directory is away: `previous`, made just before, is what it was.
    let apply = format!(
        "set -o pipefail\n{fill}[ -d {d} ] || cp -a {d}.previous {d} || exit 1\nrm -rf -- {d}.paddock-??????\nnew=$(mktemp -d {d}.paddock-XXXXXX) || exit 1\ntrap 'rm -rf \"$new\"' EXIT\nfill \"$new\" || exit 1\nout=$({} 2>&1) || {{ echo \"$out\" | sed \"s|$new|{directory}|g\" >&2; echo 'the new files were refused; the old ones are kept' >&2; exit 1; }}\nrm -rf {d}.previous\ncp -a {d} {d}.previous || exit 1\nold=$(mktemp -d {d}.paddock-XXXXXX) && rmdir \"$old\" && mv -T {d} \"$old\" && {{ mv -T \"$new\" {d} || {{ mv -T \"$old\" {d}; exit 1; }}; }} && rm -rf \"$old\"\n",
        validate.replace("{}", "\"$new\"")
    );
    Scripts { check: root(check, Some(stdin.clone())), apply: Some(root(apply, Some(stdin))) }
}

fn directory(path: &str, owner: &str, mode: u32) -> Scripts {
    let p = quote(path);
    let check = format!(
        "bad=0\n[ -d {p} ] || {{ echo 'is not a directory'; exit 1; }}\n{}exit $bad\n",
        attributes(path, owner, mode)
    );
    let apply = format!("set -e\nmkdir -p {p}\nchown {owner} {p}\nchmod {mode:o} {p}\n");
    Scripts { check: root(check, None), apply: Some(root(apply, None)) }
}

fn link(path: &str, target: &str) -> Scripts {
    let (p, t) = (quote(path), quote(target));
    let check = format!(
        "have=$(readlink {p} || echo nothing)\n[ -L {p} ] && [ \"$have\" = {t} ] && exit 0\necho \"points to $have, shall point to \"{t}\nexit 1\n"
    );
    let apply = format!(
        "set -e\nif [ -e {p} ] && [ ! -L {p} ]; then echo {p}' is there and is not a link; it is not touched' >&2; exit 1; fi\nmkdir -p \"$(dirname {p})\"\nln -sfnT {t} {p}\n"
    );
    Scripts { check: root(check, None), apply: Some(root(apply, None)) }
}

/// Debian and Ubuntu. Packages of PostgreSQL, etcd, HAProxy and Patroni start themselves when installed, with a
/// cluster or data of their own: that is held off while apt runs.
fn packages(names: &[String]) -> Scripts {
    let list = quoted(names);
    let check = format!(
        "missing=\nfor p in {list}; do\n  s=$(dpkg-query -W -f '${{db:Status-Status}}' \"$p\" 2>/dev/null || true)\n  [ \"$s\" = installed ] || missing=\"$missing $p\"\ndone\n[ -z \"$missing\" ] && exit 0\necho \"not installed:$missing\"\nexit 1\n"
    );
    let apply = format!(
        r#"set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
mkdir -p /etc/postgresql-common
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
fi
hold=/usr/sbin/policy-rc.d
if [ ! -e $hold ]; then
  printf '#!/bin/sh\nexit 101\n' >$hold; chmod 755 $hold
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get -o DPkg::Lock::Timeout=120 -q update || echo 'apt-get update failed; going on with the lists that are there' >&2
apt-get -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold -qy --no-install-recommends install {list}
"#
    );
    Scripts { check: root(check, None), apply: Some(root(apply, None)) }
}

fn os_user(name: &str, uid: Option<u32>, group: &str, home: &str, shell: &str) -> Scripts {
    let (n, g) = (quote(name), quote(group));
    // An account that is there keeps its id and home: files of it may already lie about.
    let check = format!(
        "id -u {n} >/dev/null 2>&1 || {{ echo 'the account does not exist'; exit 1; }}\n[ \"$(id -gn {n})\" = {g} ] || {{ echo \"its group is $(id -gn {n})\"; exit 1; }}\n"
    );
    let ids = uid.map_or(String::new(), |uid| format!(" -u {uid}"));
    let gid = uid.map_or(String::new(), |uid| format!(" -g {uid}"));
    let apply = format!(
        "set -e\ngetent group {g} >/dev/null || groupadd{gid} {g} || groupadd {g}\nif id -u {n} >/dev/null 2>&1; then usermod -g {g} {n}; else useradd{ids} -g {g} -d {h} -m -s {s} {n} || useradd -g {g} -d {h} -m -s {s} {n}; fi\n",
        h = quote(home),
        s = quote(shell)
    );
    Scripts { check: root(check, None), apply: Some(root(apply, None)) }
}

/// A unit has read its files when it started, or was last reloaded by us, after they last changed.
fn unit(name: &str, enabled: Option<bool>, state: UnitState, files: &[String]) -> Scripts {
    let n = quote(name);
    let stamp = quote(&format!("/run/paddock/{name}.loaded"));
    let mut check = "bad=0\n".to_owned();
    // Reading all units anew takes systemd longer than most steps take: only where it does not know this one as it is.
    let mut apply = format!(
        "case \"$(systemctl show -p LoadState -p NeedDaemonReload {n})\" in *LoadState=loaded*NeedDaemonReload=no*) ;; *) systemctl daemon-reload;; esac\nsystemctl reset-failed {n} 2>/dev/null\n"
    );
    match enabled {
        Some(true) => {
            check +=
                &format!("systemctl is-enabled -q {n} 2>/dev/null || {{ echo 'is not enabled'; bad=1; }}\n");
            apply += &format!(
                "case \"$(systemctl is-enabled {n} 2>/dev/null)\" in masked*) systemctl unmask -q {n} || true;; esac\nsystemctl is-enabled -q {n} 2>/dev/null || systemctl enable -q {n} || exit 1\n"
            );
        }
        Some(false) => {
            check += &format!("systemctl is-enabled -q {n} 2>/dev/null && {{ echo 'is enabled'; bad=1; }}\n");
            apply += &format!("systemctl disable -q {n} || exit 1\n");
        }
        None => {}
    }
    let failed = format!(
        "{{ systemctl status -n0 --no-pager {n} >&2; journalctl -q -u {n} -n 20 --no-pager -o cat >&2; exit 1; }}"
    );
    match state {
        UnitState::Stopped => {
            check += &format!("systemctl is-active -q {n} && {{ echo 'is active'; bad=1; }}\n");
            apply += &format!("systemctl stop {n} || {failed}\n");
        }
        UnitState::Running => {
            check += &format!(
                "systemctl is-active -q {n} || {{ echo \"is $(systemctl is-active {n})\"; bad=1; }}\n"
            );
            apply += &format!("systemctl start {n} || {failed}\n");
        }
        UnitState::RunningElseReload | UnitState::RunningElseRestart => {
            let verb = if state == UnitState::RunningElseReload { "reload" } else { "restart" };
            check += &format!(
                "systemctl is-active -q {n} || {{ echo \"is $(systemctl is-active {n})\"; exit 1; }}\n"
            );
            // systemd tells its own starts to the second; our stamp, made after each start and reload, is finer.
            check += &format!(
                "since=$(date -d \"$(systemctl show -p ActiveEnterTimestamp --value {n})\" +%s)\nloaded=$(stat -c %.9Y {stamp} 2>/dev/null || echo 0)\nfor f in {list}; do\n  [ -e \"$f\" ] || continue\n  m=$(find -H \"$f\" -printf '%T@\\n' | sort -n | tail -1)\n  awk -v m=\"$m\" -v a=\"$since\" -v b=\"$loaded\" 'BEGIN {{ exit !(m <= a || m <= b) }}' || {{ echo \"$f changed after the unit read it\"; bad=1; }}\ndone\n[ \"$(systemctl show -p NeedDaemonReload --value {n})\" = no ] || {{ echo 'its unit file changed'; bad=1; }}\n",
                list = quoted(files)
            );
            apply += &format!(
                "if systemctl is-active -q {n}; then systemctl {verb} {n}; else systemctl restart {n}; fi || {failed}\n"
            );
            apply +=
                &format!("systemctl is-active -q {n} || {failed}\nmkdir -p /run/paddock && touch {stamp}\n");
        }
    }
    check += "exit $bad\n";
    Scripts { check: root(check, None), apply: Some(root(apply, None)) }
}

/// The statements come through stdin; the dbsu connects over the socket, so no password is needed.
fn sql(name: &str, port: u16, check: &str, apply: &str) -> Scripts {
    let psql = format!("psql -X -q -A -t -v ON_ERROR_STOP=1 -p {port} -d {}", database(name));
    let check_text = format!(
        "cd /\nout=$({psql} -f -) || exit 2\n[ \"$out\" = t ] && exit 0\necho \"does not hold${{out:+: $out}}\"\nexit 1\n"
    );
    let script = |text: String, stdin: &str| Script {
        text,
        stdin: Some(stdin.to_owned()),
        user: "postgres".to_owned(),
    };
    Scripts { check: script(check_text, check), apply: Some(script(format!("cd /\n{psql} -f -\n"), apply)) }
}

fn http_wait(address: &str, port: u16, path: &str, expect: &[u16]) -> Scripts {
    let codes = expect.iter().map(u16::to_string).collect::<Vec<_>>().join("|");
    let text = format!(
        "exec 3<>/dev/tcp/{address}/{port} || {{ echo 'nothing listens on {address}:{port}'; exit 1; }}\nprintf 'GET %s HTTP/1.0\\r\\nHost: {address}\\r\\n\\r\\n' {} >&3\nread -r -t 5 _ code _ <&3\ncase \"$code\" in {codes}) exit 0;; esac\necho \"answered ${{code:-nothing}}, shall be {codes}\"\nexit 1\n",
        quote(path)
    );
    Scripts { check: root(text, None), apply: None }
}
