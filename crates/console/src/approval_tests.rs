//! Approvals end to end: a plan that destroys is asked for, decided, run once; and everything around that is refused.

use crate::clock::now_us;
use crate::job_tests::{Bench, bench};
use crate::{Actor, PersonRole};
use paddock_events::{
    ApprovalStage, ApprovalState, AuditFilter, JobId, JobOutcome, PlanId, Problem, ProblemKind, Verdict,
};

const HOUR_US: i64 = 3_600_000_000;
const NAME: &str = "pg-test";

/// A console with somebody of every role and a plan that destroys.
pub(crate) struct Court {
    pub(crate) bench: Bench,
    /// An approver.
    pub(crate) bob: Actor,
    /// An admin.
    pub(crate) zoe: Actor,
    pub(crate) plan: PlanId,
}

pub(crate) async fn court() -> Court {
    let bench = bench().await;
    let bob = person(&bench, "bob", PersonRole::Approver).await;
    let zoe = person(&bench, "zoe", PersonRole::Admin).await;
    let plan = bench.destroying().await;
    Court { bench, bob, zoe, plan }
}

pub(crate) async fn person(bench: &Bench, name: &str, role: PersonRole) -> Actor {
    let id = bench.console.add_person(name, role, "correct horse").await.unwrap();
    bench.console.actor(id).await.unwrap()
}

pub(crate) fn code<T>(result: Result<T, Problem>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(problem) => problem.code,
    }
}

pub(crate) fn refusal(verdict: Verdict) -> String {
    match verdict {
        Verdict::Allowed => "allowed".to_owned(),
        Verdict::Refused { problem } => problem.code,
    }
}

impl Court {
    pub(crate) async fn ask(&self) {
        self.bench.console.request_approval(&self.bench.ann, self.plan, "not needed any more").await.unwrap();
    }

    pub(crate) async fn approved(&self) {
        self.ask().await;
        self.bench.console.approve(&self.bob, self.plan, NAME).await.unwrap();
    }

    pub(crate) async fn run(&self) -> Result<JobId, Problem> {
        self.bench.console.run(&self.bench.ann, self.plan).await
    }

    /// The newest request as a page shows it.
    pub(crate) async fn state(&self) -> ApprovalState {
        let standing = self.bench.console.plan_standing(&self.bench.ann, self.plan).await.unwrap();
        standing.approval.unwrap()
    }

    pub(crate) async fn why_not_run(&self) -> Problem {
        self.run().await.unwrap_err()
    }

    async fn save(&self, text: String) {
        let base = self.bench.console.current().await.unwrap().unwrap().revision;
        self.bench.console.save_inventory(&self.bench.ann, Some(base), text, String::new()).await.unwrap();
    }

    pub(crate) async fn edited(&self) {
        self.save(self.bench.text.replace("pg_cluster: pg-test", "pg_cluster: pg-test, pg_port: 5999")).await;
    }

    /// Ends the job that the plan is run by.
    pub(crate) async fn stopped(&self, job: JobId) {
        self.bench.console.cancel(&self.bench.ann, job, true).await.unwrap();
        self.bench.followed(job, 0).await;
    }

    pub(crate) async fn end(self) {
        self.bench.console.shut_down().await;
    }
}

