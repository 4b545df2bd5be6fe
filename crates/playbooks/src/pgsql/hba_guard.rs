//! Whom a set of HBA rules lets in, and the refusal of a set that would lock out those whom the cluster lives by.
//!
//! A pure reading of `pg_hba.conf` as PostgreSQL reads it: the first rule that matches decides. What cannot be told here
//! (host names, regular expressions, files, `samenet`) is given the benefit of the doubt: only a certain lock-out is refused.

use crate::Refusal;
use crate::params::{field, maps, text};
use crate::pgsql::hba::Target;
use crate::pgsql::members::{Member, Members};
use crate::pgsql::sql;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// A rule as it stands in the file.
#[derive(Clone, Debug)]
struct Rule {
    kind: Kind,
    databases: Vec<Word>,
    users: Vec<Word>,
    address: Address,
    method: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Local,
    Host,
    HostSsl,
    HostNoSsl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    /// Of a `local` rule.
    None,
    All,
    Net {
        base: u32,
        mask: u32,
    },
    SameHost,
    /// IPv6: no member has one.
    Never,
    /// A host name or `samenet`.
    Maybe,
}

/// A word; quoted, it has no special meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    text: String,
    quoted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    Maybe,
}

/// Somebody who knocks.
#[derive(Clone, Copy, Debug)]
struct Client<'a> {
    user: &'a str,
    /// None: physical replication.
    database: Option<&'a str>,
    from: From,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Socket,
    /// An address; libpq tries TLS first, and goes on without when it is not let in.
    Host(Ipv4Addr),
}

/// Refuses a file that would lock out the dbsu on the socket (Paddock and Patroni), or replication between members.
pub(crate) fn check(
    members: &Members,
    member: &Member,
    target: Target,
    content: &str,
) -> Result<(), Refusal> {
    let rules = parse(content);
    let vars = &member.vars;
    let roles = closure(&sql::memberships(vars));
    let own = member.addr.ip();
    let dbsu = text(vars, "pg_dbsu", "postgres");
    let admitted = |client: &Client<'_>, methods: &[&str]| admits(&rules, client, own, &roles, methods);
    let refuse = |who: String, consequence: &str| {
        Refusal {
        code: "plan/hba-lockout".into(),
        what: format!("the new {} of {} was refused", target.file_name(), member.name),
        why: format!("it would lock out {who}: {consequence}"),
        fix: "add a rule that admits them before the one that does not (a lower `order`), or leave the default rules in"
            .into(),
    }
    };
    let socket = ["peer", "trust", "ident"];
    if target == Target::PgBouncer {
        let console = Client { user: &dbsu, database: Some("pgbouncer"), from: From::Socket };
        return if admitted(&console, &socket) {
            Ok(())
        } else {
            Err(refuse(
                format!("`{dbsu}` on the local socket from PgBouncer's console"),
                "nobody could look at it or reload it",
            ))
        };
    }
    let mut databases: Vec<String> = ["postgres", "template1"].map(str::to_owned).into();
    databases.extend(maps(vars, "pg_databases").iter().filter_map(|db| field(db, "name")));
    for database in &databases {
        let client = Client { user: &dbsu, database: Some(database), from: From::Socket };
        if !admitted(&client, &socket) {
            return Err(refuse(
                format!("`{dbsu}` on the local socket from database `{database}`"),
                "Patroni and Paddock could not manage this instance any more",
            ));
        }
    }
    let repl = text(vars, "pg_replication_username", "replicator");
    let with_password = ["scram-sha-256", "md5", "password", "trust"];
    for other in members.all.iter().filter(|other| other.addr != member.addr) {
        let from = From::Host(other.addr.ip());
        let wanted = [
            (None, "replication", "it could not stream from here"),
            (Some("postgres"), "database `postgres`", "it could not be rewound from here after a failover"),
        ];
        for (database, what, consequence) in wanted {
            if !admitted(&Client { user: &repl, database, from }, &with_password) {
                return Err(refuse(
                    format!("`{repl}` of {} ({}) from {what}", other.name, other.addr),
                    consequence,
                ));
            }
        }
    }
    Ok(())
}

