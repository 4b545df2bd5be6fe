//! Runs plans over SSH: connections, host keys, one framed shell per node, check and apply, events.
//!
//! It knows nothing of people, databases or pages: it takes a plan that may run, and gives events to a sink.

mod dry_run;
mod facts;
mod host;
mod host_key;
mod left;
mod outline;
mod redact;
mod run;
mod runnable;
mod shell;
mod ssh;
mod target;
mod watch;

pub use dry_run::{CheckResult, Checked, dry_run};
pub use facts::{gather_facts, read_backups};
pub use outline::outline;
pub use run::{EventSink, SinkError, Stop, run};
pub use runnable::{Approval, NotRunnable, RunnablePlan};
pub use shell::{Line, Ran, Shell};
pub use ssh::{Pool, SshError, TcpStream};
pub use target::{SshKey, SshSettings, Target, Targets};