#[tokio::test]
async fn asked_for_approved_and_run_once() {
    let court = court().await;
    let console = &court.bench.console;
    let page = console.plan_page(&court.bench.ann, court.plan).await.unwrap();
    assert_eq!((page.confirm_name.as_str(), page.destroys.len()), (NAME, 1));
    assert!(page.blast.contains(&("Destroys".into(), "the data of pg-test-1".into())), "{:?}", page.blast);
    assert!(page.blast.contains(&("Instances it touches".into(), "pg-test-1 on 127.0.0.2".into())));
    assert_eq!(refusal(page.standing.may_run), "run/needs-approval");
    assert_eq!(page.standing.may_request, Verdict::Allowed);
    assert_eq!(refusal(page.standing.may_approve), "people/forbidden");
    assert_eq!(court.why_not_run().await.code, "run/needs-approval");

    court.ask().await;
    let why = court.why_not_run().await.why;
    assert!(why.contains("waits for an approver since") && why.contains("(ann asked)"), "{why}");
    let bobs = console.plan_standing(&court.bob, court.plan).await.unwrap();
    assert_eq!(
        (bobs.may_approve, refusal(bobs.may_withdraw)),
        (Verdict::Allowed, "approval/not-yours".into())
    );
    let listed = console.approvals(&court.bob).await.unwrap();
    assert_eq!((listed.waiting.len(), listed.decided.len()), (1, 0));
    assert_eq!((listed.waiting[0].plan, listed.waiting[0].cluster.as_deref()), (court.plan, Some(NAME)));
    assert_eq!(console.approvals_waiting(&court.bob).await.unwrap(), 1);

    assert_eq!(code(console.approve(&court.bob, court.plan, "pg-tset").await), "approval/name-differs");
    console.approve(&court.bob, court.plan, " pg-test ").await.unwrap();
    assert!(matches!(court.state().await.stage, ApprovalStage::Approved { by, .. } if by == "bob"));
    let anns = console.plan_standing(&court.bench.ann, court.plan).await.unwrap();
    assert_eq!(anns.may_run, Verdict::Allowed);

    let job = court.run().await.unwrap();
    assert!(matches!(court.state().await.stage, ApprovalStage::Used { by, .. } if by == "bob"));
    assert_eq!(court.why_not_run().await.code, "run/already-run", "a second run");
    // A replay: the used approval is decided on, asked for, or handed to another plan.
    assert_eq!(code(console.approve(&court.bob, court.plan, NAME).await), "approval/none-open");
    let again = console.request_approval(&court.bench.ann, court.plan, "once more").await;
    assert_eq!(code(again), "run/already-run");
    let twin = court.bench.destroying().await;
    assert_eq!(code(console.run(&court.bench.ann, twin).await), "run/needs-approval", "the same digest");
    court.stopped(job).await;
    assert_eq!(code(console.run(&court.bench.ann, twin).await), "run/needs-approval");
    let listed = console.approvals(&court.bob).await.unwrap();
    assert_eq!((listed.waiting.len(), listed.decided.len()), (0, 1));
    court.end().await;
}

#[tokio::test]
async fn nobody_approves_their_own_request_whatever_their_role() {
    let court = court().await;
    let console = &court.bench.console;
    for (who, session) in [(&court.bob, "bob"), (&court.zoe, "zoe")] {
        let plan = court.bench.destroying().await;
        console.request_approval(who, plan, "I know what I do").await.unwrap();
        // A second session of the same person, as the server makes its actor: by a new sign-in.
        let second = console.sign_in(session, "correct horse", None).await.unwrap();
        for actor in [who, &second] {
            let refused = console.approve(actor, plan, NAME).await.unwrap_err();
            assert_eq!(
                (refused.code.as_str(), refused.kind),
                ("approval/own-request", ProblemKind::Forbidden)
            );
            assert_eq!(code(console.refuse_approval(actor, plan, "no").await), "approval/own-request");
            let standing = console.plan_standing(actor, plan).await.unwrap();
            assert_eq!(refusal(standing.may_approve), "approval/own-request");
        }
        assert_eq!(code(console.run(who, plan).await), "run/needs-approval");
    }
    court.end().await;
}

#[tokio::test]
async fn an_admin_breaks_the_glass_with_name_and_reason_and_nobody_else_does() {
    let court = court().await;
    let console = &court.bench.console;
    for actor in [&court.bench.ann, &court.bob] {
        let refused = console.break_glass(actor, court.plan, NAME, "fire").await.unwrap_err();
        assert_eq!(refused.kind, ProblemKind::Forbidden);
    }
    assert_eq!(
        code(console.break_glass(&court.zoe, court.plan, "pg", "fire").await),
        "approval/name-differs"
    );
    assert_eq!(code(console.break_glass(&court.zoe, court.plan, NAME, "  ").await), "approval/no-reason");
    court.ask().await;
    let open = console.break_glass(&court.zoe, court.plan, NAME, "fire").await;
    assert_eq!(code(open), "approval/open", "what another asked for is approved, not broken");
    console.withdraw_approval(&court.bench.ann, court.plan).await.unwrap();
    console.request_approval(&court.zoe, court.plan, "please").await.unwrap();
    console.break_glass(&court.zoe, court.plan, NAME, "fire").await.unwrap();
    let state = court.state().await;
    assert!(state.break_glass && state.reason == "fire" && state.requester == "zoe", "{state:?}");
    assert!(matches!(state.stage, ApprovalStage::Approved { by, .. } if by == "zoe"));
    let listed = console.approvals(&court.bob).await.unwrap();
    assert_eq!(listed.waiting, [], "her own request is withdrawn");
    let job = console.run(&court.zoe, court.plan).await.unwrap();
    court.stopped(job).await;
    court.end().await;
}