/// Each role with all roles that it is a member of, itself included.
fn closure(direct: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, BTreeSet<String>> {
    let mut out = BTreeMap::new();
    for role in direct.keys() {
        let mut reached = BTreeSet::from([role.clone()]);
        let mut open = vec![role];
        while let Some(role) = open.pop() {
            for next in direct.get(role).into_iter().flatten() {
                if reached.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        out.insert(role.clone(), reached);
    }
    out
}

/// Whether the client may get in by one of these methods, as far as can be told.
fn admits(
    rules: &[Rule],
    client: &Client<'_>,
    own: Ipv4Addr,
    roles: &BTreeMap<String, BTreeSet<String>>,
    methods: &[&str],
) -> bool {
    let by = |tls: bool| {
        for rule in rules {
            let good = methods.contains(&rule.method.as_str());
            match rule.matches(client, tls, own, roles) {
                Match::Yes => return good,
                Match::Maybe if good => return true,
                Match::Maybe | Match::No => {}
            }
        }
        false
    };
    match client.from {
        From::Socket => by(false),
        From::Host(_) => by(true) || by(false),
    }
}

impl Rule {
    fn matches(
        &self,
        client: &Client<'_>,
        tls: bool,
        own: Ipv4Addr,
        roles: &BTreeMap<String, BTreeSet<String>>,
    ) -> Match {
        let kind = match (self.kind, client.from) {
            (Kind::Local, From::Socket) | (Kind::Host, From::Host(_)) => true,
            (Kind::HostSsl, From::Host(_)) => tls,
            (Kind::HostNoSsl, From::Host(_)) => !tls,
            (Kind::Local, From::Host(_)) | (Kind::Host | Kind::HostSsl | Kind::HostNoSsl, From::Socket) => {
                false
            }
        };
        if !kind {
            return Match::No;
        }
        let address = match (self.address, client.from) {
            (Address::None, _) | (Address::All, _) => Match::Yes,
            (Address::Net { base, mask }, From::Host(ip)) => yes(u32::from(ip) & mask == base & mask),
            (Address::SameHost, From::Host(ip)) => yes(ip == own),
            (Address::Maybe, _) => Match::Maybe,
            (Address::Never | Address::Net { .. } | Address::SameHost, _) => Match::No,
        };
        let any = |words: &[Word], one: &dyn Fn(&Word) -> Match| {
            words.iter().map(one).fold(Match::No, |found, next| match (found, next) {
                (Match::Yes, _) | (_, Match::Yes) => Match::Yes,
                (Match::Maybe, _) | (_, Match::Maybe) => Match::Maybe,
                (Match::No, Match::No) => Match::No,
            })
        };
        let database = any(&self.databases, &|word| word.is_database(client, roles));
        let user = any(&self.users, &|word| word.is_user(client.user, roles));
        [address, database, user].into_iter().fold(Match::Yes, |all, next| match (all, next) {
            (Match::No, _) | (_, Match::No) => Match::No,
            (Match::Maybe, _) | (_, Match::Maybe) => Match::Maybe,
            (Match::Yes, Match::Yes) => Match::Yes,
        })
    }
}

fn yes(truth: bool) -> Match {
    if truth { Match::Yes } else { Match::No }
}

impl Word {
    fn is_database(&self, client: &Client<'_>, roles: &BTreeMap<String, BTreeSet<String>>) -> Match {
        let Some(database) = client.database else {
            // `all` is for databases: replication is only meant by its own word.
            return yes(!self.quoted && self.text == "replication");
        };
        if self.quoted {
            return yes(self.text == database);
        }
        match self.text.as_str() {
            "all" => Match::Yes,
            "replication" => Match::No,
            "sameuser" => yes(client.user == database),
            "samerole" | "samegroup" => yes(is_member(client.user, database, roles)),
            text if text.starts_with(['@', '/']) => Match::Maybe,
            text => yes(text == database),
        }
    }

    fn is_user(&self, user: &str, roles: &BTreeMap<String, BTreeSet<String>>) -> Match {
        if self.quoted {
            return yes(self.text == user);
        }
        match self.text.as_str() {
            "all" => Match::Yes,
            text if text.starts_with(['@', '/']) => Match::Maybe,
            text => match text.strip_prefix('+') {
                Some(role) => yes(is_member(user, role, roles)),
                None => yes(text == user),
            },
        }
    }
}

fn is_member(user: &str, role: &str, roles: &BTreeMap<String, BTreeSet<String>>) -> bool {
    user == role || roles.get(user).is_some_and(|roles| roles.contains(role))
}

/// The rules of a file. A line that PostgreSQL would not understand is left out: it refuses the whole file then.
fn parse(content: &str) -> Vec<Rule> {
    let joined = content.replace("\\\n", " ");
    joined.lines().filter_map(rule).collect()
}

fn rule(line: &str) -> Option<Rule> {
    let mut fields = fields(line).into_iter();
    let kind = match fields.next()?.first()?.text.as_str() {
        "local" => Kind::Local,
        "host" | "hostgssenc" => Kind::Host,
        "hostssl" => Kind::HostSsl,
        "hostnossl" | "hostnogssenc" => Kind::HostNoSsl,
        _ => return None,
    };
    let (databases, users) = (fields.next()?, fields.next()?);
    let mut next = fields.next()?.into_iter().next()?.text;
    let address = if kind == Kind::Local {
        Address::None
    } else {
        let written = std::mem::take(&mut next);
        next = fields.next()?.into_iter().next()?.text;
        let mask = next.parse::<Ipv4Addr>().ok();
        if mask.is_some() || next.parse::<std::net::Ipv6Addr>().is_ok() {
            next = fields.next()?.into_iter().next()?.text;
        }
        address(&written, mask)
    };
    Some(Rule { kind, databases, users, address, method: next })
}

fn address(written: &str, mask: Option<Ipv4Addr>) -> Address {
    match written {
        "all" => return Address::All,
        "samehost" => return Address::SameHost,
        "samenet" => return Address::Maybe,
        _ => {}
    }
    let (ip, bits) = written.split_once('/').unwrap_or((written, "32"));
    if let (Ok(ip), Ok(bits)) = (ip.parse::<Ipv4Addr>(), bits.parse::<u32>()) {
        let mask = mask.map_or_else(|| u32::MAX.checked_shl(32 - bits.min(32)).unwrap_or(0), u32::from);
        return Address::Net { base: u32::from(ip), mask };
    }
    if ip.parse::<std::net::Ipv6Addr>().is_ok() { Address::Never } else { Address::Maybe }
}

/// Fields are parted by blanks, their words by commas; `#` begins a comment; quotes keep both.
fn fields(line: &str) -> Vec<Vec<Word>> {
    let mut out: Vec<Vec<Word>> = Vec::new();
    let mut field: Vec<Word> = Vec::new();
    let mut word: Option<Word> = None;
    let mut quote = false;
    let mut comma = false;
    for c in line.chars() {
        match c {
            '"' => {
                quote = !quote;
                word.get_or_insert_with(|| Word { text: String::new(), quoted: true }).quoted = true;
            }
            _ if quote => word.get_or_insert_with(|| Word { text: String::new(), quoted: true }).text.push(c),
            '#' => break,
            ',' => {
                field.extend(word.take());
                comma = true;
            }
            c if c.is_whitespace() => {
                field.extend(word.take());
                // A list may go on after a comma and a blank.
                if !comma && !field.is_empty() {
                    out.push(std::mem::take(&mut field));
                }
            }
            c => {
                comma = false;
                word.get_or_insert_with(|| Word { text: String::new(), quoted: false }).text.push(c);
            }
        }
    }
    field.extend(word);
    if !field.is_empty() {
        out.push(field);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `user database from` on rules, one a line; from is `socket` or an address; `repl` stands for replication.
    fn check(rules: &str, client: &str, methods: &[&str], expect: bool) {
        let words: Vec<&str> = client.split(' ').collect();
        let from = match words[2] {
            "socket" => From::Socket,
            ip => From::Host(ip.parse().unwrap()),
        };
        let database = Some(words[1]).filter(|database| *database != "repl");
        let roles = closure(&BTreeMap::from([
            ("replicator".to_owned(), vec!["monitors".to_owned()]),
            ("monitors".to_owned(), vec!["readers".to_owned()]),
        ]));
        let client = Client { user: words[0], database, from };
        let own = Ipv4Addr::new(10, 10, 10, 11);
        assert_eq!(admits(&parse(rules), &client, own, &roles, methods), expect, "{client:?} on\n{rules}");
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let peer = &["peer", "trust", "ident"];
        for (rules, expect) in [
            ("local all postgres peer", true),
            ("local all all scram-sha-256\nlocal all postgres peer", false),
            ("local replication all scram-sha-256\nlocal all postgres peer", true),
            ("host all postgres 127.0.0.1/32 trust", false),
            ("local all \"all\" reject\nlocal all postgres ident", true),
            ("local all test,postgres reject\nlocal all postgres ident", false),
            ("local all test, postgres peer", true),
            ("local all +postgres reject\nlocal all postgres ident", false),
            ("local test postgres peer", false),
            ("local \"postgres\" postgres peer map=dbas # for the admins", true),
            ("local all /^post reject\nlocal all postgres peer", true),
            ("#local all postgres peer", false),
            ("", false),
        ] {
            check(rules, "postgres postgres socket", peer, expect);
        }
    }

    #[test]
    fn replication_is_meant_only_by_its_own_word() {
        let password = &["scram-sha-256", "md5", "password", "trust"];
        for (rules, expect) in [
            ("host replication replicator 10.0.0.0/8 scram-sha-256", true),
            ("host all replicator 10.0.0.0/8 scram-sha-256", false),
            ("host \"replication\" replicator 10.0.0.0/8 scram-sha-256", false),
            ("host all,replication all all md5", true),
            ("host replication replicator 10.10.11.0/24 scram-sha-256", false),
            ("host replication replicator 10.10.10.0 255.255.255.0 scram-sha-256", true),
            ("host replication +readers 10.10.10.12/32 scram-sha-256", true),
            ("host replication +writers 10.10.10.12/32 scram-sha-256", false),
            ("host replication replicator 10.10.10.12/32 reject\nhost replication all all trust", false),
            // libpq tries TLS, then goes without.
            (
                "hostssl replication replicator 10.10.10.12/32 reject\nhostnossl replication all all trust",
                true,
            ),
            ("hostssl replication all samenet scram-sha-256", true),
            ("host replication all samehost scram-sha-256", false),
            ("host replication all ::/0 scram-sha-256", false),
            ("host replication all 10.10.10.12/32 cert", false),
            ("host replication all node12 scram-sha-256", true),
            ("host replication all 0.0.0.0/0 scram-sha-256", true),
        ] {
            check(rules, "replicator repl 10.10.10.12", password, expect);
        }
    }
}
