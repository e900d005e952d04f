//! Files change while calls run.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{DESK, DESK_FILES, folder, load, voices, write};
use crate::assistants::{Assistants, Folder, Version};
use crate::config::Config;

struct Site {
    dir: tempfile::TempDir,
    assistants: Assistants,
    stop: CancellationToken,
}

/// Follows a folder with the desk in it; `reload_s` 0 waits for somebody to ask.
fn site(reload_s: u32) -> Site {
    let dir = folder(&DESK_FILES);
    let mut config = Config::default();
    config.assistants.reload_s = reload_s;
    let stop = CancellationToken::new();
    let assistants = Assistants::follow(
        load(&dir).unwrap(),
        Folder::Disk(dir.path().to_owned()),
        Arc::new(config),
        voices(),
        stop.clone(),
    );
    Site { dir, assistants, stop }
}

impl Site {
    fn version(&self) -> Version {
        self.assistants.current().default().version().version
    }

    async fn asked(&self) {
        let mut state = self.assistants.state();
        state.mark_unchanged();
        self.assistants.reload();
        tokio::time::timeout(Duration::from_secs(20), state.changed()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_call_keeps_its_version_and_the_next_one_gets_the_new() {
    let site = site(0);
    let call = Arc::clone(site.assistants.current().default());
    let before = call.version();
    write(site.dir.path(), "desk/en.md", "You are new.");
    site.asked().await;
    assert_eq!(call.config("en").agent.system_prompt, "You work at The Shop. The fee is 5.");
    assert_eq!(call.version(), before);
    let next = site.assistants.current();
    assert_eq!(next.default().config("en").agent.system_prompt, "You are new.");
    assert_ne!(next.default().version(), before);
    assert_eq!(site.assistants.state().borrow().reloads, 1);
    site.stop.cancel();
}

#[tokio::test]
async fn a_bad_change_keeps_the_version_before_and_says_so() {
    let site = site(0);
    let before = site.version();
    write(site.dir.path(), "desk/en.md", "You are {{ nobody }}.");
    site.asked().await;
    assert_eq!(site.version(), before);
    let findings = site.assistants.state().borrow().findings.clone();
    assert_eq!(findings.len(), 1);
    assert!(findings[0].to_string().contains("desk/en.md:1: unknown variable \"nobody\""));
    // One bad file of two keeps the other's change out too: half of a change is none.
    write(site.dir.path(), "other.toml", DESK);
    site.asked().await;
    assert!(site.assistants.current().get("other").is_none());
    write(site.dir.path(), "desk/en.md", "You are {{ shop }}.");
    write(site.dir.path(), "starter.toml", DESK);
    site.asked().await;
    assert!(site.assistants.state().borrow().findings.is_empty());
    assert_eq!(site.assistants.current().all().count(), 3);
    site.stop.cancel();
}

#[tokio::test]
async fn a_changed_folder_is_found_without_asking() {
    let site = site(1);
    let mut state = site.assistants.state();
    write(site.dir.path(), "desk/en.md", "You are new.");
    let found = state.wait_for(|state| state.reloads == 1);
    tokio::time::timeout(Duration::from_secs(30), found).await.unwrap().unwrap();
    site.stop.cancel();
}

/// Two files that belong together change all the time, as whole files do (written beside and
/// renamed), while calls begin and are held: each call keeps what it began with, and no call sees a
/// bad version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_see_whole_versions_while_files_change() {
    let site = Arc::new(site(0));
    let dir = site.dir.path().to_owned();
    let stop = site.stop.clone();
    // The writer ends with the test, however that ends.
    let _stop_writing = stop.clone().drop_guard();
    let writer = {
        let (site, stop) = (Arc::clone(&site), stop.clone());
        tokio::task::spawn_blocking(move || {
            let mut n = 0_u32;
            while !stop.is_cancelled() {
                n += 1;
                // Every fifth version is bad.
                let bad = if n.is_multiple_of(5) { "{{ oops }}" } else { "" };
                for tag in ["ar", "en"] {
                    write(&dir, &format!("desk/.{tag}"), &format!("version {n}{bad}"));
                    let to = dir.join(format!("desk/{tag}.md"));
                    std::fs::rename(dir.join(format!("desk/.{tag}")), to).unwrap();
                }
                site.assistants.reload();
                std::thread::sleep(Duration::from_millis(2));
            }
        })
    };
    let mut seen = std::collections::BTreeSet::new();
    let mut rounds = 0;
    while seen.len() < 4 {
        rounds += 1;
        assert!(rounds < 10_000, "{} versions", seen.len());
        let call = Arc::clone(site.assistants.current().default());
        let version = call.version();
        let prompt = |tag: &str| call.config(tag).agent.system_prompt.clone();
        let first = (prompt("ar"), prompt("en"));
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!((prompt("ar"), prompt("en")), first);
        assert_eq!(call.version(), version);
        assert!(!first.0.contains("oops") && !first.1.contains("oops"));
        seen.insert(version.version.as_str().to_owned());
    }
    stop.cancel();
    writer.await.unwrap();
}