#[tokio::test]
async fn an_expired_request_is_not_approved_and_an_expired_approval_not_used() {
    let court = court().await;
    let console = &court.bench.console;
    let now = now_us();
    console.request_approval_at(&court.bench.ann, court.plan, "old", now - 9 * HOUR_US).await.unwrap();
    assert_eq!(court.state().await.stage, ApprovalStage::Expired);
    assert_eq!(console.approvals_waiting(&court.bob).await.unwrap(), 0);
    let late = console.approve(&court.bob, court.plan, NAME).await.unwrap_err();
    assert_eq!((late.code.as_str(), late.why.as_str()), ("approval/none-open", "the request has expired"));

    console.request_approval_at(&court.bench.ann, court.plan, "old", now - 4 * HOUR_US).await.unwrap();
    console.approve_at(&court.bob, court.plan, NAME, now - HOUR_US).await.unwrap();
    let refused = court.why_not_run().await;
    assert_eq!((refused.code.as_str(), refused.kind), ("run/approval-expired", ProblemKind::Forbidden));
    // Asked for again and approved in time, it runs.
    court.approved().await;
    let job = court.run().await.unwrap();
    court.stopped(job).await;
    court.end().await;
}

#[tokio::test]
async fn a_refusal_says_why_and_the_plan_may_be_asked_for_again() {
    let court = court().await;
    let console = &court.bench.console;
    court.ask().await;
    assert_eq!(code(console.refuse_approval(&court.bob, court.plan, " ").await), "approval/no-reason");
    console.refuse_approval(&court.bob, court.plan, "not before the backup").await.unwrap();
    let ApprovalStage::Refused { by, why, .. } = court.state().await.stage else { panic!("refused") };
    assert_eq!((by.as_str(), why.as_str()), ("bob", "not before the backup"));
    assert_eq!(court.why_not_run().await.why, "bob refused it: not before the backup");
    assert_eq!(code(console.approve(&court.bob, court.plan, NAME).await), "approval/none-open");
    court.approved().await;
    let job = court.run().await.unwrap();
    court.stopped(job).await;
    court.end().await;
}

#[tokio::test]
async fn a_request_is_withdrawn_by_its_requester_also_after_the_approval() {
    let court = court().await;
    let console = &court.bench.console;
    court.approved().await;
    assert_eq!(code(console.withdraw_approval(&court.bob, court.plan).await), "approval/not-yours");
    console.withdraw_approval(&court.bench.ann, court.plan).await.unwrap();
    assert!(matches!(court.state().await.stage, ApprovalStage::Withdrawn { .. }));
    assert_eq!(court.why_not_run().await.why, "ann withdrew the request for it");
    assert_eq!(code(console.withdraw_approval(&court.bench.ann, court.plan).await), "approval/none-open");
    court.end().await;
}

#[tokio::test]
async fn of_two_who_approve_and_two_who_run_one_wins() {
    let court = court().await;
    court.ask().await;
    let decide = |who: &Actor| {
        let (console, who, plan) = (court.bench.console.clone(), who.clone(), court.plan);
        tokio::spawn(async move { console.approve(&who, plan, NAME).await })
    };
    let both = [decide(&court.bob), decide(&court.zoe)];
    let mut codes = Vec::new();
    for task in both {
        codes.push(code(task.await.unwrap()));
    }
    codes.sort();
    assert_eq!(codes, ["approval/none-open", "ok"]);

    let start = |who: &Actor| {
        let (console, who, plan) = (court.bench.console.clone(), who.clone(), court.plan);
        tokio::spawn(async move { console.run(&who, plan).await })
    };
    let both = [start(&court.bench.ann), start(&court.bob)];
    let (mut codes, mut job) = (Vec::new(), None);
    for task in both {
        let result = task.await.unwrap();
        job = result.as_ref().ok().copied().or(job);
        codes.push(code(result));
    }
    codes.sort();
    assert_eq!(codes, ["ok", "run/already-run"]);
    assert_eq!(court.bench.console.jobs(&court.bench.ann, 10).await.unwrap().len(), 1);
    court.stopped(job.unwrap()).await;
    court.end().await;
}

