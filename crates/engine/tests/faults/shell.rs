//! One shell, many scripts: none of them may hurt the next.

use crate::rig::{Node, script, settings, target};
use paddock_engine::{Line, Pool, Ran, Shell};
use paddock_events::Stream;
use std::time::{Duration, Instant};

async fn shell() -> Shell {
    let settings = settings("root");
    let target = target(&settings, 12);
    Pool::new(settings).shell(&target).await.unwrap()
}

async fn run(shell: &mut Shell, text: &str, limit_s: u64) -> (Ran, Vec<Line>) {
    let mut lines = Vec::new();
    let ran = shell
        .run(&script(text), Duration::from_secs(limit_s), &mut |line| lines.push(line))
        .await
        .unwrap_or_else(|error| panic!("`{text}`: {error}"));
    (ran, lines)
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_script_does_not_hurt_the_next_one() {
    let mut shell = shell().await;
    for (text, exit) in [
        ("exit 3", 3),
        ("cd /tmp; set -e; export X=1; umask 000; trap 'exit 9' EXIT", 9),
        ("syntax ( error", 2),
        ("exec 1>&- 2>&-; exit 4", 4),
        ("cat; read -r x; exit 5", 5),
        ("printf 'no newline'; printf 'nor here' >&2", 0),
        ("sleep 300 & disown; exit 6", 6),
        ("kill -9 $PPID; sleep 0.2; exit 0", 137),
        ("printf '\\377\\376\\000x\\n'; exit 7", 7),
    ] {
        let (ran, _) = run(&mut shell, text, 20).await;
        // Killed is killed, whoever did it.
        let killed = exit == 137 && ran.exit != 0;
        assert!(ran.exit == exit || killed, "`{text}`: {ran:?}");
        let (after, _) = run(&mut shell, "echo \"$PWD ${X-} $(umask)\"", 20).await;
        assert_eq!((after.exit, after.out.as_slice()), (0, ["/root  0022".to_owned()].as_slice()), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_streams_stdin_and_user_are_kept_apart() {
    let mut shell = shell().await;
    let mut script = script("id -un; cat; echo 'to err' >&2; exit 1");
    script.user = "postgres".to_owned();
    // Larger than a pipe and an argument list.
    let secret = "käse\n".repeat(60_000);
    script.stdin = Some(secret.clone());
    let mut lines = Vec::new();
    let ran = shell.run(&script, Duration::from_secs(30), &mut |line| lines.push(line)).await.unwrap();
    assert_eq!((ran.exit, ran.err.as_slice()), (1, ["to err".to_owned()].as_slice()));
    assert!(lines.contains(&Line::Text(Stream::Out, "postgres".into())));
    assert!(lines.contains(&Line::Text(Stream::Err, "to err".into())) || lines.len() >= 20_000);
    assert!(ran.out.iter().all(|line| line == "käse"), "{:?}", ran.out);
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_hundred_thousand_lines_are_taken_and_the_cap_is_said() {
    let mut shell = shell().await;
    let begun = Instant::now();
    let (ran, lines) = run(&mut shell, "seq 100000; echo ::progress 1 2 files; exit 3", 60).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!((ran.exit, ran.out.last().unwrap().as_str()), (3, "100000"));
    let texts: Vec<&Line> = lines.iter().filter(|line| matches!(line, Line::Text(Stream::Out, _))).collect();
    let in_order = texts.iter().zip(1..).all(|(line, n)| **line == Line::Text(Stream::Out, n.to_string()));
    assert!(in_order && texts.len() == 19_999, "{} lines", texts.len());
    let said =
        |line: &Line| matches!(line, Line::Text(Stream::Engine, text) if text.contains("more than 20000"));
    assert_eq!(lines.iter().filter(|line| said(line)).count(), 1);
    assert!(lines.iter().any(|line| matches!(line, Line::Progress { done: 1, total: Some(2), .. })));
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_the_limit_ends_the_whole_process_group() {
    let node = Node(12);
    let mut shell = shell().await;
    for text in ["sleep 4321 & sleep 4321", "trap '' TERM; sleep 4321 & wait; sleep 4321"] {
        let begun = Instant::now();
        let (ran, _) = run(&mut shell, text, 2).await;
        assert_eq!(ran.exit, 124, "{ran:?}");
        assert!(ran.said().contains("limit of 2 s"), "{}", ran.said());
        assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
        assert_eq!(node.sh("pgrep -f '^sleep 4321'"), "", "left after `{text}`");
    }
    let (ran, _) = run(&mut shell, "kill -KILL $$", 20).await;
    assert!(!ran.said().contains("limit"), "killed by somebody else long before its limit: {}", ran.said());
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_scripts_and_their_input_are_in_no_argument_list() {
    let mut shell = shell().await;
    let mut script = script(
        "marker_of_script=1; cat >/dev/null; tr '\\0' ' ' </proc/*/cmdline 2>/dev/null; cat /proc/*/cmdline | tr '\\0' ' '",
    );
    script.stdin = Some("marker-of-stdin".to_owned());
    let mut text = String::new();
    let ran = shell
        .run(&script, Duration::from_secs(20), &mut |line| {
            if let Line::Text(_, line) = line {
                text += &line;
            }
        })
        .await
        .unwrap();
    assert!(ran.exit == 0 && text.contains("systemd"), "{ran:?}");
    assert!(!text.contains("marker_of_script") && !text.contains("marker-of-stdin"), "{text}");
}
