//! One command from its words to its exit code.

use super::exit::{Ended, Name, ended};
use super::http::Api;
use super::words::{HowArgs, Misused, OperationArgs, PlayArgs, script_words};
use super::{ConsoleArgs, follow, show};
use paddock_events::{DryRun, JobId, JobPage, PlanPage, Problem, Verdict};
use serde::Deserialize;
use std::process::ExitCode;

/// What is asked of the console.
struct Wish {
    words: Vec<String>,
    how: HowArgs,
    list_hosts: bool,
    list_tags: bool,
    /// The addresses that were named.
    named: Vec<String>,
}

#[derive(Deserialize)]
struct Started {
    job: JobId,
}

/// `paddock play …`
pub(crate) fn play(args: &PlayArgs) -> ExitCode {
    let wish = args.words().map(|words| Wish {
        words,
        how: args.how,
        list_hosts: args.list_hosts,
        list_tags: args.list_tags,
        named: Vec::new(),
    });
    end(Name::Play, &args.console, wish)
}

/// `paddock pgsql-add …` and its like.
pub(crate) fn operation(name: Name, args: &OperationArgs) -> ExitCode {
    let wish = script_words(name, &args.words).map(|(words, named)| Wish {
        words,
        how: args.how,
        list_hosts: false,
        list_tags: false,
        named,
    });
    end(name, &args.console, wish)
}

fn end(name: Name, console: &ConsoleArgs, wish: Result<Wish, Misused>) -> ExitCode {
    let wish = match wish {
        Ok(wish) => wish,
        Err(misused) => {
            show::note(&format!("{}: {}; see `paddock {0} --help`", name.as_str(), misused.why));
            return ExitCode::from(name.code(misused.ended, false));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(carry_out(name, console, &wish)).unwrap_or_else(|problem| {
            show::problem(&problem);
            match problem.code.as_str() {
                "plan/usage" | "cli/bad-address" | "cli/no-token" => Ended::Usage,
                _ => Ended::Failed,
            }
        }),
        Err(error) => {
            show::note(&format!("cannot start: {error}"));
            Ended::Failed
        }
    };
    ExitCode::from(name.code(ended, !wish.named.is_empty()))
}

async fn carry_out(name: Name, console: &ConsoleArgs, wish: &Wish) -> Result<Ended, Problem> {
    let api = Api::new(console)?;
    let look = show::look(wish.how.diff);
    let words = serde_json::json!({ "words": wish.words });
    let page: PlanPage = api.post("plans", Some(&words)).await.map_err(|error| error.problem())?;
    if wish.list_hosts || wish.list_tags {
        let lists = [(wish.list_hosts, show::hosts as fn(&PlanPage) -> String), (wish.list_tags, show::tags)];
        for (_, list) in lists.iter().filter(|(wished, _)| *wished) {
            print(&list(&page))?;
        }
        return Ok(Ended::Well);
    }
    print(&show::plan(&page))?;
    print(&format!("plan {}: {}", page.id, api.page(&format!("plans/{}", page.id))))?;
    if wish.how.check {
        let nothing = None::<&()>;
        let found: DryRun = api
            .post(&format!("plans/{}/dry-run", page.id), nothing)
            .await
            .map_err(|error| error.problem())?;
        print(&show::dry_run(&found, &page, look))?;
        return Ok(Ended::Well);
    }
    if let Verdict::Refused { problem } = page.standing.may_run {
        return Err(problem);
    }
    let started: Started =
        api.post(&format!("plans/{}/run", page.id), None::<&()>).await.map_err(|error| error.problem())?;
    let job = started.job;
    print(&format!("job {job}: {}\n", api.page(&format!("jobs/{job}"))))?;
    let outline =
        api.get::<JobPage>(&format!("jobs/{job}")).await.map_err(|error| error.problem())?.view.outline;
    let outcome = follow::follow(&api, job, outline.clone(), look).await?;
    Ok(ended(name, &outcome, &outline, &wish.named))
}

fn print(text: &str) -> Result<(), Problem> {
    show::line(text).map_err(|error| Problem {
        code: "cli/output".into(),
        kind: paddock_events::ProblemKind::World,
        what: "the output cannot be written".into(),
        why: error.to_string(),
        fix: "look at where the output goes; a job that was started goes on".into(),
    })
}
