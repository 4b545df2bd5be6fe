//! `pgsql-pitr.yml`: a cluster as it was at a point in time, in place or as a clone of another one.

use crate::planning::Made;
use crate::{Context, Play, Refusal};
use paddock_inventory::NodeAddr;

pub(crate) fn stages(_ctx: &Context<'_>, play: &Play, _hosts: &[NodeAddr]) -> Result<Made, Refusal> {
    Err(crate::patroni_ops::not_yet(play))
}
