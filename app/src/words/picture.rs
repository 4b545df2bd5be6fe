//! Where the parts of a cluster's picture stand.
//!
//! The leader stands on top, each replica below what it replicates from, so that a cascade reads downwards.
//! Members without a known upstream stand in a row of their own at the bottom, without an arrow: unknown is not drawn.

use paddock_events::{ClusterTopology, MemberRole};

/// Width of a member's box.
pub const BOX_WIDTH: f64 = 248.0;
/// Height of a member's box.
pub const BOX_HEIGHT: f64 = 104.0;
const GAP_X: f64 = 36.0;
const GAP_Y: f64 = 84.0;
const EDGE: f64 = 12.0;

/// A member's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Index into the topology's members.
    pub member: usize,
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
}

/// A replication arrow.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrow {
    /// Who sends: index into the members.
    pub from: usize,
    /// Who receives.
    pub to: usize,
    /// SVG path.
    pub path: String,
    /// Middle of the label.
    pub label: (f64, f64),
}

/// A laid-out picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Width of all.
    pub width: f64,
    /// Height of all.
    pub height: f64,
    /// One place per member.
    pub places: Vec<Place>,
    /// Who replicates from whom.
    pub arrows: Vec<Arrow>,
}

/// Lays out the members. `wide` is how many boxes fit beside each other.
pub fn lay_out(topology: &ClusterTopology, wide: usize) -> Picture {
    let members = &topology.members;
    let named = |name: &str| members.iter().position(|member| member.instance == name);
    let upstream: Vec<Option<usize>> = members
        .iter()
        .enumerate()
        .map(|(at, member)| member.upstream.as_deref().and_then(named).filter(|up| *up != at))
        .collect();
    let leads = |at: usize| matches!(members[at].role, MemberRole::Primary | MemberRole::StandbyLeader);
    let mut rows: Vec<Vec<usize>> = vec![(0..members.len()).filter(|at| leads(*at)).collect()];
    let mut placed: Vec<usize> = rows[0].clone();
    // Each turn takes those whose upstream stands already; a circle is never taken and ends up below.
    loop {
        let next: Vec<usize> = (0..members.len())
            .filter(|at| !placed.contains(at) && upstream[*at].is_some_and(|up| placed.contains(&up)))
            .collect();
        if next.is_empty() {
            break;
        }
        placed.extend(&next);
        rows.push(next);
    }
    rows.push((0..members.len()).filter(|at| !placed.contains(at)).collect());
    let rows: Vec<Vec<usize>> =
        rows.iter().flat_map(|row| row.chunks(wide.max(1)).map(<[usize]>::to_vec)).collect();

    let widest = rows.iter().map(Vec::len).max().unwrap_or(0);
    let span = |count: usize| count as f64 * BOX_WIDTH + count.saturating_sub(1) as f64 * GAP_X;
    let width = span(widest.max(1)) + 2.0 * EDGE;
    let mut places = Vec::with_capacity(members.len());
    for (depth, row) in rows.iter().enumerate() {
        let left = (width - span(row.len())) / 2.0;
        for (column, member) in row.iter().enumerate() {
            places.push(Place {
                member: *member,
                x: left + column as f64 * (BOX_WIDTH + GAP_X),
                y: EDGE + depth as f64 * (BOX_HEIGHT + GAP_Y),
            });
        }
    }
    let height = rows.len() as f64 * (BOX_HEIGHT + GAP_Y) - GAP_Y + 2.0 * EDGE;
    let place = |member: usize| places.iter().find(|place| place.member == member);
    let arrows = upstream
        .iter()
        .enumerate()
        .filter(|(at, _)| !leads(*at))
        .filter_map(|(to, from)| Some((to, (*from)?)))
        .filter_map(|(to, from)| arrow(from, to, place(from)?, place(to)?))
        .collect();
    Picture { width, height: height.max(0.0), places, arrows }
}

