//! `pgsql-user.yml` and `pgsql-db.yml`: one declared user or database is as declared, on the member that leads.

use crate::planning::Made;
use crate::{Context, Play, Refusal};
use paddock_inventory::NodeAddr;

pub(crate) fn user(_ctx: &Context<'_>, play: &Play, _hosts: &[NodeAddr]) -> Result<Made, Refusal> {
    Err(crate::patroni_ops::not_yet(play))
}

pub(crate) fn database(_ctx: &Context<'_>, play: &Play, _hosts: &[NodeAddr]) -> Result<Made, Refusal> {
    Err(crate::patroni_ops::not_yet(play))
}
