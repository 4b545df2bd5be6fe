//! Scripts in Python that ask a member's Patroni by its REST API, on the member's own node.
//!
//! The member's own address is always in Patroni's allowlist. User, password and bodies go through standard input; the
//! program comes through a descriptor, so that the process list shows neither. Python, because Patroni is written in it.

use crate::http::HTTP;
use crate::params::{password, text};
use crate::pgsql::members::Member;
use crate::{Fact, Step};
use serde_json::{Value, json};

/// What every program begins with, after [`HTTP`].
///
/// A check ends by `no` (does not hold), `unknown` (cannot be told) or exit 0; an apply by `fail` or exit 0.
const LIB: &str = r#"
import base64, os, re, subprocess, sys
GIVEN = json.load(sys.stdin)
def no(why): print(why); sys.exit(1)
def unknown(why): print(why, file=sys.stderr); sys.exit(2)
fail = unknown
def ask(method, path, body=None, limit=10, api=None):
    head, login = "", base64.b64encode(f"{GIVEN['user']}:{GIVEN['password']}".encode()).decode()
    if body is not None: head += "Content-Type: application/json\r\n"
    if method != "GET": head += f"Authorization: Basic {login}\r\n"
    try: code, text = http((api or GIVEN["api"]) + path, limit, method, b"" if body is None else json.dumps(body).encode(), head)
    except Exception as error: unknown(f"Patroni at {api or GIVEN['api']} does not answer {method} {path}: {error}")
    return code, text.strip()
def read(path, api=None):
    code, text = ask("GET", path, api=api)
    try: return json.loads(text)
    except ValueError: unknown(f"Patroni answers GET {path} with {code}: {text}")
def order(method, path, body=None, limit=10, good=(200, 202)):
    code, text = ask(method, path, body, limit)
    if code not in good: fail(f"Patroni refuses {method} {path} with {code}: {text or 'no reason given'}")
    return text
def cluster(): return {m["name"]: m for m in read("/cluster")["members"]}
def leaders(seen): return sorted(n for n, m in seen.items() if leads(m))
def lag(m): return m.get("lag", m.get("replay_lag"))
def well(m): return m is not None and m["state"] in ("running", "streaming") and (leads(m) or isinstance(lag(m), int))
def said(name, m): return f"{name} is not a member" if m is None else f"{name} is {m['state']}, lag {lag(m)}" if not leads(m) else f"{name} leads, {m['state']}"
def sql(query, database="postgres"):
    ran = subprocess.run(["runuser", "-u", "postgres", "--", "psql", "-XAtq", "-w", "-v", "ON_ERROR_STOP=1", "-F", "\t",
        "-p", str(GIVEN["port"]), "-d", database, "-f", "-"], input=query.encode(), capture_output=True, cwd="/", timeout=30)
    if ran.returncode: unknown(ran.stderr.decode(errors="replace").strip())
    return ran.stdout.decode(errors="replace").rstrip("\n")
def bare(value): return {k: bare(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value
def merged(base, patch):
    # As Patroni patches: null deletes, mappings are merged, a scalar that reads the same stays.
    if not isinstance(base, dict): return bare(patch)
    out = dict(base)
    for k, v in patch.items():
        if v is None: out.pop(k, None)
        elif isinstance(v, dict): out[k] = merged(base.get(k), v)
        elif str(base.get(k)) != str(v): out[k] = v
    return bare(out)
"#;

/// Bash that runs the program.
fn script(program: &str) -> String {
    format!("exec python3 /dev/fd/3 3<<'PADDOCK'\n{HTTP}{LIB}{}\nPADDOCK\n", program.trim_matches('\n'))
}

/// A step whose check, and apply unless it only waits, are programs that find `given` in `GIVEN`, with `name`, `api`,
/// `user`, `password` and `port` of the member beside it.
pub(crate) fn step(
    id: &str,
    member: &Member,
    title: impl Into<String>,
    check: &str,
    apply: Option<&str>,
    given: Value,
) -> Step {
    let vars = &member.vars;
    let mut all = json!({
        "name": member.name,
        "api": format!("http://{}:{}", member.addr, member.patroni_port),
        "user": text(vars, "patroni_username", "postgres"),
        "password": password(vars, "patroni_password"),
        "port": member.pg_port,
    });
    if let (Value::Object(all), Value::Object(given)) = (&mut all, given) {
        all.extend(given);
    }
    let fact = Fact::Command {
        check: script(check),
        apply: apply.map(script),
        stdin: Some(all.to_string()),
        user: "root".into(),
    };
    Step::new(id, member.addr, title, fact)
}
