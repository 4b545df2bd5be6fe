//! What the palette finds for what was typed: pure.

use super::pages;
use crate::paths;
use crate::words::fuzzy::score;
use paddock_events::{ClusterPage, HealthLevel, JobId, JobRow, Me, Offer, Verdict};
use paddock_tongue::{say, t};
use std::cmp::Reverse;

/// More are not looked through by anybody: one types another letter.
const MOST: usize = 40;

/// Where choosing leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Go {
    /// To a page.
    To(String),
    /// To the plan of an operation's words.
    Plan(Vec<String>),
    /// It is refused; the item says why.
    Nowhere,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its name.
    pub title: String,
    /// What else one should know: a health, a command line.
    pub more: String,
    /// What it is.
    pub kind: &'static str,
    /// Where it leads.
    pub go: Go,
    /// The cluster whose operations it stands for.
    pub cluster: Option<String>,
}

/// What fits, the best first. `page` is that of the cluster that was named first, when it has come.
pub fn find(
    typed: &str,
    me: &Me,
    clusters: &[(String, HealthLevel)],
    jobs: &[JobRow],
    page: Option<&ClusterPage>,
) -> Vec<Item> {
    if let Some(page) = page {
        let wanted = typed.split_once(' ').map_or("", |(_, rest)| rest);
        return best(wanted, operations(page));
    }
    let places = pages(me).into_iter().map(|(title, to)| Item {
        title: title.to_owned(),
        more: String::new(),
        kind: t!("Page"),
        go: Go::To(to.to_owned()),
        cluster: None,
    });
    let known = clusters.iter().map(|(name, health)| Item {
        title: name.clone(),
        more: crate::components::health(*health).1.to_owned(),
        kind: t!("Cluster"),
        go: Go::To(paths::cluster(name)),
        cluster: Some(name.clone()),
    });
    let number =
        typed.trim().trim_start_matches('#').parse::<i64>().ok().filter(|number| *number > 0).map(JobId);
    let listed = jobs.iter().filter(|row| Some(row.id) != number).map(|row| job(row.id, row.title.clone()));
    let mut out = best(typed, places.chain(known).chain(listed).collect());
    if let Some(number) = number {
        let title = jobs.iter().find(|row| row.id == number).map(|row| row.title.clone());
        out.insert(0, job(number, title.unwrap_or_default()));
    }
    out
}

fn job(id: JobId, what: String) -> Item {
    Item { title: format!("#{id}"), more: what, kind: t!("Job"), go: Go::To(paths::job(id)), cluster: None }
}

fn operations(page: &ClusterPage) -> Vec<Item> {
    let name = &page.row.name;
    let open = Item {
        title: say!("Open {name}"),
        more: String::new(),
        kind: t!("Cluster"),
        go: Go::To(paths::cluster(name)),
        cluster: None,
    };
    let refused = match &page.may_operate {
        Verdict::Allowed => None,
        Verdict::Refused { problem } => Some(format!("{}: {}", problem.what, problem.why)),
    };
    let offered = page.offers.iter().map(|offer| Item {
        title: title(offer),
        more: refused.clone().unwrap_or_else(|| offer.script.clone()),
        kind: t!("Operation"),
        go: if refused.is_some() { Go::Nowhere } else { Go::Plan(offer.words.clone()) },
        cluster: None,
    });
    std::iter::once(open).chain(offered).collect()
}

/// `switchover/pg-test-2` as words: `Switchover pg-test-2`.
fn title(offer: &Offer) -> String {
    let (what, of) = offer.key.split_once('/').unwrap_or((&offer.key, ""));
    let what = what.replace('-', " ");
    let mut letters = what.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase()).into_iter();
    let what: String = first.chain(letters).collect();
    if of.is_empty() { what } else { format!("{what} {of}") }
}

fn best(typed: &str, all: Vec<Item>) -> Vec<Item> {
    // A title that fits is meant rather than what else is said.
    let fits = |item: &Item| score(&item.title, typed).map(|score| score + 40).max(score(&item.more, typed));
    let mut found: Vec<(i32, Item)> = match typed.trim() {
        "" => all.into_iter().map(|item| (0, item)).collect(),
        _ => all.into_iter().filter_map(|item| Some((fits(&item)?, item))).collect(),
    };
    found.sort_by_key(|(score, _)| Reverse(*score));
    found.truncate(MOST);
    found.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me(admin: bool) -> Me {
        Me {
            name: "ann".into(),
            role: "viewer".into(),
            grants: vec![],
            reads_inventory: true,
            reads_audit: admin,
            reads_people: admin,
            by_provider: false,
        }
    }

    fn titles(typed: &str, me: &Me) -> Vec<String> {
        let clusters: Vec<_> = (0..60).map(|one| (format!("pg-{one:02}"), HealthLevel::Healthy)).collect();
        find(typed, me, &clusters, &[], None).into_iter().map(|item| item.title).collect()
    }

    #[test]
    fn pages_are_those_that_one_may_read() {
        assert_eq!(titles("audit", &me(true)), ["Audit log"]);
        assert_eq!(titles("audit", &me(false)), [""; 0]);
        let all = titles("", &me(false));
        assert_eq!((all.len(), all[0].as_str(), all[8].as_str()), (MOST, "Clusters", "pg-00"));
    }

    #[test]
    fn a_number_is_a_job() {
        for typed in ["12", "#12", " 12 "] {
            assert_eq!(titles(typed, &me(true))[0], "#12", "{typed}");
        }
        assert_eq!(titles("pg12", &me(true))[0], "pg-12");
        assert!(!titles("0", &me(true)).contains(&"#0".to_owned()));
    }

    #[test]
    fn an_offer_is_called_by_what_it_does() {
        let offer =
            |key: &str| Offer { key: key.into(), words: vec![], script: String::new(), playbook: None };
        assert_eq!(title(&offer("backup-full")), "Backup full");
        assert_eq!(title(&offer("switchover/pg-test-2")), "Switchover pg-test-2");
    }
}
