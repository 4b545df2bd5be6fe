//! One long-lived root shell on a node; scripts are framed inside it.
//!
//! The shell reads frames from its standard input: a header line (nonce, user, limit), then the script and its standard
//! input, each on one line. It runs the script in a child bash, in a process group of its own under `timeout`, and prints a
//! marker with the nonce on both streams. Script and stdin never appear in an argument list, nor in a file.

use crate::ssh::Connection;
use crate::{SshError, Target};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use paddock_events::Stream;
use paddock_playbooks::Script;
use russh::{Channel, ChannelMsg, client::Msg};
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Longest line that is kept, in bytes.
const LINE_CAP: usize = 4096;
/// How many lines of one script are passed on.
const LINES_CAP: usize = 20_000;
/// How much of each stream's end is kept for reasons, in lines.
const TAIL: usize = 12;
/// A byte that text does not contain, before markers.
const MARK: char = '\u{1e}';
/// What stands where a long line was cut.
pub(crate) const CUT: &str = " … (line cut)";

/// The loop that runs on the node. Its own text is all that shows in the process list. A job runs hundreds of scripts, most
/// without standard input: the script is unescaped by the shell itself, and only what is there is decoded from base64. The
/// client programs of the declared PostgreSQL come before Debian's, which are Perl and take four times as long to start.
const LOOP: &str = r#"umask 022; export LC_ALL=C.UTF-8 PATH=/usr/pgsql/bin:$PATH
m=$(printf "\036")
printf "%sREADY\n" "$m"
while IFS=" " read -r n u t && IFS= read -r s && IFS= read -r i; do
  as=; [ "$u" = root ] || as="runuser -u $u --"
  printf -v s %b "$s"
  if [ -n "$i" ]; then exec 8< <(printf %s "$i" | base64 -d); else exec 8</dev/null; fi
  PADDOCK_FRAME=$n timeout -k 5 "$t" $as bash -c "eval \"\$(cat <&9)\"" 9< <(printf %s "$s") <&8 8<&- &
  p=$!
  exec 8<&-
  printf "%s%s P %s\n" "$m" "$n" "$p"
  { wait $p; r=$?; } 2>/dev/null
  printf "%s%s E %s\n" "$m" "$n" "$r"
  printf "%s%s E %s\n" "$m" "$n" "$r" >&2
done"#;

/// A line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The script's process group began; what to signal to stop it.
    Started(u32),
    /// A line of text.
    Text(Stream, String),
    /// `::progress DONE TOTAL UNIT`
    Progress {
        /// Done so far.
        done: u64,
        /// Whole, when known.
        total: Option<u64>,
        /// Unit.
        unit: String,
    },
}

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; 124 after the limit.
    pub exit: i32,
    /// The last lines of standard output.
    pub out: Vec<String>,
    /// The last lines of standard error.
    pub err: Vec<String>,
}

impl Ran {
    /// One sentence of what was last said, standard error first.
    pub fn said(&self) -> String {
        let lines = if self.err.is_empty() { &self.out } else { &self.err };
        if lines.is_empty() { format!("exit code {}, nothing said", self.exit) } else { lines.join("; ") }
    }
}

/// A root shell on one node.
pub struct Shell {
    channel: Channel<Msg>,
    target: Target,
    number: u64,
    /// Nobody else's output has it: a random number, and the script's.
    nonce: String,
    /// Lives as long as its shells do.
    connection: Arc<Connection>,
    /// When it was last known to answer.
    heard: Instant,
}

#[derive(Default)]
struct Collector {
    partial: Vec<u8>,
    ended: Option<i32>,
    tail: Vec<String>,
}

impl Shell {
    pub(crate) async fn start(
        channel: Channel<Msg>,
        connection: Arc<Connection>,
        target: &Target,
        limit: Duration,
    ) -> Result<Self, SshError> {
        let failed = |why: String| SshError::Shell { node: target.node, user: target.user.clone(), why };
        let quoted = format!("bash -c '{}'", LOOP.replace('\'', "'\\''"));
        let command = if target.user == "root" { quoted } else { format!("sudo -n {quoted}") };
        channel.exec(true, command).await.map_err(|error| failed(error.to_string()))?;
        let (target_of, nonce, heard) = (target.clone(), String::new(), Instant::now());
        let mut shell = Self { channel, target: target_of, number: 0, nonce, connection, heard };
        let mut said = String::new();
        let end = Instant::now() + limit;
        loop {
            match timeout_at(end, shell.channel.wait()).await {
                Err(_) => return Err(failed("it does not answer".to_owned())),
                // Without a word, it was the connection or sshd that ended.
                Ok(None | Some(ChannelMsg::Close | ChannelMsg::Eof)) if said.is_empty() => {
                    return Err(shell.lost("the shell ended before it began".to_owned()));
                }
                Ok(None | Some(ChannelMsg::Close | ChannelMsg::Eof)) => {
                    return Err(failed(said.trim().to_owned()));
                }
                Ok(Some(ChannelMsg::Data { data })) => {
                    if String::from_utf8_lossy(&data).contains("READY") {
                        return Ok(shell);
                    }
                    said.push_str(&String::from_utf8_lossy(&data));
                }
                Ok(Some(ChannelMsg::ExtendedData { data, .. })) => {
                    said.push_str(&String::from_utf8_lossy(&data));
                }
                Ok(Some(_)) => {}
            }
        }
    }

