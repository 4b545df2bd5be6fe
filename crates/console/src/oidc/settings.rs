//! Settings of the provider: what is given, and what of it can be meant.

use crate::PersonRole;
use crate::policy::Grant;
use crate::problems::problem;
use openidconnect::url::{Host, Url};
use openidconnect::{ClientId, ClientSecret, IssuerUrl, RedirectUrl, Scope};
use paddock_events::{Problem, ProblemKind};

/// Where the provider sends the browser back to, below the console's public address.
const CALLBACK: &str = "/sign-in/oidc/callback";

/// As flags, environment and file give it. It holds the client's secret: not to be printed.
#[derive(Clone, Default)]
pub struct OidcGiven {
    /// The provider: `https://login.example/realms/ops`.
    pub issuer: String,
    /// How the provider knows the console.
    pub client_id: String,
    /// And what it knows it by.
    pub client_secret: String,
    /// Where browsers reach the console: `https://console.example`.
    pub public_url: String,
    /// What is asked for besides `openid`; none: `profile email`.
    pub scopes: Vec<String>,
    /// The claim with the groups; none: `groups`.
    pub groups_claim: Option<String>,
    /// The claim with the name; none: `preferred_username`.
    pub name_claim: Option<String>,
    /// What stands on the button behind "Sign in with"; none: `single sign-on`.
    pub label: Option<String>,
    /// `GROUP=ROLE` or `GROUP=ROLE:PATTERN`, each.
    pub grants: Vec<String>,
}

/// Who is in a group at the provider has this here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupGrant {
    pub(super) group: String,
    pub(super) grant: Grant,
}

impl GroupGrant {
    /// Reads `dba=operator:pg-prod-*`; without a pattern it is on everything. A group's name may have a `=`, as those of
    /// directories do: the last one counts.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |why: String| {
            settings_problem(why, "write GROUP=ROLE or GROUP=ROLE:PATTERN: `dba=operator:pg-prod-*`")
        };
        let Some((group, given)) = text.rsplit_once('=') else {
            return Err(bad(format!("the grant `{text}` has no `=`")));
        };
        let (role, clusters) = given.split_once(':').unwrap_or((given, "*"));
        let (group, role, clusters) = (group.trim(), role.trim(), clusters.trim());
        if group.is_empty() {
            return Err(bad(format!("the grant `{text}` names no group")));
        }
        let Some(role) = PersonRole::parse(role) else {
            return Err(bad(format!("`{role}` in the grant `{text}` is no role")));
        };
        let grant = Grant::new(role, clusters).map_err(|problem| bad(problem.why))?;
        Ok(Self { group: group.to_owned(), grant })
    }
}

/// Which claims of an ID token are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClaimNames {
    pub(super) groups: String,
    pub(super) name: String,
}

/// A provider as the console uses it.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    pub(super) issuer: IssuerUrl,
    pub(super) client_id: ClientId,
    /// Cannot be printed.
    pub(super) client_secret: ClientSecret,
    pub(super) redirect: RedirectUrl,
    pub(super) scopes: Vec<Scope>,
    pub(super) claims: ClaimNames,
    pub(super) label: String,
    pub(super) rules: Vec<GroupGrant>,
}

fn settings_problem(why: impl Into<String>, fix: impl Into<String>) -> Problem {
    problem("oidc/bad-settings", ProblemKind::Request, "sign-in by a provider cannot be set up so", why, fix)
}

/// Whether what is sent there is for its reader alone: HTTPS, or this very machine (tests, a tunnel's end).
pub(crate) fn is_private(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => return false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

/// An address without anything that does not belong into one that is configured.
fn plain_url(what: &str, text: &str) -> Result<Url, Problem> {
    let bad = |why: String| {
        settings_problem(format!("{what} `{text}` {why}"), "give an address like https://login.example")
    };
    let url = Url::parse(text).map_err(|error| bad(format!("is no address: {error}")))?;
    if !is_private(&url) {
        return Err(bad("is neither https:// nor http:// on loopback".to_owned()));
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(bad("has more than host, port and path".to_owned()));
    }
    Ok(url)
}

/// Letters that a scope may have (RFC 6749, section 3.3).
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn claim(what: &str, given: Option<String>, default: &str) -> Result<String, Problem> {
    let name = given.unwrap_or_else(|| default.to_owned());
    if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
        return Err(settings_problem(
            format!("{what} is no name of a claim"),
            format!("leave it out for `{default}`"),
        ));
    }
    Ok(name)
}

