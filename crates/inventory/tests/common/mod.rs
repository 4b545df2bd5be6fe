//! Generated inventories in every style that people write, with what they mean.

use proptest::prelude::*;
use proptest::sample::select;

/// A host of a generated cluster.
#[derive(Clone, Debug)]
pub struct Host {
    pub addr: String,
    pub seq: u32,
    pub role: &'static str,
    /// 0: one line, 1: block, 2: one line with odd blanks.
    pub style: usize,
    /// Further variables as written, with their values' text.
    pub vars: Vec<(&'static str, &'static str)>,
}

/// A generated group that is a cluster.
#[derive(Clone, Debug)]
pub struct Group {
    pub name: String,
    pub hosts: Vec<Host>,
    /// 0: block, 1: hosts in one line, 2: the whole group in one line, 3: block with `vars` first.
    pub style: usize,
    pub vars: Vec<(&'static str, &'static str)>,
}

/// How the text around the groups looks.
#[derive(Clone, Debug)]
pub struct Dress {
    pub crlf: bool,
    pub final_newline: bool,
    pub markers: bool,
    pub bom: bool,
    pub globals_first: bool,
    pub indent: usize,
    /// Comments and blank lines between lines, by line number modulo the length.
    pub between: Vec<&'static str>,
    /// What stands at the ends of lines.
    pub trailing: Vec<&'static str>,
}

/// Variables that fit on one line, in block and in flow style, without an alias.
const VARS: &[(&str, &str)] = &[
    ("pg_conf", "tiny.yml"),
    ("pg_version", "15"),
    ("patroni_watchdog_mode", "off"),
    ("file_mode", "0640"),
    ("big", "1_000"),
    ("minutes", "10:20"),
    ("block", "y"),
    ("note", "'it''s # no comment'"),
    ("place", "\"über: {ß}\""),
    ("when", "'2030-01-01 00:00:00+00'"),
    ("nothing", "~"),
    ("empty_map", "{}"),
    ("empty_list", "[ ]"),
    ("pg_users", "[{ name: test , password: test }]"),
    ("pg_exporters", "{ 20001: { pg_cluster: x ,pg_seq: 1 }, 20002: { } }"),
    ("redis_instances", "{ 6379: { }, 6380: { replica_of: '10.10.10.10 6379' } }"),
    ("selector", "\"[? pg_role == `primary` ]\""),
    ("pg_listen", "'${ip},${vip},${lo}'"),
    ("jinja", "\"{{ x }}\""),
    ("'cron.database_name'", "postgres"),
    ("cron.other", "postgres"),
    ("数据", "库"),
];

const BETWEEN: &[&str] =
    &["", "", "", "", "# a comment", "# é 数据", "   ", "\t", "#", "        # 10.9.9.9: { pg_seq: 9 }"];
const TRAILING: &[&str] = &["", "", "", "", "  ", " # here", " # it's \"so\"", " # 10.10.10.10: {}", "\t"];

fn vars(most: usize) -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    prop::sample::subsequence(VARS.to_vec(), 0..=most).prop_shuffle()
}

pub fn groups() -> impl Strategy<Value = Vec<Group>> {
    let host = (0usize..3, vars(3), select(vec!["replica", "offline"]));
    let group = (prop::collection::vec(host, 1..5), 0usize..4, vars(5));
    prop::collection::vec(group, 1..5).prop_map(|groups| {
        let cluster = |(g, (hosts, style, vars)): (usize, (Vec<_>, usize, Vec<_>))| Group {
            name: format!("pg-{}", ["a", "b2", "x-1", "z"][g]),
            hosts: hosts
                .into_iter()
                .enumerate()
                .map(|(h, (style, vars, role)): (usize, (usize, Vec<_>, &'static str))| Host {
                    addr: format!("10.{}.0.{}", g + 1, h + 1),
                    seq: u32::try_from(h + 1).unwrap(),
                    role: if h == 0 { "primary" } else { role },
                    style,
                    vars,
                })
                .collect(),
            style,
            vars,
        };
        groups.into_iter().enumerate().map(cluster).collect()
    })
}

pub fn dress() -> impl Strategy<Value = Dress> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let between = prop::collection::vec(select(BETWEEN.to_vec()), 1..7);
    let trailing = prop::collection::vec(select(TRAILING.to_vec()), 1..7);
    (flags, select(vec![2usize, 4]), between, trailing).prop_map(|(flags, indent, between, trailing)| Dress {
        crlf: flags.0,
        final_newline: flags.1,
        markers: flags.2,
        bom: flags.3,
        globals_first: flags.4,
        indent,
        between,
        trailing,
    })
}

fn flow(pairs: &[(&str, &str)], first: &[(String, String)]) -> String {
    let all = first.iter().map(|(k, v)| format!("{k}: {v}"));
    let all = all.chain(pairs.iter().map(|(k, v)| format!("{k}: {v}")));
    format!("{{ {} }}", all.collect::<Vec<_>>().join(", "))
}

