//! The approval policy end to end: more approvers, freezes, the backup gate; raced, replayed, made stricter in between.

use crate::approval_tests::{Court, code, court, person, refusal};
use crate::clock::now_us;
use crate::{Actor, PersonRole, Said};
use paddock_events::{ApprovalStage, AuditFilter, PlanId, ProblemKind, Verdict};

const NAME: &str = "pg-test";
const TWO: &str = "[[rule]]\nclusters = [\"pg-test*\"]\napprovers = 2\n";
const FROZEN: &str = "[[freeze]]\nclusters = [\"pg-test\"]\nfrom = \"2020-01-01 00:00\"\nto = \"2999-01-01 00:00\"\nreason = \"end of the year\"\n";
const WORDS: &str = "no backup newer than 24 h";

impl Court {
    /// Puts a policy in the place of the present one.
    async fn policy(&self, text: &str) {
        let base = self.bench.console.policy_page(&self.zoe).await.unwrap().base;
        self.bench.console.save_policy(&self.zoe, base.as_deref(), text).await.unwrap();
    }

    async fn approve(&self, who: &Actor) -> String {
        code(self.bench.console.approve(who, self.plan, NAME).await)
    }
}

fn with_words(text: &str) -> Said<'_> {
    Said { text, words: WORDS }
}

#[tokio::test]
async fn two_different_people_approve_and_neither_is_the_requester() {
    let court = court().await;
    let console = &court.bench.console;
    court.policy(TWO).await;
    court.ask().await;
    assert_eq!(court.approve(&court.bob).await, "ok");
    let state = court.state().await;
    assert_eq!((state.stage, state.needed, state.given.len()), (ApprovalStage::Waiting, 2, 1));
    let refused = court.why_not_run().await;
    assert!(
        refused.code == "run/needs-approval" && refused.why.contains("1 of 2 have approved"),
        "{refused}"
    );
    // The same person again, in another session as well.
    let again = console.sign_in("bob", "correct horse", None).await.unwrap();
    for who in [&court.bob, &again] {
        assert_eq!(court.approve(who).await, "approval/given");
        let standing = console.plan_standing(who, court.plan).await.unwrap();
        assert_eq!((refusal(standing.may_approve), standing.rules.approvers), ("approval/given".into(), 2));
    }
    assert_eq!(court.approve(&court.zoe).await, "ok");
    assert!(matches!(court.state().await.stage, ApprovalStage::Approved { by, .. } if by == "bob, zoe"));
    let job = court.run().await.unwrap();
    court.stopped(job).await;
    assert_eq!(court.why_not_run().await.code, "run/already-run");
    console.resume(&court.bench.ann, job).await.unwrap();
    court.stopped(job).await;
    court.end().await;
}