fn arrow(from: usize, to: usize, sender: &Place, receiver: &Place) -> Option<Arrow> {
    // A member of a circle may stand above its upstream; such an arrow would lie.
    if receiver.y <= sender.y {
        return None;
    }
    let (x1, y1) = (sender.x + BOX_WIDTH / 2.0, sender.y + BOX_HEIGHT);
    let (x2, y2) = (receiver.x + BOX_WIDTH / 2.0, receiver.y - 7.0);
    let middle = y1 + GAP_Y / 2.0 - 8.0;
    let path = if (x1 - x2).abs() < 1.0 {
        format!("M{x1} {y1}V{y2}")
    } else {
        let bend = 10.0_f64.min((x1 - x2).abs() / 2.0) * (x2 - x1).signum();
        let round = bend.abs();
        format!(
            "M{x1} {y1}V{} Q{x1} {middle} {} {middle}H{} Q{x2} {middle} {x2} {}V{y2}",
            middle - round,
            x1 + bend,
            x2 - bend,
            middle + round
        )
    };
    Some(Arrow { from, to, path, label: (x2, y2 - 18.0) })
}

/// Width of the box of another cluster.
pub const LINK_WIDTH: f64 = 176.0;
/// Its height.
pub const LINK_HEIGHT: f64 = 52.0;
const LINK_GAP_X: f64 = 72.0;
const LINK_GAP_Y: f64 = 16.0;

/// A picture with the clusters that it hangs together with: where it comes from on the left, what comes from it on the right.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Linked {
    /// Width of all.
    pub width: f64,
    /// Height of all.
    pub height: f64,
    /// How far the members are from the left.
    pub shift: f64,
    /// Left and upper edge of each cluster's box, sources first.
    pub boxes: Vec<(f64, f64)>,
    /// The arrow of each, along which data flow; none while nobody leads.
    pub arrows: Vec<Option<String>>,
}

