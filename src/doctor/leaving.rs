//! What of a call may leave this machine, for which stage and to where. Sends nothing.

use super::Finding;
use crate::assistants::{Library, Voices};
use crate::config::Config;
use crate::engines::what_may_leave;
use crate::models::Store;
use crate::policy::residency::{Refusal, Stage, judge};

const CHECK: &str = "what may leave";

pub(super) fn check(config: &Config) -> Finding {
    let voices = Voices::installed(&Store::from_config(&config.models));
    let Ok(library) = Library::load(&Library::folder(config), config, &voices) else {
        let next = "`sawt assistants check` tells where; until then no call is answered";
        return Finding::warn(CHECK, "the assistants have mistakes, so nothing", next);
    };
    let grants: Vec<_> = library.all().map(|a| (a.name(), a.remote())).collect();
    let leaving = match what_may_leave(&config.remote, &grants) {
        Ok(leaving) => leaving,
        Err(error) => {
            let next =
                "mend that key, or set `enabled = false` there; serving does not start like this";
            return Finding::fail(CHECK, error.to_string(), next);
        }
    };
    if !leaving.is_empty() {
        let all: Vec<_> = leaving.iter().map(ToString::to_string).collect();
        return Finding::ok(CHECK, all.join("; "));
    }
    // Half open is shut, and somebody may wonder.
    let set_up = Stage::ALL.into_iter().find(|stage| stage.of(&config.remote).enabled);
    let Some(stage) = set_up else { return Finding::ok(CHECK, "nothing may leave") };
    let by_site =
        grants.iter().all(|(_, g)| judge(&config.remote, *g, stage) == Err(Refusal::Site));
    let next = if by_site {
        "if it should, set remote.text_may_leave (stt: audio_may_leave) = true in sawt.toml"
    } else {
        "if it should, write [remote] with text_may_leave (stt: audio_may_leave) = true into an \
         assistant's file"
    };
    let found = format!("nothing may leave, though remote.{stage} is set up");
    Finding::warn(CHECK, found, format!("{next}; else set remote.{stage}.enabled = false"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    fn site(dir: &tempfile::TempDir) -> Config {
        let mut config = Config::default();
        config.assistants.dir = Some(dir.path().to_owned());
        config.assistants.default = "desk".into();
        config
    }

    fn write(dir: &tempfile::TempDir, remote: &str) {
        let text = format!(
            "languages = [\"en\"]\n{remote}\n[prompt]\nen = \"en.md\"\n[welcome]\nen = \"Hello.\"\n"
        );
        std::fs::write(dir.path().join("desk.toml"), text).unwrap();
        std::fs::write(dir.path().join("en.md"), "Be brief.").unwrap();
    }

    #[test]
    fn by_default_nothing_may_leave() {
        let finding = check(&Config::default());
        assert_eq!((finding.status, finding.found.as_str()), (Status::Ok, "nothing may leave"));
    }

    #[cfg(feature = "remote")]
    #[test]
    fn it_is_said_what_may_leave_to_where_or_what_still_keeps_it_here() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = site(&dir);
        write(&dir, "");
        config.remote.tts.enabled = true;
        config.remote.tts.base_url = "https://10.1.2.3/v1".into();
        let finding = check(&config);
        assert_eq!(finding.status, Status::Warn);
        assert!(finding.next.contains("sawt.toml"), "{finding:?}");
        config.remote.text_may_leave = true;
        let finding = check(&config);
        assert!(finding.next.contains("assistant's file"), "{finding:?}");
        write(&dir, "[remote]\ntext_may_leave = true");
        let finding = check(&config);
        let expected = "text to 10.1.2.3:443 for tts, in calls of desk";
        assert_eq!((finding.status, finding.found.as_str()), (Status::Ok, expected));
        config.remote.tts.service = "elevenlabs".into();
        config.remote.voice = "../elsewhere".into();
        assert_eq!(check(&config).status, Status::Fail);
    }
}
