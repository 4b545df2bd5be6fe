//! The picture of a cluster: members, who replicates from whom, and where the services lead.

use super::badge::Tone;
use crate::words::picture::{Arrow, BOX_HEIGHT, BOX_WIDTH, LINK_HEIGHT, LINK_WIDTH, lay_out, link};
use crate::words::size;
use leptos::prelude::*;
use paddock_events::{
    ClusterTopology, HaproxyServer, MemberRole, MemberState, MemberTopology, ServiceTopology,
};
use paddock_tongue::{count, say, t, view};

/// Draws a snapshot. Everything in it is also in the tables below it, for who cannot see a picture.
#[component]
pub fn TopologyPicture(
    topology: ClusterTopology,
    /// Other clusters, sources first: name, its tone and state in a word, how they hang together, address of its page.
    #[prop(optional)]
    links: Vec<LinkedCluster>,
    /// What a click on a member does besides leading to its row.
    on_member: Callback<String, bool>,
) -> impl IntoView {
    let picture = lay_out(&topology, 4);
    let leader = picture.places.iter().find(|place| topology.members[place.member].leads());
    // What is declared hangs together whether somebody leads or not.
    let leader = leader.or(picture.places.first()).copied();
    let sources = links.iter().filter(|link| link.source).count();
    let linked = link(&picture, leader, sources, links.len() - sources);
    let label = format!("{}: {}", topology.cluster, count!(topology.members.len(), "member"));
    let arrows = picture.arrows.iter().map(|arrow| draw_arrow(arrow, &topology)).collect_view();
    let boxes = picture
        .places
        .iter()
        .map(|place| {
            let member = &topology.members[place.member];
            draw_member(member, &ports(&topology, place.member), place.x, place.y, on_member)
        })
        .collect_view();
    // Beside a phone's edge it scrolls rather than shrinks to what nobody reads.
    let least = linked.width.min(560.0 + linked.width - picture.width) as u32;
    let others = links
        .into_iter()
        .zip(linked.boxes.iter().zip(&linked.arrows))
        .map(|(link, ((x, y), arrow))| draw_link(link, *x, *y, arrow.clone()))
        .collect_view();
    view! {
        <div class="picture">
            <svg
                role="group" aria-label=label
                viewBox=format!("0 0 {} {}", linked.width, linked.height)
                style=format!("max-width:{}px;min-width:{least}px", linked.width)
            >
                <defs>
                    <marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="8" markerHeight="8" orient="auto">
                        <path class="head" d="M0 0.5L7 4L0 7.5z"/>
                    </marker>
                </defs>
                {others}
                <g transform=format!("translate({} 0)", linked.shift)>{arrows}{boxes}</g>
            </svg>
        </div>
    }
}

/// Another cluster in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkedCluster {
    /// `pg-dr`.
    pub name: String,
    /// Its page.
    pub href: String,
    /// It is where the drawn one comes from.
    pub source: bool,
    /// `standby cluster`, `clone by PITR`, and the like.
    pub how: &'static str,
    /// Its health.
    pub health: (Tone, &'static str),
}

fn draw_link(link: LinkedCluster, x: f64, y: f64, arrow: Option<String>) -> impl IntoView + use<> {
    let (class, sign) = link.health.0.look();
    let label = format!("{}, {}, {}", link.name, link.how, link.health.1);
    let name = shortened(&link.name, 20);
    let line = format!("{sign} {}", link.how);
    view! {
        <g class="arrow linked">
            {arrow.map(|path| view! { <path d=path marker-end="url(#head)"/> })}
            // Of several children Leptos takes an `a` for HTML's, which draws nothing in a picture that is made in the browser.
            <g>
                <a href=link.href aria-label=label>
                    <g class=format!("member {class}") transform=format!("translate({x} {y})")>
                        <rect class="box" width=LINK_WIDTH height=LINK_HEIGHT rx="8"/>
                        <text class="name" x="14" y="22">{name}</text>
                        <text class="state" x="14" y="40">{line}</text>
                    </g>
                </a>
            </g>
        </g>
    }
}

fn shortened(name: &str, most: usize) -> String {
    match name.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// What Patroni's role and state say, as tone and words.
pub fn member_words(member: &MemberTopology) -> (Tone, String) {
    // Its Patroni answers for itself, and not for the cluster; why stands beside it.
    if member.unreachable.is_some() && member.version.is_some() {
        return (Tone::Bad, t!("state unknown").to_owned());
    }
    state_words(member.role, &member.state, member.unreachable.is_some())
}

/// What a member does, in words; `unreachable` when its node was not reached.
pub fn state_words(role: MemberRole, state: &MemberState, unreachable: bool) -> (Tone, String) {
    if unreachable {
        return (Tone::Bad, "node not reached".to_owned());
    }
    match state {
        MemberState::Streaming => (Tone::Good, "streaming".to_owned()),
        MemberState::Running => match role {
            MemberRole::Primary | MemberRole::StandbyLeader => (Tone::Good, t!("running").to_owned()),
            // Running is not streaming: such a replica may be behind without end.
            _ => (Tone::Warn, t!("running, not streaming").to_owned()),
        },
        MemberState::Busy(word) => (Tone::Busy, word.clone()),
        MemberState::Down(word) => (Tone::Bad, word.clone()),
        MemberState::Unknown => (Tone::Quiet, t!("not seen").to_owned()),
    }
}

/// The observed role in a word; none when nothing was observed.
pub fn role_word(role: MemberRole) -> Option<&'static str> {
    match role {
        MemberRole::Primary => Some(t!("primary")),
        MemberRole::StandbyLeader => Some(t!("standby leader")),
        MemberRole::SyncStandby => Some(t!("sync replica")),
        MemberRole::Replica => Some(t!("replica")),
        MemberRole::Unknown => None,
    }
}