#[tokio::test]
async fn an_edited_inventory_voids_for_good_and_a_comment_does_not() {
    let court = court().await;
    let console = &court.bench.console;
    court.approved().await;
    court.save(format!("# only a comment\n{}", court.bench.text)).await;
    assert!(matches!(court.state().await.stage, ApprovalStage::Approved { .. }), "a comment changes no step");
    court.edited().await;
    let ApprovalStage::Void { why, .. } = court.state().await.stage else { panic!("the save voids") };
    assert!(why.contains("the inventory has changed since (revision 1 then, 3 now)"), "{why}");
    assert_eq!(court.why_not_run().await.code, "plan/stale");
    court.save(court.bench.text.clone()).await;
    let back = court.why_not_run().await;
    assert_eq!(back.code, "run/needs-approval", "changed back, the approval is still void: {back}");
    assert_eq!(code(console.approve(&court.bob, court.plan, NAME).await), "approval/none-open");
    court.end().await;
}

#[tokio::test]
async fn a_job_goes_on_with_the_approval_it_was_started_with_until_the_inventory_voids_it() {
    let court = court().await;
    let console = &court.bench.console;
    court.approved().await;
    let job = court.run().await.unwrap();
    court.stopped(job).await;
    assert_eq!(console.job(&court.bench.ann, job).await.unwrap().may_resume, Verdict::Allowed);
    console.resume(&court.bench.ann, job).await.unwrap();
    court.stopped(job).await;
    court.edited().await;
    assert!(matches!(court.state().await.stage, ApprovalStage::Void { .. }));
    court.save(court.bench.text.clone()).await;
    let refused = console.resume(&court.bench.ann, job).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.kind), ("run/needs-approval", ProblemKind::Forbidden));
    assert!(refused.why.contains("its approval is void"), "{refused}");
    let page = console.job(&court.bench.ann, job).await.unwrap();
    assert_eq!(page.row.outcome, Some(JobOutcome::Cancelled));
    assert_eq!(refusal(page.may_resume), "run/needs-approval");
    court.end().await;
}

#[tokio::test]
async fn an_approver_who_is_gone_approves_nothing() {
    let court = court().await;
    court.approved().await;
    court.bench.console.people().remove("bob").await.unwrap();
    let lost = court.why_not_run().await;
    assert_eq!((lost.code.as_str(), lost.kind), ("run/approver-lost", ProblemKind::Forbidden));
    assert!(matches!(court.state().await.stage, ApprovalStage::Approved { .. }), "it was not used up");
    court.end().await;
}

#[tokio::test]
async fn what_destroys_nothing_needs_no_approval_and_without_a_request_there_is_nothing_to_decide() {
    let court = court().await;
    let console = &court.bench.console;
    assert_eq!(code(console.approve(&court.bob, court.plan, NAME).await), "approval/none-open");
    assert_eq!(code(console.withdraw_approval(&court.bench.ann, court.plan).await), "approval/none-open");
    let harmless = court.bench.plan().await;
    for result in [
        console.request_approval(&court.bench.ann, harmless, "why not").await,
        console.approve(&court.bob, harmless, NAME).await,
        console.break_glass(&court.zoe, harmless, NAME, "fire").await,
    ] {
        assert_eq!(code(result), "approval/not-needed");
    }
    court.ask().await;
    let second = console.request_approval(&court.bob, court.plan, "me, too").await.unwrap_err();
    assert_eq!((second.code.as_str(), second.kind), ("approval/open", ProblemKind::Conflict));
    court.end().await;
}

#[tokio::test]
async fn a_viewer_sees_approvals_and_touches_none() {
    let court = court().await;
    let console = &court.bench.console;
    let viewer = person(&court.bench, "vic", PersonRole::Viewer).await;
    court.ask().await;
    for result in [
        console.request_approval(&viewer, court.plan, "please").await,
        console.withdraw_approval(&viewer, court.plan).await,
        console.approve(&viewer, court.plan, NAME).await,
        console.refuse_approval(&viewer, court.plan, "no").await,
        console.break_glass(&viewer, court.plan, NAME, "fire").await,
        console.run(&viewer, court.plan).await.map(drop),
    ] {
        assert_eq!(result.unwrap_err().kind, ProblemKind::Forbidden);
    }
    let operator = &court.bench.ann;
    for result in [
        console.approve(operator, court.plan, NAME).await,
        console.refuse_approval(operator, court.plan, "no").await,
        console.break_glass(operator, court.plan, NAME, "fire").await,
    ] {
        assert_eq!(code(result), "people/forbidden");
    }
    assert_eq!(console.approvals(&viewer).await.unwrap().waiting.len(), 1);
    assert_eq!(console.plan_standing(&viewer, court.plan).await.unwrap().approval, Some(court.state().await));
    court.end().await;
}

