//! Exit codes: those of the scripts that people have built upon (reference: Pigsty's `bin/`), and of `paddock play`.

use paddock_events::{JobOutcome, JobOutline};

/// A command by which scripts are called, with its codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    PgsqlAdd,
    PgsqlRm,
    PgsqlSvc,
    PgsqlHba,
    PgsqlUser,
    PgsqlDb,
    NodeAdd,
    NodeRm,
    PgBackup,
    Play,
}

/// How a command ended, as far as its exit code goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    /// The words make no sense: a word is missing, or one is too much.
    Usage,
    /// The cluster is named, but not the user or database.
    NoSecondName,
    /// What should be an address is none.
    BadAddress,
    /// Refused or failed.
    Failed,
    /// The instances are well, but the services of the others were not reloaded.
    FailedService,
}

impl Name {
    /// All but `play`: these are the links in `bin/`.
    pub(crate) const SCRIPTS: [Self; 9] = [
        Self::PgsqlAdd,
        Self::PgsqlRm,
        Self::PgsqlSvc,
        Self::PgsqlHba,
        Self::PgsqlUser,
        Self::PgsqlDb,
        Self::NodeAdd,
        Self::NodeRm,
        Self::PgBackup,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PgsqlAdd => "pgsql-add",
            Self::PgsqlRm => "pgsql-rm",
            Self::PgsqlSvc => "pgsql-svc",
            Self::PgsqlHba => "pgsql-hba",
            Self::PgsqlUser => "pgsql-user",
            Self::PgsqlDb => "pgsql-db",
            Self::NodeAdd => "node-add",
            Self::NodeRm => "node-rm",
            Self::PgBackup => "pg-backup",
            Self::Play => "play",
        }
    }

    /// The script of a word.
    pub(crate) fn script(word: &str) -> Option<Self> {
        Self::SCRIPTS.into_iter().find(|name| name.as_str() == word)
    }

    /// The code of words that make no sense.
    pub(crate) fn usage_code(self) -> u8 {
        self.code(Ended::Usage, false)
    }

    /// `instances`: addresses were named, so it was about these and not about the whole cluster.
    pub(super) fn code(self, ended: Ended, instances: bool) -> u8 {
        let clusters = |bad_address, whole| match ended {
            Ended::Well => 0,
            Ended::Usage | Ended::NoSecondName => 1,
            Ended::BadAddress => bad_address,
            Ended::Failed if instances => 4,
            Ended::Failed => whole,
            Ended::FailedService => 5,
        };
        match self {
            Self::PgsqlAdd | Self::PgsqlSvc | Self::PgsqlHba => clusters(3, 2),
            Self::PgsqlRm => clusters(1, 2),
            Self::PgsqlUser | Self::PgsqlDb => match ended {
                Ended::Well => 0,
                Ended::Usage | Ended::BadAddress => 1,
                Ended::NoSecondName => 2,
                Ended::Failed | Ended::FailedService => 3,
            },
            Self::NodeAdd | Self::NodeRm => match ended {
                Ended::Well => 0,
                Ended::Usage | Ended::NoSecondName | Ended::BadAddress => 1,
                Ended::Failed | Ended::FailedService => 4,
            },
            Self::PgBackup => u8::from(ended != Ended::Well),
            Self::Play => match ended {
                Ended::Well => 0,
                Ended::Usage | Ended::NoSecondName | Ended::BadAddress => 2,
                Ended::Failed | Ended::FailedService => 1,
            },
        }
    }
}

/// How a job's end counts. `named` are the addresses of an expansion: a service that could not be reloaded elsewhere
/// is its own code, because the new instances run and only the routing is behind.
pub(super) fn ended(name: Name, outcome: &JobOutcome, outline: &JobOutline, named: &[String]) -> Ended {
    match outcome {
        JobOutcome::Succeeded => Ended::Well,
        JobOutcome::Failed { step: Some(step), .. } if name == Name::PgsqlAdd && !named.is_empty() => {
            let service_of_others = outline.steps.get(*step as usize).is_some_and(|step| {
                !named.contains(&step.host) && step.tags.iter().any(|tag| tag == "pg_service")
            });
            if service_of_others { Ended::FailedService } else { Ended::Failed }
        }
        JobOutcome::Failed { .. } | JobOutcome::Cancelled | JobOutcome::Interrupted => Ended::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::StepOutline;

    #[test]
    fn codes_are_those_of_the_scripts() {
        use Ended::{BadAddress, Failed, FailedService, NoSecondName, Usage, Well};
        let table = [
            // usage, no second name, bad address, cluster failed, instances failed, service failed
            (Name::PgsqlAdd, [1, 1, 3, 2, 4, 5]),
            (Name::PgsqlRm, [1, 1, 1, 2, 4, 5]),
            (Name::PgsqlSvc, [1, 1, 3, 2, 4, 5]),
            (Name::PgsqlHba, [1, 1, 3, 2, 4, 5]),
            (Name::PgsqlUser, [1, 2, 1, 3, 3, 3]),
            (Name::PgsqlDb, [1, 2, 1, 3, 3, 3]),
            (Name::NodeAdd, [1, 1, 1, 4, 4, 4]),
            (Name::NodeRm, [1, 1, 1, 4, 4, 4]),
            (Name::PgBackup, [1, 1, 1, 1, 1, 1]),
            (Name::Play, [2, 2, 2, 1, 1, 1]),
        ];
        for (name, expected) in table {
            let got = [
                name.code(Usage, false),
                name.code(NoSecondName, false),
                name.code(BadAddress, true),
                name.code(Failed, false),
                name.code(Failed, true),
                name.code(FailedService, true),
            ];
            assert_eq!(got, expected, "{name:?}");
            assert_eq!((name.code(Well, false), name.code(Well, true)), (0, 0), "{name:?}");
        }
        assert_eq!(Name::script("pgsql-hba"), Some(Name::PgsqlHba));
        assert_eq!(Name::script("play"), None, "no link is called so");
    }

    #[test]
    fn a_service_that_was_not_reloaded_on_the_old_members_is_its_own_code() {
        let step = |host: &str, tag: &str| StepOutline {
            id: "x".into(),
            title: "x".into(),
            stage: 0,
            host: host.into(),
            instance: None,
            tags: vec![tag.into()],
            effect: None,
            destructive: false,
        };
        let outline = JobOutline {
            steps: vec![
                step("10.0.0.1", "pg_service"),
                step("10.0.0.4", "pg_service"),
                step("10.0.0.1", "pg_hba"),
            ],
            ..JobOutline::default()
        };
        let named = ["10.0.0.4".to_owned()];
        let failed = |at| JobOutcome::Failed { reason: String::new(), step: at };
        for (name, step, named, expected) in [
            (Name::PgsqlAdd, Some(0), &named[..], Ended::FailedService),
            (Name::PgsqlAdd, Some(1), &named[..], Ended::Failed),
            (Name::PgsqlAdd, Some(2), &named[..], Ended::Failed),
            (Name::PgsqlAdd, None, &named[..], Ended::Failed),
            (Name::PgsqlAdd, Some(0), &[], Ended::Failed),
            (Name::PgsqlSvc, Some(0), &named[..], Ended::Failed),
        ] {
            assert_eq!(ended(name, &failed(step), &outline, named), expected, "{name:?} {step:?}");
        }
        assert_eq!(ended(Name::Play, &JobOutcome::Interrupted, &outline, &[]), Ended::Failed);
        assert_eq!(ended(Name::Play, &JobOutcome::Succeeded, &outline, &[]), Ended::Well);
    }
}