/// Puts so many sources and so many that come from it beside a picture whose leader stands there.
pub fn link(picture: &Picture, leader: Option<Place>, sources: usize, derived: usize) -> Linked {
    let side = |count: usize| if count == 0 { 0.0 } else { LINK_WIDTH + LINK_GAP_X };
    let shift = side(sources);
    let column = |count: usize| count as f64 * (LINK_HEIGHT + LINK_GAP_Y) - LINK_GAP_Y + 2.0 * EDGE;
    let top = |at: usize| EDGE + (BOX_HEIGHT - LINK_HEIGHT) / 2.0 + at as f64 * (LINK_HEIGHT + LINK_GAP_Y);
    let right = shift + picture.width + LINK_GAP_X;
    let mut out = Linked {
        width: shift + picture.width + side(derived),
        height: picture.height.max(column(sources.max(derived)) + (BOX_HEIGHT - LINK_HEIGHT) / 2.0),
        shift,
        ..Linked::default()
    };
    for at in 0..sources + derived {
        let source = at < sources;
        let (x, y) = if source { (EDGE, top(at)) } else { (right - EDGE, top(at - sources)) };
        out.boxes.push((x, y));
        out.arrows.push(leader.map(|leader| {
            let (middle, level) = (y + LINK_HEIGHT / 2.0, leader.y + BOX_HEIGHT / 2.0);
            let left = leader.x + shift;
            if source {
                let (from, bend, to) = (x + LINK_WIDTH, x + LINK_WIDTH + LINK_GAP_X / 2.0, left - 7.0);
                format!("M{from} {middle}H{bend}V{level}H{to}")
            } else {
                let (from, bend, to) = (left + BOX_WIDTH, x - LINK_GAP_X / 2.0, x - 7.0);
                format!("M{from} {level}H{bend}V{middle}H{to}")
            }
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{HealthLevel, MemberState, MemberTopology};

    fn member(name: &str, role: MemberRole, upstream: Option<&str>) -> MemberTopology {
        MemberTopology {
            instance: name.into(),
            host: String::new(),
            declared_role: None,
            role,
            state: MemberState::Running,
            timeline: None,
            lag_bytes: None,
            pending_restart: false,
            version: None,
            upstream: upstream.map(str::to_owned),
            unreachable: None,
        }
    }

    fn cluster(members: Vec<MemberTopology>) -> ClusterTopology {
        ClusterTopology {
            cluster: "c".into(),
            health: HealthLevel::Healthy,
            reasons: vec![],
            members,
            services: vec![],
            paused: false,
            at_us: 0,
        }
    }

    fn rows(picture: &Picture) -> Vec<(usize, i64)> {
        picture.places.iter().map(|place| (place.member, place.y as i64)).collect()
    }

    #[test]
    fn replicas_stand_below_the_primary_and_cascades_below_them() {
        let picture = lay_out(
            &cluster(vec![
                member("c-3", MemberRole::Replica, Some("c-2")),
                member("c-1", MemberRole::Primary, None),
                member("c-2", MemberRole::Replica, Some("c-1")),
            ]),
            4,
        );
        assert_eq!(rows(&picture), [(1, 12), (2, 200), (0, 388)]);
        let arrows: Vec<_> = picture.arrows.iter().map(|arrow| (arrow.from, arrow.to)).collect();
        assert_eq!(arrows, [(2, 0), (1, 2)]);
    }

    #[test]
    fn an_unknown_upstream_draws_no_arrow_but_the_member_stays_in_the_picture() {
        let members =
            vec![member("c-1", MemberRole::Unknown, None), member("c-2", MemberRole::Unknown, Some("gone"))];
        let picture = lay_out(&cluster(members), 4);
        assert_eq!((picture.places.len(), picture.arrows.len()), (2, 0));
    }

    #[test]
    fn a_circle_ends_and_many_members_wrap() {
        let circle = vec![
            member("a", MemberRole::Replica, Some("b")),
            member("b", MemberRole::Replica, Some("a")),
            member("c", MemberRole::Replica, Some("c")),
        ];
        let picture = lay_out(&cluster(circle), 2);
        assert_eq!(picture.places.len(), 3);
        assert!(picture.width < 3.0 * BOX_WIDTH);
        assert_eq!(lay_out(&cluster(vec![]), 2).places.len(), 0);
    }

    #[test]
    fn other_clusters_stand_beside_the_members_and_never_on_them() {
        let picture = lay_out(&cluster(vec![member("c-1", MemberRole::Primary, None)]), 4);
        assert_eq!(
            link(&picture, None, 0, 0),
            Linked { width: picture.width, height: picture.height, ..Linked::default() }
        );
        let linked = link(&picture, Some(picture.places[0]), 1, 3);
        assert_eq!((linked.boxes.len(), linked.arrows.iter().flatten().count()), (4, 4));
        let member = picture.places[0].x + linked.shift;
        assert!(linked.boxes[0].0 + LINK_WIDTH < member, "the source is on the left");
        for (x, y) in &linked.boxes[1..] {
            assert!(
                *x > member + BOX_WIDTH && x + LINK_WIDTH <= linked.width && y + LINK_HEIGHT <= linked.height
            );
        }
        assert_eq!(link(&picture, None, 1, 0).arrows, [None], "without a leader nothing flows");
    }

    #[test]
    fn boxes_of_a_row_never_overlap_and_stay_inside() {
        let mut members = vec![member("c-0", MemberRole::Primary, None)];
        members.extend((1..9).map(|n| member(&format!("c-{n}"), MemberRole::Replica, Some("c-0"))));
        let picture = lay_out(&cluster(members), 4);
        for (at, one) in picture.places.iter().enumerate() {
            assert!(
                one.x >= 0.0 && one.x + BOX_WIDTH <= picture.width && one.y + BOX_HEIGHT <= picture.height
            );
            for other in &picture.places[at + 1..] {
                assert!((one.x - other.x).abs() >= BOX_WIDTH || (one.y - other.y).abs() >= BOX_HEIGHT);
            }
        }
    }
}
