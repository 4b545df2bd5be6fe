//! Post-conditions: read from Patroni, HAProxy and PostgreSQL, not from what the steps before said.
//!
//! Python is used here because Patroni is written in it: every node of a cluster has it.

use crate::http::HTTP;
use crate::pgsql::haproxy::{Service, wanted};
use crate::pgsql::members::{Member, Members};
use crate::{Effect, Step};
use paddock_inventory::NodeAddr;

const LIB: &str = r#"
import sys
def cluster(urls):
    last = None
    for url in urls:
        try:
            return members(url)
        except Exception as error:
            last = f"{url}: {error}"
    print(f"Patroni does not answer: {last}"); sys.exit(1)
def fail(bad):
    for line in bad: print(line)
    sys.exit(1 if bad else 0)
"#;

/// Python in a here-document; the delimiter is quoted, so the shell touches nothing in it.
pub(crate) fn python(body: &str) -> String {
    format!("python3 - <<'PADDOCK'\n{HTTP}{LIB}{body}PADDOCK\n")
}

pub(crate) fn urls(members: &Members) -> String {
    let list: Vec<String> =
        members.all.iter().map(|m| format!("\"http://{}:{}\"", m.addr, m.patroni_port)).collect();
    format!("[{}]", list.join(", "))
}

/// Every member is there, one leads, the others stream on its timeline with little lag.
pub(crate) fn streaming(members: &Members, member: &Member) -> Step {
    let names: Vec<String> = members.all.iter().map(|m| format!("\"{}\"", m.name)).collect();
    let body = format!(
        r#"bad, want = [], [{names}]
seen = {{m["name"]: m for m in cluster({urls})}}
leaders = [n for n, m in seen.items() if leads(m)]
if len(leaders) != 1: bad.append(f"{{len(leaders)}} leaders: {{leaders}}")
bad += [f"{{n}} is not a member of the cluster" for n in want if n not in seen]
bad += [f"{{n}} is a member but is not declared" for n in seen if n not in want]
lines = {{m.get("timeline") for n, m in seen.items() if leads(m)}}
for n, m in sorted(seen.items()):
    if m["state"] not in ("running", "streaming"): bad.append(f"{{n}} is {{m['state']}}")
    if leads(m): continue
    lag = m.get("lag", m.get("replay_lag"))
    if not isinstance(lag, int): bad.append(f"{{n}}: its lag is {{lag}}")
    elif lag > 1048576: bad.append(f"{{n}} lags by {{lag}} bytes")
    if m.get("timeline") not in lines: bad.append(f"{{n}} is on timeline {{m.get('timeline')}}, the leader on {{lines}}")
fail(bad)
"#,
        names = names.join(", "),
        urls = urls(members)
    );
    let title = format!("one leader, {} streaming replicas", members.all.len().saturating_sub(1));
    Step::wait("pgsql/verify/members", member.addr, &title, python(&body), 120)
}

/// PostgreSQL itself says who streams from here: of the leader all that name no other upstream, of a replica those that
/// name it.
pub(crate) fn senders(members: &Members, member: &Member) -> Step {
    let upstreams: Vec<String> = members
        .all
        .iter()
        .map(|one| {
            let from = members.upstream_name(one).map_or("None".to_owned(), |from| format!("\"{from}\""));
            format!("\"{}\": {from}", one.name)
        })
        .collect();
    let body = format!(
        r#"import subprocess
me, upstream = "{me}", {{{upstreams}}}
seen = {{m["name"]: m for m in cluster({urls})}}
leader = [n for n, m in seen.items() if leads(m)]
wants = {{n for n, of in upstream.items() if n != me and n not in leader and n in seen and (of == me or me in leader and of not in seen)}}
ran = subprocess.run(["runuser", "-u", "postgres", "--", "psql", "-XAtq", "-w", "-p", "{port}", "-d", "postgres", "-c",
    "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"], capture_output=True, text=True, cwd="/", timeout=20)
if ran.returncode: print(ran.stderr.strip(), file=sys.stderr); sys.exit(2)
fail([f"{{n}} does not stream from {{me}}" for n in sorted(wants - set(ran.stdout.split()))])
"#,
        me = member.name,
        upstreams = upstreams.join(", "),
        urls = urls(members),
        port = member.pg_port
    );
    let title = "PostgreSQL sends WAL to every replica that follows it";
    Step::wait("pgsql/verify/replication", member.addr, title, python(&body), 60)
}

/// Each HAProxy has each server in the state its service wants.
pub(crate) fn haproxy(members: &Members, host: NodeAddr, services: &[Service]) -> Step {
    let wants: Vec<String> = services
        .iter()
        .map(|service| {
            let (leader, replica) = wanted(&service.check);
            let py = |truth: bool| if truth { "True" } else { "False" };
            format!(
                "(\"{}-{}\", \"{}\", {}, {})",
                members.name,
                service.name,
                service.check,
                py(leader),
                py(replica)
            )
        })
        .collect();
    let body = format!(
        r##"bad = []
seen = {{m["name"]: m for m in cluster({urls})}}
s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect("/var/run/haproxy.sock"); s.sendall(b"show stat\n")
data = b""
while chunk := s.recv(65536): data += chunk
rows = [line.split(",") for line in data.decode().splitlines() if line and not line.startswith("#")]
head = data.decode().splitlines()[0].lstrip("# ").split(",")
status = {{(r[0], r[1]): r[head.index("status")] for r in rows}}
for name, check, leader, replica in [{wants}]:
    if (name, "FRONTEND") not in status: bad.append(f"service {{name}} is not loaded"); continue
    for n, m in seen.items():
        have = status.get((name, n))
        if have is None: continue
        if check == "/standby-leader" or check.startswith("/sync") or check == "/async": continue
        up = (leader if leads(m) else replica) and m["state"] in ("running", "streaming")
        if m["role"] == "standby_leader" and check in ("/", "/primary", "/read-write", "/master"): up = False
        if have.startswith("UP") != up and not (have == "no check"): bad.append(f"{{name}}: {{n}} is {{have}}, shall be {{'UP' if up else 'DOWN'}}")
fail(bad)
"##,
        urls = urls(members),
        wants = wants.join(", ")
    );
    let mut step = Step::wait(
        &members.step_id(host, "pgsql/verify/haproxy"),
        host,
        "HAProxy routes every service to who serves it",
        python(&body),
        60,
    );
    step.effect = Effect::Plain;
    step
}

/// No rule of the HBA file in place is broken.
pub(crate) fn hba(member: &Member) -> Step {
    let check = format!(
        "cd /\nbad=$(runuser -u postgres -- psql -XAtq -p {} -d postgres -c \"SELECT 'line ' || line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL\") || exit 2\n[ -z \"$bad\" ] && exit 0\necho \"$bad\"; exit 1\n",
        member.pg_port
    );
    Step::wait("pgsql/verify/hba", member.addr, "every HBA rule is valid", check, 5)
}

/// Settings that wait for a restart are said, not forced.
pub(crate) fn pending(member: &Member) -> Step {
    let check = format!(
        "cd /\nn=$(runuser -u postgres -- psql -XAtq -p {} -d postgres -c \"SELECT string_agg(name, ', ') FROM pg_settings WHERE pending_restart\") || exit 2\n[ -z \"$n\" ] || echo \"{} has settings that wait for a restart: $n\"\nexit 0\n",
        member.pg_port, member.name
    );
    Step::wait("pgsql/verify/pending", member.addr, "settings that wait for a restart are known", check, 0)
}
