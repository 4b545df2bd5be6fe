//! The restore_command of a restore.
//!
//! pgBackRest's own is `pgbackrest archive-get`, and PostgreSQL takes every exit code up to 125 for the end of the archive
//! (`RestoreArchivedFile` in src/backend/access/transam/xlogarchive.c): one fetch that fails, say of a timeline's
//! history, and it follows another timeline or opens the database too early, without a word.

use crate::Step;
use crate::pitr::restore::STATE;
use crate::scripts::quote;
use paddock_inventory::NodeAddr;

/// Seconds to wait between tries; half a minute in all, besides pgBackRest's own `io-timeout` of each.
const WAITS: &str = "1 2 4 8 16";

/// What the log has before the name of a file that the repository does not have.
pub(crate) const ABSENT: &str = "not in the archive:";

/// What the log has behind the name of a file that it gave up on.
pub(crate) const UNFETCHED: &str = "cannot be fetched";

/// The script at `/pg/conf/pitr/fetch`.
pub(crate) fn step(host: NodeAddr, source: &str) -> Step {
    // pgBackRest ends with 1 for a file that is not there, and with 25 and more for what went wrong.
    let script = format!(
        "#!/bin/bash\n# Managed by Paddock: fetch NAME PATH, the restore_command of a restore.\nfor wait in {WAITS} none; do\n  pgbackrest --config=/pg/conf/pitr.conf --stanza={} archive-get \"$1\" \"$2\"\n  code=$?\n  [ $code -ne 0 ] || exit 0\n  [ $code -ne 1 ] || {{ echo \"{ABSENT} $1\" >&2; exit 1; }}\n  [ $wait = none ] || {{ echo \"$1 could not be fetched (exit code $code), once more in $wait s\" >&2; sleep $wait; }}\ndone\necho \"$1 {UNFETCHED} (exit code $code)\" >&2\n# PostgreSQL stops for this one, instead of taking it for the end of the archive.\nexit 255\n",
        quote(source),
    );
    Step::file("pgsql-pitr/config/fetch", host, &format!("{STATE}/fetch"), script)
        .owner("postgres:postgres")
        .mode(0o700)
        .titled("recovery does not take a failure to fetch WAL for the end of the archive")
        .tag("pitr")
        .tag("always")
}

/// The argument that makes pgBackRest write it into postgresql.auto.conf.
pub(crate) fn argument() -> String {
    format!("--recovery-option=restore_command={STATE}/fetch %f \"%p\"")
}
