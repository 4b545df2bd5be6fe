//! Parts that pages share; they know no route and call no server function, the header apart.

mod badge;
mod clock;
mod header;
mod load;
mod problem;
mod topology;
mod yaml_editor;

pub use badge::{Badge, Tone, approval, health, outcome, step_state};
pub use clock::{Clock, Moment, Since, TimeOfDay, Until, When};
pub use header::Header;
pub use load::{Loaded, later, load, titled};
pub use problem::{Copyable, ProblemBox, RefusedNote, ticked};
pub use topology::{
    LinkedCluster, TopologyPicture, member_words, role_word, role_words, routed, state_words,
};
pub use yaml_editor::YamlEditor;
