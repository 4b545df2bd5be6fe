//! Ids that cross the wire. Small numbers, so that people can say "job 12".

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number_id!(
    /// One run of a plan.
    JobId
);
number_id!(
    /// A stored plan, readable before it runs.
    PlanId
);
number_id!(
    /// A saved inventory text; the first is 1.
    RevisionId
);
number_id!(
    /// Somebody who signs in, or a token that acts for them.
    PersonId
);
number_id!(
    /// A request to run a plan that destroys.
    ApprovalId
);