fn identity(host: &Host) -> Vec<(String, String)> {
    vec![("pg_seq".into(), host.seq.to_string()), ("pg_role".into(), host.role.into())]
}

fn group(out: &mut Vec<String>, group: &Group, indent: usize) {
    let pad = |level: usize| " ".repeat(indent * level);
    let cluster = vec![("pg_cluster".to_owned(), group.name.clone())];
    let one_line = || {
        let hosts: Vec<String> =
            group.hosts.iter().map(|h| format!("{}: {}", h.addr, flow(&h.vars, &identity(h)))).collect();
        format!("{{ {} }}", hosts.join(", "))
    };
    if group.style == 2 {
        let text = format!("{{ hosts: {}, vars: {} }}", one_line(), flow(&group.vars, &cluster));
        out.push(format!("{}{}: {text}", pad(2), group.name));
        return;
    }
    out.push(format!("{}{}:", pad(2), group.name));
    let mut hosts = Vec::new();
    if group.style == 1 {
        hosts.push(format!("{}hosts: {}", pad(3), one_line()));
    } else {
        hosts.push(format!("{}hosts:", pad(3)));
        for host in &group.hosts {
            match host.style {
                0 => hosts.push(format!("{}{}: {}", pad(4), host.addr, flow(&host.vars, &identity(host)))),
                1 => {
                    hosts.push(format!("{}{}:", pad(4), host.addr));
                    let own = identity(host);
                    let own = own.iter().map(|(k, v)| (k.as_str(), v.as_str()));
                    hosts.extend(
                        own.chain(host.vars.iter().copied()).map(|(k, v)| format!("{}{k}: {v}", pad(5))),
                    );
                }
                _ => {
                    let text =
                        flow(&host.vars, &identity(host)).replace(", ", " ,").replace("{ pg_seq", "{pg_seq");
                    hosts.push(format!("{}{} :   {text}", pad(4), host.addr));
                }
            }
        }
    }
    let mut vars = vec![format!("{}vars:", pad(3)), format!("{}pg_cluster: {}", pad(4), group.name)];
    vars.extend(group.vars.iter().map(|(k, v)| format!("{}{k}: {v}", pad(4))));
    let parts = if group.style == 3 { [vars, hosts] } else { [hosts, vars] };
    out.extend(parts.concat());
}

/// The text.
pub fn render(groups: &[Group], dress: &Dress) -> String {
    let pad = " ".repeat(dress.indent);
    let mut globals = vec![format!("{pad}vars:")];
    for (key, value) in [
        ("admin_ip", "10.0.0.1"),
        ("version", "v4.5.0"),
        ("region", "default"),
        ("defaults", "&defaults { deadlock: on, 'a.b': y }"),
        ("merged", "{ <<: *defaults, deadlock: off }"),
        ("same", "*defaults"),
    ] {
        globals.push(format!("{pad}{pad}{key}: {value}"));
    }
    globals.push(format!("{pad}{pad}folded: >-"));
    globals.push(format!("{pad}{pad}{pad}--one"));
    globals.push(format!("{pad}{pad}{pad}--two"));
    globals.push(format!("{pad}{pad}last: 1"));
    let mut children = vec![format!("{pad}children:")];
    children.push(format!("{pad}{pad}infra: {{ hosts: {{ 10.0.0.1: {{ infra_seq: 1 }}}}}}"));
    children.push(format!(
        "{pad}{pad}etcd: {{ hosts: {{ 10.0.0.1: {{ etcd_seq: 1 }} }}, vars: {{ etcd_cluster: etcd }} }}"
    ));
    for one in groups {
        group(&mut children, one, dress.indent);
    }
    let body = if dress.globals_first { [globals, children] } else { [children, globals] }.concat();
    let mut lines: Vec<String> = Vec::new();
    if dress.markers {
        lines.push("---".into());
    }
    lines.push("all:".into());
    let mut folded = false;
    for (n, line) in body.into_iter().enumerate() {
        // A comment inside a folded scalar, or deeper right behind it, would be its text.
        let before = folded;
        folded = line.contains(">-") || folded && line.trim_start().starts_with("--");
        if !folded && !before {
            let between = dress.between[n % dress.between.len()];
            if !between.is_empty() {
                lines.push(between.to_owned());
            }
        }
        let trailing = if folded { "" } else { dress.trailing[n % dress.trailing.len()] };
        lines.push(format!("{line}{trailing}"));
    }
    if dress.markers {
        lines.push("...".into());
    }
    let eol = if dress.crlf { "\r\n" } else { "\n" };
    let mut text = lines.join(eol);
    if dress.final_newline {
        text += eol;
    }
    if dress.bom { format!("\u{feff}{text}") } else { text }
}