#[tokio::test]
async fn whatever_is_tried_around_an_approval_is_refused_and_in_the_audit_log() {
    let court = court().await;
    let (console, plan) = (&court.bench.console, court.plan);
    let carl = person(&court.bench, "carl", PersonRole::Approver).await;
    court.run().await.unwrap_err();
    // The requester approves: as themselves, and in a second session with a role given since.
    console.request_approval(&court.bob, plan, "not needed any more").await.unwrap();
    let second = console.sign_in("bob", "correct horse", None).await.unwrap();
    console.approve(&second, plan, NAME).await.unwrap_err();
    console.approve(&court.bench.ann, plan, NAME).await.unwrap_err();
    // Two approve at once; the one decision is not made again.
    let (one, other) =
        tokio::join!(console.approve(&court.zoe, plan, NAME), console.approve(&carl, plan, NAME));
    assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
    // Two run it at once, then a replay: one job.
    let (one, other) = tokio::join!(court.run(), console.run(&court.bob, plan));
    assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
    court.run().await.unwrap_err();
    console.approve(&carl, plan, NAME).await.unwrap_err();
    let filter = AuditFilter { before: None, ..AuditFilter::default() };
    let rows = console.audit(&court.zoe, filter).await.unwrap().rows;
    let mut told: Vec<(String, &str, bool)> =
        rows.iter().rev().map(|row| (row.name.clone(), row.act.as_str(), row.refused)).collect();
    told.retain(|(_, act, _)| act.starts_with("approval/") || *act == "job/run");
    let count = |act: &str, refused: bool| told.iter().filter(|row| (row.1, row.2) == (act, refused)).count();
    assert_eq!((count("approval/request", false), count("approval/approve", false)), (1, 1), "{told:?}");
    assert_eq!((count("approval/approve", true), count("job/run", false)), (4, 1), "{told:?}");
    assert_eq!(count("job/run", true), 3, "too early, raced, replayed: {told:?}");
    for row in rows.iter().filter(|row| row.act.starts_with("approval/")) {
        assert_eq!((row.subject.clone(), row.cluster.as_deref()), (format!("plan {plan}"), Some(NAME)));
        assert!(row.digest.is_some() && !row.outcome.is_empty(), "{row:?}");
    }
    let job = rows.iter().find(|row| row.act == "job/run" && !row.refused).unwrap();
    assert!(job.outcome.contains(&format!("plan {plan} with approval 1")), "{job:?}");
    let id: JobId = job.subject.strip_prefix("job ").unwrap().parse().unwrap();
    court.stopped(id).await;
    court.end().await;
}

#[tokio::test]
async fn a_token_an_edit_and_a_lost_approver_get_nobody_around_an_approval_either() {
    let court = court().await;
    let (console, plan) = (&court.bench.console, court.plan);
    // By REST or the command line, with an operator's token.
    let (token, secret) = console.people().add_token("ann", "script", None, None).await.unwrap();
    let script = console.actor_by_token(&secret, None).await.unwrap();
    assert_eq!(code(console.run(&script, plan).await), "run/needs-approval");
    assert_eq!(code(console.approve(&script, plan, NAME).await), "people/forbidden");
    assert_eq!(code(console.break_glass(&script, plan, NAME, "quickly").await), "people/forbidden");
    // The approver is disabled between the approval and the run.
    court.approved().await;
    console.people().disable("bob").await.unwrap();
    assert_eq!(court.why_not_run().await.code, "run/approver-lost");
    console.people().enable("bob").await.unwrap();
    // What was approved is changed, and changed back.
    court.edited().await;
    court.save(court.bench.text.clone()).await;
    assert_eq!(court.why_not_run().await.code, "run/needs-approval");
    let rows = console.audit(&court.zoe, AuditFilter::default()).await.unwrap().rows;
    let of_script: Vec<_> = rows.iter().filter(|row| row.origin == format!("token {token}")).collect();
    assert_eq!(of_script.len(), 3);
    assert!(of_script.iter().all(|row| row.refused && row.name == "ann"), "{of_script:?}");
    let told =
        |act: &str, refused: bool| rows.iter().filter(|row| row.act == act && row.refused == refused).count();
    assert_eq!((told("job/run", true), told("job/run", false), told("approval/void", false)), (3, 0, 1));
    let lost = rows.iter().find(|row| row.outcome.contains("bob, who approved it")).unwrap();
    assert_eq!((lost.act.as_str(), lost.digest.is_some()), ("job/run", true));
    court.end().await;
}
