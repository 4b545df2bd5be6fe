//! The language that server and browser share.
//!
//! Ids, job events, outcomes, the fold from events to a view, and the picture of a running cluster.
//! Serde only: it compiles small to WASM and is tested natively. It knows neither SSH nor SQL nor HTML.

mod approval;
mod audit;
mod cluster_pages;
mod console_pages;
mod event;
mod failovers;
mod fleet;
mod history;
mod ids;
mod inventory_form;
mod inventory_views;
mod log;
mod outline;
mod pages;
mod policy;
mod problem;
mod recording;
mod topology;
mod transcript;
mod view;
mod wire;

pub use approval::{ApprovalRow, ApprovalStage, ApprovalState, ApprovalsPage, PlanRules, PlanStanding};
pub use audit::{AuditFilter, AuditPage, AuditRow};
pub use cluster_pages::{
    BackupRow, ClusterBackups, ClusterConfig, ClusterDeclared, ConfigChange, ConfigPreview, DeclaredDatabase,
    DeclaredUser, NewClone, NewInstance, NodeReach, NodeRow, NodesPage, Offer, Reach, ReachPage,
};
pub use console_pages::{
    ClusterLink, DestinationRow, DriftPage, DriftRow, LinkKind, SettingGroup, SettingRow, SettingsPage,
};
pub use event::{Event, EventKind, JobOutcome, Outcome, Stream};
pub use failovers::{
    ClusterFailovers, Gone, LeaderHistory, Outage, Sighting, SightingRow, TimelineEnd, outages,
};
pub use fleet::{ClusterRow, FleetPage, LagHistory, RowBackup, RowMember};
pub use history::{
    BlameLine, BlamePage, DiffLine, DiffMark, HistoryPage, InventoryDraft, Recall, RevisionPage, RevisionRow,
};
pub use ids::{ApprovalId, JobId, PersonId, PlanId, RevisionId, TokenId};
pub use inventory_form::{
    Field, FieldKind, FieldValue, FormChange, FormEdit, FormList, FormRow, FormTable, FormTarget,
    InventoryForm,
};
pub use inventory_views::{
    DeclaredCluster, InventoryQuery, InventoryViews, RenderedText, ResolvedValue, TextProblem,
};
pub use log::{LogFilter, LogLines, LogPlace, LogQuery, found, plain, sequence};
pub use outline::{JobOutline, StageOutline, StepOutline};
pub use pages::{
    CheckedText, ClusterPage, ClusterTemplate, DryRun, Enrolment, FactorState, FindingLevel, FindingRow,
    InventoryPage, JobPage, JobRow, MadeToken, Me, NewCluster, PersonRow, PlanPage, PlanStage, PlanStep,
    Saved, SignInWays, TokenRow, Verdict,
};
pub use policy::{PolicyFreeze, PolicyPage, PolicyRule};
pub use problem::{Problem, ProblemKind};
pub use recording::{CastFrame, CastHeader, Recording};
pub use topology::{
    ClusterTopology, HaproxyServer, HealthLevel, MemberRole, MemberState, MemberTopology, Observed,
    ServiceTopology,
};
pub use transcript::{Look, Transcript, printable};
pub use view::{FoldError, JobView, StageState, StepState};
pub use wire::{ClientMessage, ServerMessage};
