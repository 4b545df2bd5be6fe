//! A plan as events and pages refer to it.

use paddock_events::{JobOutline, StageOutline, StepOutline};
use paddock_playbooks::{Effect, Plan};

/// The readable shape of a plan; a step's index is its position in [`Plan::steps`].
pub fn outline(plan: &Plan) -> JobOutline {
    let index = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    JobOutline {
        title: plan.title.clone(),
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
                title: step.title.clone(),
                stage: index(stage),
                host: host.to_string(),
                instance: plan.instances.get(&host).cloned(),
                tags: step.tags.clone(),
                effect: match &step.effect {
                    Effect::Plain => None,
                    Effect::Interrupts(what) | Effect::Destroys(what) => Some(what.clone()),
                },
                destructive: matches!(step.effect, Effect::Destroys(_)),
            })
            .collect(),
    }
}
