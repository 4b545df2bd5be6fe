//! HTTP for the Python that runs on nodes. Most of those programs ask Patroni once and end: without `urllib` they take half
//! the time, and a job runs hundreds of them.

/// The text of [`HTTP`], for `concat!`.
macro_rules! http {
    () => {
        r#"import json, socket
def http(url, limit, method="GET", body=b"", head=""):
    where, _, path = url.partition("//")[2].partition("/")
    host, _, port = where.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), limit) as peer:
        peer.sendall(f"{method} /{path} HTTP/1.0\r\nHost: {where}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body)
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    head, _, text = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/"): raise OSError("no HTTP answer" if answer else "closed without an answer")
    return int(head.split()[1]), text.decode(errors="replace")
def members(url, limit=3):
    code, text = http(url + "/cluster", limit)
    if code != 200: raise OSError(f"GET /cluster is answered with {code}")
    return json.loads(text)["members"]
def leads(m): return m["role"] in ("leader", "standby_leader", "master", "primary")
"#
    };
}
pub(crate) use http;

/// Python's `http` (status and text of an answer, or an exception), `members` of Patroni at a URL, and `leads`. Patroni
/// answers by HTTP/1.0: the end of the connection is the end of the text.
pub(crate) const HTTP: &str = http!();