    /// Runs one script. `each` gets lines as they come. The limit is kept on the node, and here five seconds later.
    ///
    /// If the future is dropped in the middle, the script goes on until its limit on the node; the shell must then be
    /// dropped too, since its next frame would read the old one's output.
    pub async fn run(
        &mut self,
        script: &Script,
        limit: Duration,
        each: &mut (dyn FnMut(Line) + Send),
    ) -> Result<Ran, SshError> {
        self.run_marked("", script, limit, each).await
    }

    /// The same, with a mark by which another console finds the script on the node when this one has died.
    pub(crate) async fn run_marked(
        &mut self,
        mark: &str,
        script: &Script,
        limit: Duration,
        each: &mut (dyn FnMut(Line) + Send),
    ) -> Result<Ran, SshError> {
        self.number += 1;
        let random = RandomState::new().build_hasher().finish();
        self.nonce = format!("{mark}{}-{random:016x}", self.number);
        let nonce = self.nonce.clone();
        let seconds = limit.as_secs().max(1);
        let user_is_plain = script.user.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !user_is_plain {
            return Err(self.lost(format!("`{}` is no account name", script.user)));
        }
        let mut frame = String::new();
        let stdin = script.stdin.as_deref().unwrap_or("");
        let _ok = write!(
            frame,
            "{nonce} {} {seconds}\n{}\n{}\n",
            script.user,
            escaped(&script.text),
            STANDARD.encode(stdin)
        )
        .is_ok();
        let begun = Instant::now();
        let end = begun + limit + Duration::from_secs(15);
        let sending = self.channel.data(frame.as_bytes());
        match timeout_at(end, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(self.lost(error.to_string())),
            Err(_) => return Err(self.lost("it takes no input".to_owned())),
        }
        let (mut out, mut err) = (Collector::default(), Collector::default());
        let mut passed = 0;
        while out.ended.is_none() || err.ended.is_none() {
            let Ok(message) = timeout_at(end, self.channel.wait()).await else {
                return Err(self.lost(format!("no word within {seconds} s and the grace after it")));
            };
            match message {
                Some(ChannelMsg::Data { data }) => out.take(&data, Stream::Out, &nonce, &mut passed, each),
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    err.take(&data, Stream::Err, &nonce, &mut passed, each);
                }
                None | Some(ChannelMsg::Close | ChannelMsg::Eof) => {
                    return Err(self.lost("the shell ended".to_owned()));
                }
                Some(_) => {}
            }
        }
        let mut exit = out.ended.unwrap_or(-1);
        self.heard = Instant::now();
        // A script may end with these by itself, too, or be killed by somebody else.
        if (exit == 124 || exit == 137) && begun.elapsed() >= Duration::from_secs(seconds) {
            err.tail.push(format!("stopped after its limit of {seconds} s"));
            exit = 124;
        } else if exit == 137 {
            err.tail.push("killed (signal 9): by somebody, or for want of memory".to_owned());
        }
        Ok(Ran { exit, out: out.tail, err: err.tail })
    }

    /// Ends a shell in the middle of a script, so that its channel does not count any more.
    pub(crate) async fn abandon(self) {
        // Closing is a courtesy: a connection that is gone has no channels.
        drop(tokio::time::timeout(Duration::from_secs(2), self.channel.close()).await);
    }

    /// Marks the processes of the last script: `PADDOCK_FRAME` in their environment.
    pub(crate) fn frame(&self) -> &str {
        &self.nonce
    }

    /// Whether the node still answers; asked only when nothing was heard of it for a second.
    pub(crate) async fn answers(&self, bound: Duration) -> bool {
        let connection = &self.connection.handle;
        let heard = self.heard.elapsed() < Duration::from_secs(1)
            || matches!(tokio::time::timeout(bound, connection.send_ping()).await, Ok(Ok(())));
        heard && !connection.is_closed()
    }

    fn lost(&self, why: String) -> SshError {
        SshError::Lost { node: self.target.node, why }
    }
}

