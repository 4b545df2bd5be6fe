//! What the bytes of a database's files say, to who has no key.

use flate2::read::ZlibDecoder;
use std::io::Read as _;
use std::path::Path;

/// The database file, and what stands beside it, as one.
pub fn all_of(database: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    for more in ["", "-wal", "-shm", "-journal"] {
        let mut path = database.as_os_str().to_owned();
        path.push(more);
        out.extend(std::fs::read(path).unwrap_or_default());
    }
    assert!(out.starts_with(b"SQLite format 3"), "{} is a database", database.display());
    out
}

/// Whether they say it, as it is or deflated. A value that SQLite has cut into pages is inflated up to the cut.
pub fn say(bytes: &[u8], secret: &str) -> bool {
    let within = |bytes: &[u8]| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
    if within(bytes) {
        return true;
    }
    let zlib = |at: &usize| {
        bytes[*at] == 0x78 && bytes.get(at + 1).is_some_and(|next| [0x01, 0x5e, 0x9c, 0xda].contains(next))
    };
    (0..bytes.len()).filter(zlib).any(|at| {
        let mut inflated = Vec::new();
        // It ends where the page does, with an error; what came before that counts.
        drop(ZlibDecoder::new(&bytes[at..]).read_to_end(&mut inflated));
        within(&inflated)
    })
}