impl OidcSettings {
    /// Refuses what cannot work, and what would send secrets in the clear.
    pub fn new(given: OidcGiven) -> Result<Self, Problem> {
        plain_url("the issuer", &given.issuer)?;
        let public = plain_url("the public address", &given.public_url)?;
        if public.path() != "/" {
            return Err(settings_problem(
                format!("the public address `{}` has a path", given.public_url),
                "the console wants a host name of its own",
            ));
        }
        for (what, text) in [("client id", &given.client_id), ("client secret", &given.client_secret)] {
            if text.is_empty() || text.chars().any(char::is_control) {
                return Err(settings_problem(
                    format!("the {what} is missing, or has more than one line"),
                    "the provider gave both when the console was registered there",
                ));
            }
        }
        let label = given.label.unwrap_or_else(|| "single sign-on".to_owned());
        if !(1..=40).contains(&label.trim().chars().count()) || label.chars().any(char::is_control) {
            return Err(settings_problem("the label has 1 to 40 characters", "give the provider's name"));
        }
        let asked =
            if given.scopes.is_empty() { vec!["profile".into(), "email".into()] } else { given.scopes };
        if let Some(bad) = asked.iter().find(|scope| !is_scope(scope)) {
            return Err(settings_problem(
                format!("`{bad}` is no scope"),
                "give names with blanks between them",
            ));
        }
        let rules = given.grants.iter().map(|text| GroupGrant::parse(text)).collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() {
            return Err(settings_problem(
                "no group has a grant, so nobody could sign in",
                "give one: `--oidc-grant 'dba=operator:pg-prod-*'`",
            ));
        }
        let url_problem = |error| settings_problem(format!("an address cannot be read: {error}"), "right it");
        let redirect = format!("{}{CALLBACK}", public.origin().ascii_serialization());
        Ok(Self {
            // As it is written: the provider's documents and tokens must have the same letters.
            issuer: IssuerUrl::new(given.issuer).map_err(url_problem)?,
            client_id: ClientId::new(given.client_id),
            client_secret: ClientSecret::new(given.client_secret),
            redirect: RedirectUrl::new(redirect).map_err(url_problem)?,
            // The library asks for `openid` itself.
            scopes: asked.into_iter().filter(|scope| scope != "openid").map(Scope::new).collect(),
            claims: ClaimNames {
                groups: claim("the groups claim", given.groups_claim, "groups")?,
                name: claim("the name claim", given.name_claim, "preferred_username")?,
            },
            label: label.trim().to_owned(),
            rules,
        })
    }

    /// Where the provider sends browsers back to; it must be registered there.
    pub fn redirect(&self) -> &str {
        self.redirect.as_str()
    }

    /// The provider.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// What each group grants: `dba: operator on *`.
    pub(crate) fn grants(&self) -> String {
        self.rules.iter().map(|rule| format!("{}: {}", rule.group, rule.grant)).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> OidcGiven {
        OidcGiven {
            issuer: "https://login.example/realms/ops".into(),
            client_id: "paddock".into(),
            client_secret: "C4nary-secret".into(),
            public_url: "https://console.example".into(),
            grants: vec!["dba=operator:pg-prod-*".into()],
            ..OidcGiven::default()
        }
    }

    #[test]
    fn a_grant_is_a_group_a_role_and_a_pattern() {
        for (text, expected) in [
            ("dba=operator:pg-prod-*", Ok(("dba", "operator on pg-prod-*"))),
            ("dba=admin", Ok(("dba", "admin on *"))),
            ("cn=dba,ou=groups=viewer:pg-a", Ok(("cn=dba,ou=groups", "viewer on pg-a"))),
            (" on call = approver : pg-[ab] ", Ok(("on call", "approver on pg-[ab]"))),
            ("dba", Err("has no `=`")),
            ("=admin", Err("names no group")),
            ("dba=god", Err("`god` in the grant")),
            ("dba=", Err("`` in the grant")),
            ("dba=admin:", Err("no pattern")),
            ("dba=admin:pg prod", Err("no pattern")),
        ] {
            let read = GroupGrant::parse(text);
            match (read, expected) {
                (Ok(read), Ok((group, grant))) => {
                    assert_eq!((read.group.as_str(), read.grant.to_string().as_str()), (group, grant));
                }
                (Err(problem), Err(why)) => assert!(problem.why.contains(why), "{text}: {problem}"),
                (read, expected) => panic!("{text}: {read:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn the_way_back_is_below_the_public_address() {
        for (public, redirect) in [
            ("https://console.example", "https://console.example/sign-in/oidc/callback"),
            ("https://console.example/", "https://console.example/sign-in/oidc/callback"),
            ("https://console.example:8443", "https://console.example:8443/sign-in/oidc/callback"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/sign-in/oidc/callback"),
        ] {
            let settings = OidcSettings::new(OidcGiven { public_url: public.into(), ..given() }).unwrap();
            assert_eq!(settings.redirect(), redirect);
        }
    }

    #[test]
    fn what_cannot_work_or_would_tell_secrets_is_refused() {
        let check = |what: &str, given: OidcGiven| match OidcSettings::new(given) {
            Ok(_) => panic!("{what} was taken"),
            Err(problem) => assert_eq!(problem.code, "oidc/bad-settings", "{what}"),
        };
        for issuer in [
            "http://login.example",
            "login.example",
            "ftp://127.0.0.1",
            "https://a@login.example",
            "https://login.example?x=1",
            "",
        ] {
            check(issuer, OidcGiven { issuer: issuer.into(), ..given() });
        }
        for public in
            ["http://console.example", "https://console.example/below", "https://console.example/#x", ""]
        {
            check(public, OidcGiven { public_url: public.into(), ..given() });
        }
        check("no client", OidcGiven { client_id: String::new(), ..given() });
        check("no secret", OidcGiven { client_secret: String::new(), ..given() });
        check("a secret of two lines", OidcGiven { client_secret: "a\nb".into(), ..given() });
        check("no grant", OidcGiven { grants: vec![], ..given() });
        check("no scope", OidcGiven { scopes: vec!["a b".into()], ..given() });
        check("a long label", OidcGiven { label: Some("x".repeat(41)), ..given() });
        check("no claim", OidcGiven { groups_claim: Some(String::new()), ..given() });
        for issuer in ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000"] {
            OidcSettings::new(OidcGiven { issuer: issuer.into(), ..given() }).unwrap();
        }
    }

    #[test]
    fn the_secret_is_not_printed() {
        let settings = OidcSettings::new(given()).unwrap();
        assert!(!format!("{settings:?}").contains("C4nary"), "{settings:?}");
    }
}
