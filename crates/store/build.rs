//! The migrations are compiled in: a new file must compile them in again.

#[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
fn main() {
    println!("cargo:rerun-if-changed=../../migrations/sqlite");
}