impl Collector {
    fn take(
        &mut self,
        data: &[u8],
        stream: Stream,
        nonce: &str,
        passed: &mut usize,
        each: &mut (dyn FnMut(Line) + Send),
    ) {
        self.partial.extend_from_slice(data);
        while let Some(at) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=at).collect();
            self.line(&line[..at], stream, nonce, passed, each);
        }
        // A line without end must not fill the memory; what is over the cap is dropped when its end comes.
        if self.partial.len() > 16 * LINE_CAP {
            let rest = self.partial.split_off(LINE_CAP);
            // A marker is always in a short line of its own or at an end: keep the newest bytes too.
            self.partial.extend_from_slice(&rest[rest.len().saturating_sub(256)..]);
        }
    }

    fn line(
        &mut self,
        bytes: &[u8],
        stream: Stream,
        nonce: &str,
        passed: &mut usize,
        each: &mut (dyn FnMut(Line) + Send),
    ) {
        let text = String::from_utf8_lossy(bytes);
        let (text, marker) = match text.split_once(MARK) {
            Some((before, marker)) if marker.starts_with(nonce) => {
                (before.to_owned(), Some(marker.to_owned()))
            }
            _ => (text.trim_end_matches('\r').to_owned(), None),
        };
        let is_marker = marker.is_some();
        if let Some(marker) = marker {
            let mut words = marker.split_whitespace().skip(1);
            match (words.next(), words.next().and_then(|word| word.parse::<i64>().ok())) {
                (Some("P"), Some(pid)) => each(Line::Started(u32::try_from(pid).unwrap_or(0))),
                (Some("E"), Some(code)) => self.ended = i32::try_from(code).ok(),
                _ => {}
            }
        }
        if is_marker && text.is_empty() {
            return;
        }
        if stream == Stream::Out
            && let Some(progress) = progress(&text)
        {
            each(progress);
            return;
        }
        let shown: String = if text.len() > LINE_CAP {
            text.chars().take(LINE_CAP / 4).chain(CUT.chars()).collect()
        } else {
            text
        };
        self.tail.push(shown.clone());
        if self.tail.len() > TAIL {
            self.tail.remove(0);
        }
        *passed += 1;
        match (*passed).cmp(&LINES_CAP) {
            std::cmp::Ordering::Less => each(Line::Text(stream, shown)),
            std::cmp::Ordering::Equal => {
                each(Line::Text(
                    Stream::Engine,
                    format!("more than {LINES_CAP} lines: the rest is not kept"),
                ));
            }
            std::cmp::Ordering::Greater => {}
        }
    }
}

/// One line from which bash's `printf %b` makes the text again.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

/// `::progress DONE TOTAL UNIT`; TOTAL may be `-`.
fn progress(text: &str) -> Option<Line> {
    let mut words = text.strip_prefix("::progress ")?.split_whitespace();
    let done = words.next()?.parse().ok()?;
    let total = words.next()?.parse().ok();
    Some(Line::Progress { done, total, unit: words.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> (Vec<Line>, Option<i32>) {
        let mut collector = Collector::default();
        let mut seen = Vec::new();
        let mut passed = 0;
        for chunk in chunks {
            collector.take(chunk, Stream::Out, "7-a", &mut passed, &mut |line| seen.push(line));
        }
        (seen, collector.ended)
    }

    #[test]
    fn output_is_cut_at_lines_and_the_marker_ends_it() {
        let (seen, ended) = lines(&[b"\x1e7-a P 42\nhal", b"lo\nno newline\x1e7-a ", b"E 3\n"]);
        let text = |text: &str| Line::Text(Stream::Out, text.to_owned());
        assert_eq!(seen, [Line::Started(42), text("hallo"), text("no newline")]);
        assert_eq!(ended, Some(3));
    }

    #[test]
    fn a_marker_of_another_frame_is_text() {
        let (seen, ended) = lines(&[b"\x1e6-a E 0\n"]);
        assert_eq!((seen.len(), ended), (1, None));
    }

    #[test]
    fn progress_is_told_apart() {
        let (seen, _) = lines(&[b"::progress 10 - bytes\n::progress x\n"]);
        assert_eq!(seen[0], Line::Progress { done: 10, total: None, unit: "bytes".into() });
        assert_eq!(seen[1], Line::Text(Stream::Out, "::progress x".into()));
    }

    #[test]
    fn endless_lines_are_capped() {
        let long = vec![b'x'; 1_000_000];
        let (seen, ended) = lines(&[&long, b"\n\x1e7-a E 0\n"]);
        let Line::Text(_, text) = &seen[0] else { panic!("no text") };
        assert!(text.len() < 2 * LINE_CAP);
        assert_eq!(ended, Some(0));
    }
}
