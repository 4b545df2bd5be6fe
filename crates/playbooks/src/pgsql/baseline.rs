//! `baseline`: a file of SQL that fills a database when it is made, and never again.
//!
//! Pigsty runs it at every run of the play, from its admin node, and passes over errors. Here it runs once, in one
//! transaction with the mark that it has run; the file is looked for on the node that leads (decision 0012).

use crate::Step;
use crate::pgsql::members::Member;
use crate::pgsql::sql;
use crate::scripts::{self, quote};

/// Where a file that is named without a path from the root is looked for.
const DIRECTORY: &str = "/etc/paddock/baseline";

fn path(file: &str) -> String {
    if file.starts_with('/') { file.to_owned() } else { format!("{DIRECTORY}/{file}") }
}

/// Before the database is made: the file is there.
pub(crate) fn is_there(leader: &Member, database: &str, file: &str) -> Step {
    let path = quote(&path(file));
    let check = format!(
        "[ -f {path} ] && exit 0\necho {path}' is not on this node. Put it there, then resume the job; the database is not made before.'\nexit 1\n"
    );
    let title = format!("the baseline of {database} is on the node that leads");
    Step::wait(&format!("pgsql/pg_db/{database}/baseline-file"), leader.addr, &title, check, 0)
}

/// Runs the file in the new database. The mark is a setting of the database: it goes where the data go, and with them.
pub(crate) fn run(leader: &Member, database: &str, file: &str) -> Step {
    let psql = format!("runuser -u postgres -- psql -XAtq -w -v ON_ERROR_STOP=1 -p {}", leader.pg_port);
    let marked = format!(
        "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c WHERE d.datname = {} AND s.setrole = 0 AND c LIKE 'paddock.baseline=%'",
        sql::literal(database)
    );
    let check = format!(
        "cd /\nn=$({psql} -d postgres -c {}) || exit 2\n[ \"$n\" = 1 ] && exit 0\necho 'it was not run yet'; exit 1\n",
        quote(&marked)
    );
    let path = quote(&path(file));
    let mark = quote(&format!(
        "\n;\nALTER DATABASE {} SET paddock.baseline TO '%s';\n",
        sql::ident(database).replace('%', "%%")
    ));
    let apply = format!(
        "cd /\nset -o pipefail\nsum=$(sha256sum <{path} | cut -c1-64) || exit 1\n{{ cat {path} && printf {mark} \"$sum\"; }} | {psql} -1 -d {} -f -\n",
        scripts::database(database)
    );
    let title = format!("{database} was filled from {file}");
    Step::command(&format!("pgsql/pg_db/{database}/baseline"), leader.addr, &title, check, apply).limit(3600)
}
