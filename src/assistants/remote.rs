//! `[remote]` of an assistant: what of its calls may be sent to engines elsewhere. Nothing, unless it
//! says so; and then only as far as the site says so too.

use std::collections::BTreeMap;

use super::finding::{did_you_mean, shown};
use super::section::Section;
use crate::policy::residency::{Data, Grant, Stage, Stages};

/// Reads the section, where there is one.
pub(super) fn read(root: &Section<'_>) -> Grant {
    let Some(section) = root.section("remote") else { return Grant::default() };
    let text = section.truth("text_may_leave").unwrap_or_default();
    let audio = section.truth("audio_may_leave").unwrap_or_default();
    let mut grant = Grant { text, audio, stages: Stages::ALL };
    if let Some(named) = section.texts("stages", Stage::ALL.len(), 20) {
        grant.stages = Stages::default();
        let known = Stage::ALL.map(Stage::as_str);
        for name in &named.value {
            let Some(stage) = Stage::ALL.into_iter().find(|stage| stage.as_str() == name) else {
                let near = did_you_mean(name, known);
                let next = near.map_or_else(
                    || format!("the stages are {}", known.join(", ")),
                    |near| format!("did you mean \"{near}\"?"),
                );
                section.push(named.line, "stages", format!("{} is no stage; {next}", shown(name)));
                continue;
            };
            if !grant.allows(stage.sends()) {
                let (what, key) = match stage.sends() {
                    Data::Audio => ("the caller's voice", "audio_may_leave"),
                    Data::Text => ("what is said", "text_may_leave"),
                };
                let message = format!(
                    "{stage} would send {what}, which may not leave; write {key} = true, or take it out"
                );
                section.push(named.line, "stages", message);
            }
            grant.stages = grant.stages.with(stage);
        }
    }
    let site = "whether and where to is the site's to say: set it in sawt.toml under [remote]";
    let of_the_site = ["enabled", "service", "base_url", "model", "voice", "stt", "llm", "tts"];
    section.finish(&of_the_site.map(|key| (key, site)).into_iter().collect::<BTreeMap<_, _>>());
    grant
}
