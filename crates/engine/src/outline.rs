//! A plan as events and pages refer to it.

use crate::redact::Redactor;
use paddock_events::{JobOutline, StageOutline, StepOutline};
use paddock_playbooks::{Effect, Plan};

/// The readable shape of a plan; a step's index is its position in [`Plan::steps`].
pub fn outline(plan: &Plan) -> JobOutline {
    let redactor = Redactor::new(&plan.secrets);
    let clean = |text: &str| redactor.clean(text);
    let index = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    JobOutline {
        title: clean(&plan.title),
        cluster: plan.cluster.as_ref().map(ToString::to_string),
        command_lines: plan.command_lines(),
        stages: plan
            .stages
            .iter()
            .map(|stage| StageOutline { name: stage.name.clone(), play: index(stage.play) })
            .collect(),
        steps: plan
            .steps()
            .map(|(stage, host, step)| StepOutline {
                id: step.id.0.clone(),
                title: clean(&step.title),
                stage: index(stage),
                host: host.to_string(),
                instance: plan.instances.get(&host).cloned(),
                tags: step.tags.clone(),
                effect: match &step.effect {
                    Effect::Plain => None,
                    Effect::Interrupts(what) | Effect::Destroys(what) => Some(clean(what)),
                },
                destructive: matches!(step.effect, Effect::Destroys(_)),
            })
            .collect(),
    }
}
