//! The picture of a cluster: members, who replicates from whom, and where the services lead.

use super::badge::Tone;
use crate::words::picture::{Arrow, BOX_HEIGHT, BOX_WIDTH, lay_out};
use crate::words::size;
use leptos::prelude::*;
use paddock_events::{ClusterTopology, MemberRole, MemberState, MemberTopology};

/// Draws a snapshot. Everything in it is also in the tables below it, for who cannot see a picture.
#[component]
pub fn TopologyPicture(topology: ClusterTopology) -> impl IntoView {
    let picture = lay_out(&topology, 4);
    let label = format!("{}: {}", topology.cluster, size::count(topology.members.len(), "member"));
    let arrows = picture.arrows.iter().map(|arrow| draw_arrow(arrow, &topology)).collect_view();
    let boxes = picture
        .places
        .iter()
        .map(|place| {
            draw_member(&topology.members[place.member], &ports(&topology, place.member), place.x, place.y)
        })
        .collect_view();
    view! {
        <div class="picture" tabindex="0">
            <svg
                role="img" aria-label=label
                viewBox=format!("0 0 {} {}", picture.width, picture.height)
                style=format!("max-width:{}px", picture.width)
            >
                <defs>
                    <marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="8" markerHeight="8" orient="auto">
                        <path class="head" d="M0 0.5L7 4L0 7.5z"/>
                    </marker>
                </defs>
                {arrows}
                {boxes}
            </svg>
        </div>
    }
}

/// What Patroni's role and state say, as tone and words.
pub fn member_words(member: &MemberTopology) -> (Tone, String) {
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
            MemberRole::Primary | MemberRole::StandbyLeader => (Tone::Good, "running".to_owned()),
            // Running is not streaming: such a replica may be behind without end.
            _ => (Tone::Warn, "running, not streaming".to_owned()),
        },
        MemberState::Busy(word) => (Tone::Busy, word.clone()),
        MemberState::Down(word) => (Tone::Bad, word.clone()),
        MemberState::Unknown => (Tone::Quiet, "not seen".to_owned()),
    }
}

/// The observed role in a word; none when nothing was observed.
pub fn role_word(role: MemberRole) -> Option<&'static str> {
    match role {
        MemberRole::Primary => Some("primary"),
        MemberRole::StandbyLeader => Some("standby leader"),
        MemberRole::SyncStandby => Some("sync replica"),
        MemberRole::Replica => Some("replica"),
        MemberRole::Unknown => None,
    }
}

/// The observed role in a word; the declared one when nothing was observed.
pub fn role_words(member: &MemberTopology) -> String {
    role_word(member.role).map_or_else(
        || member.declared_role.as_ref().map_or("unknown".to_owned(), |role| format!("{role} (declared)")),
        str::to_owned,
    )
}

/// Ports that lead to a member now: services whose HAProxy has it up, spare servers only while nobody else is up.
fn ports(topology: &ClusterTopology, member: usize) -> Vec<String> {
    let name = &topology.members[member].instance;
    let up = |status: &str| status.starts_with("UP") || status == "no check";
    let mut ports: Vec<u16> = Vec::new();
    for service in &topology.services {
        let first =
            service.servers.iter().any(|server| !server.backup && server.weight > 0 && up(&server.status));
        let leads_here = service.servers.iter().any(|server| {
            server.instance == *name && server.weight > 0 && up(&server.status) && (!server.backup || !first)
        });
        if leads_here && !ports.contains(&service.port) {
            ports.push(service.port);
        }
    }
    ports.sort_unstable();
    ports.iter().map(u16::to_string).collect()
}

fn draw_arrow(arrow: &Arrow, topology: &ClusterTopology) -> impl IntoView + use<> {
    let member = &topology.members[arrow.to];
    let flows = matches!(member.state, MemberState::Streaming);
    let lag =
        member.lag_bytes.map_or("lag unknown".to_owned(), |bytes| format!("lag {}", size::bytes(bytes)));
    let sync = if member.role == MemberRole::SyncStandby { "sync · " } else { "" };
    let (x, y) = arrow.label;
    view! {
        <g class=if flows { "arrow flows" } else { "arrow broken" }>
            <path d=arrow.path.clone() marker-end="url(#head)"/>
            <rect x=x - 52.0 y=y - 10.0 width="104" height="18" rx="9"/>
            <text x=x y=y + 3.0 text-anchor="middle">{format!("{sync}{lag}")}</text>
        </g>
    }
}

fn draw_member(member: &MemberTopology, ports: &[String], x: f64, y: f64) -> impl IntoView + use<> {
    let (tone, state) = member_words(member);
    let (class, sign) = tone.look();
    let leads = matches!(member.role, MemberRole::Primary | MemberRole::StandbyLeader);
    // What is not known is said in the table below; here it would only stand in the way of why.
    let timeline = member.timeline.map(|timeline| format!("timeline {timeline}"));
    let version = member.version.as_ref().map_or(String::new(), |version| format!(" · {version}"));
    let name = match member.instance.char_indices().nth(26) {
        Some((end, _)) => format!("{}…", &member.instance[..end]),
        None => member.instance.clone(),
    };
    let line = format!("{} · {}{version}", role_words(member), member.host);
    let services = if ports.is_empty() {
        "no service leads here".to_owned()
    } else {
        format!("serves {}", ports.join(" · "))
    };
    view! {
        <g class=format!("member {class}{}", if leads { " leads" } else { "" }) transform=format!("translate({x} {y})")>
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
        </g>
    }
}