/// The observed role in a word; the declared one when nothing was observed.
pub fn role_words(member: &MemberTopology) -> String {
    role_word(member.role).map_or_else(
        || member.declared_role.as_ref().map_or(t!("unknown").to_owned(), |role| say!("{role} (declared)")),
        str::to_owned,
    )
}

/// The servers that a service leads to now: those that HAProxy has up, spare ones only while nobody else is.
pub fn routed(service: &ServiceTopology) -> Vec<&HaproxyServer> {
    let up = |server: &&HaproxyServer| {
        server.weight > 0 && (server.status.starts_with("UP") || server.status == "no check")
    };
    let (spare, first): (Vec<_>, Vec<_>) =
        service.servers.iter().filter(up).partition(|server| server.backup);
    if first.is_empty() { spare } else { first }
}

/// Ports that lead to a member now.
fn ports(topology: &ClusterTopology, member: usize) -> Vec<String> {
    let name = &topology.members[member].instance;
    let leads_here =
        |service: &&ServiceTopology| routed(service).iter().any(|server| server.instance == *name);
    let mut ports: Vec<u16> =
        topology.services.iter().filter(leads_here).map(|service| service.port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.iter().map(u16::to_string).collect()
}

fn draw_arrow(arrow: &Arrow, topology: &ClusterTopology) -> impl IntoView + use<> {
    let member = &topology.members[arrow.to];
    let flows = matches!(member.state, MemberState::Streaming);
    let lag = member
        .lag_bytes
        .map_or(t!("lag unknown").to_owned(), |bytes| say!("lag {size}", size = size::bytes(bytes)));
    let sync = if member.role == MemberRole::SyncStandby { t!("sync · ") } else { "" };
    let (x, y) = arrow.label;
    view! {
        <g class=if flows { "arrow flows" } else { "arrow broken" }>
            <path d=arrow.path.clone() marker-end="url(#head)"/>
            <rect x=x - 52.0 y=y - 10.0 width="104" height="18" rx="9"/>
            <text x=x y=y + 3.0 text-anchor="middle">{format!("{sync}{lag}")}</text>
        </g>
    }
}

fn draw_member(
    member: &MemberTopology,
    ports: &[String],
    x: f64,
    y: f64,
    on_member: Callback<String, bool>,
) -> impl IntoView + use<> {
    let (tone, state) = member_words(member);
    let (class, sign) = tone.look();
    let leads = matches!(member.role, MemberRole::Primary | MemberRole::StandbyLeader);
    // What is not known is said in the table below; here it would only stand in the way of why.
    let timeline = member.timeline.map(|timeline| say!("timeline {timeline}"));
    // Beside "(declared)" there is no room for it.
    let version = member.version.as_ref().filter(|_| member.role != MemberRole::Unknown);
    let version = version.map_or(String::new(), |version| format!(" · {version}"));
    let name = shortened(&member.instance, 26);
    let id = member.instance.clone();
    let label = format!("{}, {}, {state}", member.instance, role_words(member));
    let press = move |event: leptos::ev::MouseEvent| {
        if on_member.run(id.clone()) {
            event.prevent_default();
        }
    };
    let line = format!("{} · {}{version}", role_words(member), member.host);
    let services = if ports.is_empty() {
        t!("no service leads here").to_owned()
    } else {
        say!("serves {ports}", ports = ports.join(" · "))
    };
    view! {
        <g class=format!("member {class}{}", if leads { " leads" } else { "" }) transform=format!("translate({x} {y})")>
            <a href=format!("#member-{}", member.instance) aria-label=label on:click=press>
                <rect class="box" width=BOX_WIDTH height=BOX_HEIGHT rx="8"/>
                <rect class="edge" width="4" height=BOX_HEIGHT - 16.0 x="0" y="8" rx="2"/>
                <text class="name" x="16" y="25">{name}</text>
                <text class="host" x="16" y="44">{line}</text>
                <text class="state" x="16" y="66"><tspan class="sign">{sign}</tspan>{format!(" {state}")}</text>
                <text class="line" x=BOX_WIDTH - 14.0 y="66" text-anchor="end">{timeline}</text>
                <text class="serves" x="16" y="90">{services}</text>
                {member.pending_restart.then(|| view! {
                    <text class="pending" x=BOX_WIDTH - 14.0 y="90" text-anchor="end">"restart pending"</text>
                })}
            </a>
        </g>
    }
}