#[tokio::test]
async fn raced_by_one_person_and_by_many_two_people_count_and_one_job_runs() {
    let court = court().await;
    court.policy(TWO).await;
    let carl = person(&court.bench, "carl", PersonRole::Approver).await;
    court.ask().await;
    let approve = |who: &Actor| {
        let (console, who, plan) = (court.bench.console.clone(), who.clone(), court.plan);
        tokio::spawn(async move { console.approve(&who, plan, NAME).await })
    };
    let mut good = 0;
    for task in [&court.bob, &court.bob, &court.bob].map(approve) {
        good += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!((good, court.state().await.given.len()), (1, 1), "one person is one");
    good = 0;
    for task in [&court.zoe, &carl, &court.zoe].map(approve) {
        good += usize::from(task.await.unwrap().is_ok());
    }
    assert_eq!((good, court.state().await.given.len()), (1, 2), "the last one that is needed is one");
    let (one, other) = tokio::join!(court.run(), court.bench.console.run(&court.bob, court.plan));
    assert_ne!(one.is_ok(), other.is_ok(), "{one:?} {other:?}");
    court.stopped(one.or(other).unwrap()).await;
    court.end().await;
}

#[tokio::test]
async fn one_of_two_who_is_gone_or_who_says_no_stops_it() {
    let court = court().await;
    let console = &court.bench.console;
    court.policy(TWO).await;
    court.ask().await;
    assert_eq!(court.approve(&court.bob).await, "ok");
    console.refuse_approval(&court.bob, court.plan, "I was wrong").await.unwrap();
    assert_eq!(court.approve(&court.zoe).await, "approval/none-open");
    court.ask().await;
    for who in [&court.bob, &court.zoe] {
        assert_eq!(court.approve(who).await, "ok", "a new request begins at none");
    }
    console.people().disable("bob").await.unwrap();
    let lost = court.why_not_run().await;
    assert!(lost.code == "run/approver-lost" && lost.why.starts_with("bob"), "{lost}");
    console.people().enable("bob").await.unwrap();
    court.edited().await;
    court.bench.console.approve(&court.bob, court.plan, NAME).await.unwrap_err();
    assert!(matches!(court.state().await.stage, ApprovalStage::Void { .. }), "a changed inventory voids it");
    court.end().await;
}

#[tokio::test]
async fn a_policy_that_became_stricter_holds_for_what_was_approved_before() {
    let court = court().await;
    court.approved().await;
    court.policy(TWO).await;
    let refused = court.why_not_run().await;
    assert_eq!((refused.code.as_str(), refused.kind), ("run/too-few-approvals", ProblemKind::Forbidden));
    let standing = court.bench.console.plan_standing(&court.bench.ann, court.plan).await.unwrap();
    assert_eq!(refusal(standing.may_run), "run/too-few-approvals");
    assert!(matches!(court.state().await.stage, ApprovalStage::Approved { .. }), "it was not used up");
    court.policy("").await;
    let job = court.run().await.unwrap();
    court.stopped(job).await;
    court.end().await;
}

#[tokio::test]
async fn while_a_freeze_holds_nothing_runs_but_what_an_admin_breaks_the_glass_for() {
    let court = court().await;
    let console = &court.bench.console;
    let harmless = court.bench.plan().await;
    court.approved().await;
    court.policy(FROZEN).await;
    for plan in [court.plan, harmless] {
        let refused = console.run(&court.bench.ann, plan).await.unwrap_err();
        assert!(refused.code == "run/frozen" && refused.why.contains("end of the year"), "{refused}");
        let standing = console.plan_standing(&court.zoe, plan).await.unwrap();
        assert_eq!(refusal(standing.may_run), "run/frozen");
        assert_eq!(standing.rules.freeze.unwrap().0, "end of the year");
    }
    let reading = court.bench.reading().await;
    assert!(console.plan_standing(&court.zoe, reading).await.unwrap().rules.freeze.is_none());
    let job = console.run(&court.bench.ann, reading).await.unwrap();
    court.stopped(job).await;
    assert_eq!(code(console.break_glass(&court.bob, harmless, NAME, "fire").await), "people/forbidden");
    assert_eq!(code(console.break_glass(&court.zoe, harmless, NAME, " ").await), "approval/no-reason");
    console.break_glass(&court.zoe, harmless, NAME, "fire").await.unwrap();
    let job = console.run(&court.bench.ann, harmless).await.unwrap();
    court.stopped(job).await;
    let used = console.plan_standing(&court.zoe, harmless).await.unwrap().approval.unwrap();
    assert!(used.break_glass && matches!(used.stage, ApprovalStage::Used { .. }), "{used:?}");
    console.resume(&court.bench.ann, job).await.unwrap();
    court.stopped(job).await;
    // Without a freeze it is no case for it.
    court.policy("").await;
    let other = court.bench.plan().await;
    assert_eq!(code(console.break_glass(&court.zoe, other, NAME, "fire").await), "approval/not-needed");
    let job = console.run(&court.bench.ann, other).await.unwrap();
    court.stopped(job).await;
    court.policy(FROZEN).await;
    assert_eq!(code(console.resume(&court.bench.ann, job).await), "run/frozen", "nor does it go on");
    assert_eq!(refusal(console.job(&court.bench.ann, job).await.unwrap().may_resume), "run/frozen");
    court.end().await;
}

async fn asked(court: &Court, plan: PlanId, words: &str) -> String {
    let said = Said { text: "not needed any more", words };
    code(court.bench.console.request_approval(&court.bench.ann, plan, said).await)
}

#[tokio::test]
async fn a_cluster_without_a_fresh_backup_goes_only_when_everybody_says_so() {
    let court = court().await;
    let console = &court.bench.console;
    let now_s = now_us() / 1_000_000;
    let fresh = court.bench.removing(Some(now_s - 3_600)).await;
    assert_eq!(console.plan_standing(&court.bob, fresh).await.unwrap().rules.gate, None);
    assert_eq!(asked(&court, fresh, "").await, "ok");
    for backup_s in [None, Some(now_s - 25 * 3_600)] {
        let plan = court.bench.removing(backup_s).await;
        let (words, why) = console.plan_standing(&court.bob, plan).await.unwrap().rules.gate.unwrap();
        assert!(words == WORDS && why.contains("pg-test"), "{words}: {why}");
        assert_eq!(asked(&court, plan, "").await, "approval/no-backup");
        assert_eq!(asked(&court, plan, "no backup newer than 12 h").await, "approval/no-backup");
        assert_eq!(asked(&court, plan, WORDS).await, "ok");
        assert_eq!(code(console.approve(&court.bob, plan, NAME).await), "approval/words-differ");
        assert_eq!(code(console.approve(&court.bob, plan, with_words("pg")).await), "approval/name-differs");
        assert_eq!(code(console.approve(&court.bob, plan, with_words(NAME)).await), "ok");
        let standing = console.plan_standing(&court.bench.ann, plan).await.unwrap();
        assert_eq!(standing.may_run, Verdict::Allowed);
        let alone = court.bench.removing(backup_s).await;
        assert_eq!(code(console.break_glass(&court.zoe, alone, NAME, "fire").await), "approval/no-backup");
        assert_eq!(code(console.break_glass(&court.zoe, alone, NAME, with_words("fire")).await), "ok");
    }
    let rows = console.audit(&court.zoe, AuditFilter::default()).await.unwrap().rows;
    assert!(
        rows.iter()
            .any(|row| row.act == "approval/approve" && row.outcome == format!("typed {NAME} and `{WORDS}`"))
    );
    assert!(
        rows.iter().any(|row| row.act == "approval/request" && row.outcome.ends_with(&format!("({WORDS})")))
    );
    court.end().await;
}

#[tokio::test]
async fn a_backup_that_has_become_too_old_since_is_looked_at_again() {
    let court = court().await;
    let console = &court.bench.console;
    let plan = court.bench.removing(Some(now_us() / 1_000_000 - 5 * 3_600)).await;
    assert_eq!(asked(&court, plan, "").await, "ok");
    court.policy("[[rule]]\nclusters = [\"*\"]\nbackup_within = \"4h\"\n").await;
    assert_eq!(code(console.approve(&court.bob, plan, NAME).await), "approval/no-backup");
    court.policy("").await;
    assert_eq!(code(console.approve(&court.bob, plan, NAME).await), "ok");
    court.policy("[[rule]]\nclusters = [\"*\"]\nbackup_within = \"4h\"\n").await;
    assert_eq!(code(console.run(&court.bench.ann, plan).await), "approval/no-backup");
    court.policy("[[rule]]\nclusters = [\"*\"]\nbackup_within = \"off\"\n").await;
    let job = console.run(&court.bench.ann, plan).await.unwrap();
    court.stopped(job).await;
    court.end().await;
}

#[tokio::test]
async fn the_policy_is_an_admins_and_no_change_is_lost_or_unwritten() {
    let court = court().await;
    let console = &court.bench.console;
    for who in [&court.bench.ann, &court.bob] {
        let page = console.policy_page(who).await.unwrap();
        assert_eq!((page.base, refusal(page.may_change)), (None, "people/forbidden".into()));
        assert_eq!(code(console.save_policy(who, None, TWO).await), "people/forbidden");
    }
    assert_eq!(code(console.save_policy(&court.zoe, None, "rule = 1").await), "policy/bad-text");
    console.save_policy(&court.zoe, None, TWO).await.unwrap();
    assert_eq!(code(console.save_policy(&court.zoe, None, FROZEN).await), "policy/overtaken");
    let page = console.policy_page(&court.zoe).await.unwrap();
    assert_eq!((page.text.as_str(), page.rules.len(), page.rules[0].approvers), (TWO, 2, 2));
    let desk = court.bench.policy_desk().await;
    assert_eq!(desk.show().await.unwrap(), TWO);
    let said = desk.set(FROZEN).await.unwrap();
    assert!(said.contains("pg-test frozen 2020-01-01"), "{said}");
    desk.close().await;
    assert_eq!(console.policy_page(&court.zoe).await.unwrap().freezes.len(), 1);
    let filter = AuditFilter { act: "policy".into(), ..AuditFilter::default() };
    let rows = console.audit(&court.zoe, filter).await.unwrap().rows;
    let told: Vec<_> = rows.iter().rev().map(|row| (row.name.as_str(), row.refused)).collect();
    assert_eq!(
        told,
        [("ann", true), ("bob", true), ("zoe", true), ("zoe", false), ("zoe", true), ("command line", false)]
    );
    assert!(rows[2].outcome.contains("pg-test*: 2 to approve"), "{:?}", rows[2]);
    court.end().await;
}
