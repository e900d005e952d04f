//! The same tests on both databases; for PostgreSQL a server of our own, where its programs are installed.

mod server;

use std::path::Path;

use serde_json::json;

use super::*;
use server::Server;

/// A store, and what has to live as long.
struct Case {
    store: Store,
    records: Records,
    config: RecordsConfig,
    dir: tempfile::TempDir,
    server: Option<Server>,
}

impl Case {
    async fn sqlite() -> Self {
        Self::of(None).await
    }

    /// None where PostgreSQL is not installed.
    async fn postgres() -> Option<Self> {
        Some(Self::of(Some(Server::start()?)).await)
    }

    async fn of(server: Option<Server>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = RecordsConfig {
            dir: Some(dir.path().join("calls")),
            database: server.as_ref().map(Server::url).unwrap_or_default(),
            ..RecordsConfig::default()
        };
        let store = Store::open(&config).await.unwrap();
        Self { store, records: Records::from_config(&config).unwrap(), config, dir, server }
    }

    fn calls(&self) -> std::path::PathBuf {
        self.dir.path().join("calls")
    }

    async fn found(&self, filter: Filter) -> Vec<String> {
        self.store.list(&filter).await.unwrap().into_iter().map(|call| call.id).collect()
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A call that began then, in milliseconds, and lasted 10 s.
fn call(id: &str, started_ms: i64, caller: &str, agent: &str) -> CallRow {
    let report = json!({
        "call_id": id, "room": "r1", "assistant": { "name": "bank", "version": "abc" },
        "languages": ["ar", "en"], "started_unix_ms": started_ms, "length_ms": 10_000,
        "reason": "caller_left", "sentiment": -0.5,
        "turns": [{ "caller": "", "agent": "Welcome." },
                  { "caller": caller, "agent": agent, "e2e_latency": 1_800 }],
        "moments": [{ "fired": ["angry"] }, { "fired": ["angry", "vip_1"] }],
        "recording": { "outcome": "recorded", "file": format!("{id}.ogg") },
    });
    CallRow::of_record(&report, at(0)).unwrap()
}

fn write_record(case: &Case, id: &str) {
    std::fs::create_dir_all(case.calls()).unwrap();
    #[allow(clippy::disallowed_methods)] // what is kept must not be old
    let row = call(id, row::unix_ms(SystemTime::now()), "hello", "hi");
    std::fs::write(case.calls().join(format!("{id}.json")), row.report).unwrap();
}

async fn calls_are_kept_found_and_erased(case: Case) {
    let said = "أريد إلغاء البطاقة 100%";
    let first = call("c1", 1_000, said, "تم إلغاؤُها.");
    case.store.keep(&first).await.unwrap();
    case.store.keep(&call("c2", 2_000, "I lost my CARD_x", "Sorry.")).await.unwrap();
    let mut other = call("c3", 3_000, "hello", "hi");
    other.assistant = "desk".into();
    (other.languages, other.rules) = (vec!["en".into()], vec!["vip".into()]);
    (other.outcome, other.slowest_ms, other.sentiment) = ("lost".into(), 0, None);
    case.store.keep(&other).await.unwrap();

    assert_eq!(case.store.get("c1").await.unwrap().unwrap(), first);
    assert_eq!(case.store.get("c4").await.unwrap(), None);
    let filter = Filter::default;
    assert_eq!(case.found(filter()).await, ["c3", "c2", "c1"]);
    assert_eq!(case.found(Filter { limit: 1, ..filter() }).await, ["c3"]);
    assert_eq!(case.found(Filter { since_ms: Some(2_000), ..filter() }).await, ["c3", "c2"]);
    assert_eq!(case.found(Filter { until_ms: Some(2_000), ..filter() }).await, ["c1"]);
    assert_eq!(case.found(Filter { slow_ms: Some(1_500), ..filter() }).await, ["c2", "c1"]);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(case.found(Filter { assistant: text("desk"), ..filter() }).await, ["c3"]);
    assert_eq!(case.found(Filter { language: text("ar"), ..filter() }).await, ["c2", "c1"]);
    assert_eq!(case.found(Filter { outcome: text("lost"), ..filter() }).await, ["c3"]);
    assert_eq!(case.found(Filter { rule: text("vip_1"), ..filter() }).await, ["c2", "c1"]);
    assert_eq!(case.found(Filter { rule: text("vip"), ..filter() }).await, ["c3"]);
    for (words, found) in [
        ("الغاء البطاقه", &["c1"][..]),
        ("تَمَّ", &["c1"]),
        ("lost my card", &["c2"]),
        ("100%", &["c1"]),
        ("%", &[]),
        ("c_rd", &[]),
        ("Welcome", &["c3", "c2", "c1"]),
        ("' OR 1=1 --", &[]),
    ] {
        assert_eq!(case.found(Filter { words: text(words), ..filter() }).await, found, "{words}");
    }
    // Kept again, it is one call still.
    case.store.keep(&call("c2", 2_000, "nothing", "else")).await.unwrap();
    assert_eq!(case.found(filter()).await.len(), 3);
    assert_eq!(case.found(Filter { words: text("CARD"), ..filter() }).await, [""; 0]);
    assert!(case.store.erase("c2").await.unwrap());
    assert!(!case.store.erase("c2").await.unwrap());
    assert_eq!(case.found(filter()).await, ["c3", "c1"]);
}

async fn odd_texts_stay_what_they_are(case: Case) {
    for (n, text) in
        ["", "'; DROP TABLE calls; --", "a\0b", "😀 \u{202e}x", "$1 ?2"].iter().enumerate()
    {
        let id = format!("{n}{}", text.replace('\0', ""));
        case.store.keep(&call(&id, 1, text, text)).await.unwrap();
        let kept = case.store.get(&id).await.unwrap().unwrap();
        assert_eq!(kept.turns[1].caller, text.replace('\0', ""));
    }
    assert_eq!(case.found(Filter::default()).await.len(), 5);
}

async fn what_is_too_old_or_too_much_goes(case: Case) {
    for n in 1..=5 {
        case.store.keep(&call(&format!("c{n}"), n * 100_000, "a", "b")).await.unwrap();
    }
    case.store.prune(at(400), Duration::from_secs(180), 10).await.unwrap();
    assert_eq!(case.found(Filter::default()).await, ["c5", "c4", "c3"]);
    case.store.prune(at(400), Duration::from_secs(180), 2).await.unwrap();
    assert_eq!(case.found(Filter::default()).await, ["c5", "c4"]);
}

async fn records_without_a_row_get_one(case: Case) {
    for id in ["a", "b"] {
        write_record(&case, id);
    }
    std::fs::write(case.calls().join("broken.json"), "{").unwrap();
    assert_eq!(case.store.sweep(&case.records).await.unwrap(), 2);
    assert_eq!(case.store.sweep(&case.records).await.unwrap(), 0);
    assert_eq!(case.found(Filter::default()).await, ["b", "a"]);
}

async fn tables_are_made_once_and_newer_ones_left_alone(case: Case) {
    case.store.keep(&call("c1", 1_000, "a", "b")).await.unwrap();
    let again = Store::open(&case.config).await.unwrap();
    assert_eq!(again.list(&Filter::default()).await.unwrap().len(), 1);
    let newer = Statement::new("INSERT INTO schema_steps (n) VALUES ($1)", vec![Value::Int(99)]);
    case.store.database.change(vec![newer]).await.unwrap();
    let error = Store::open(&case.config).await.unwrap_err().to_string();
    assert!(error.contains("newer version (99"), "{error}");
}

macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $test() { super::$test(super::Case::sqlite().await).await; })*
        }
        mod postgres {
            $(#[tokio::test] async fn $test() {
                if let Some(case) = super::Case::postgres().await { super::$test(case).await; }
            })*
        }
    };
}

on_both!(
    calls_are_kept_found_and_erased,
    odd_texts_stay_what_they_are,
    what_is_too_old_or_too_much_goes,
    records_without_a_row_get_one,
    tables_are_made_once_and_newer_ones_left_alone,
);

#[tokio::test]
async fn a_database_that_is_down_loses_no_call() {
    let Some(mut case) = Case::postgres().await else { return };
    let keeper = Keeper::new(&case.config).unwrap().unwrap();
    keeper.catch_up().await;
    write_record(&case, "before");
    keeper.keep(&case.calls().join("before.json")).await;
    case.server.as_mut().unwrap().stop();
    write_record(&case, "meanwhile");
    keeper.keep(&case.calls().join("meanwhile.json")).await;
    case.server.as_mut().unwrap().run();
    write_record(&case, "after");
    keeper.keep(&case.calls().join("after.json")).await;
    case.store = Store::open(&case.config).await.unwrap();
    assert_eq!(case.found(Filter::default()).await.len(), 3);
}

#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let case = Case::sqlite().await;
    case.store.keep(&call("c1", 1_000, "a", "b")).await.unwrap();
    for file in std::fs::read_dir(case.calls()).unwrap().flatten() {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[test]
fn an_address_that_would_not_do_is_told_before_anything_is_opened() {
    let problem = |url: &str| {
        let config = RecordsConfig { database: url.into(), ..RecordsConfig::default() };
        Store::check(&config).map_err(|error| error.to_string())
    };
    for fine in ["", "postgres://u@localhost/d", "postgres:///d?host=/run/x&user=u"] {
        assert_eq!(problem(fine), Ok(()), "{fine}");
    }
    assert_eq!(problem("postgres://u@db.example.org/d?sslmode=disable"), Ok(()));
    for (wrong, word) in [
        ("postgres://u:hush@localhost/d", "records.database_password"),
        ("postgres://u@db.example.org/d", "in the clear"),
        ("postgres:/x", "records.database"),
    ] {
        let error = problem(wrong).unwrap_err();
        assert!(error.contains(word) && !error.contains("hush"), "{error}");
    }
}

/// What [`an_acknowledged_call_survives_a_kill`] kills: this test, started by it as a program of its own.
#[tokio::test]
async fn a_program_that_keeps_calls_until_it_is_killed() {
    let Some(dir) = std::env::var_os("SAWT_TEST_STORE_INTO") else { return };
    let database = std::env::var("SAWT_TEST_STORE_DATABASE").unwrap();
    let dir = Some(Path::new(&dir).to_owned());
    let config = RecordsConfig { dir, database, ..RecordsConfig::default() };
    let store = Store::open(&config).await.unwrap();
    for n in 0..100_000 {
        store.keep(&call(&format!("c{n}"), n, "a", "b")).await.unwrap();
        println!("kept {n}");
    }
}

/// Kills a program that keeps calls; returns the last that it was told is kept.
fn kill_while_it_keeps(config: &RecordsConfig, ms: u64) -> Option<i64> {
    use std::io::BufRead as _;
    let test = "store::tests::a_program_that_keeps_calls_until_it_is_killed";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("SAWT_TEST_STORE_INTO", config.dir.as_ref().unwrap())
        .env("SAWT_TEST_STORE_DATABASE", &config.database)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let kept = std::thread::spawn(move || {
        let lines = out.lines().map_while(Result::ok);
        lines.filter_map(|line| line.split_once("kept ")?.1.parse::<i64>().ok()).last()
    });
    std::thread::sleep(Duration::from_millis(ms));
    child.kill().unwrap();
    child.wait().unwrap();
    kept.join().unwrap()
}

async fn an_acknowledged_call_survives_a_kill(case: Case) {
    let mut chance = crate::simulation::Chance::new(9);
    let mut acknowledged = 0;
    for _ in 0..10 {
        let last = kill_while_it_keeps(&case.config, 300 + chance.below(400));
        let Some(last) = last else { continue };
        acknowledged += last;
        let limit = 100_000;
        let kept = case.found(Filter { limit, ..Filter::default() }).await.len() as i64;
        assert!(kept > last, "{kept} of {last}");
        case.store.prune(at(1_000_000), Duration::ZERO, 0).await.unwrap();
    }
    println!("{acknowledged} calls were acknowledged in ten kills, and none lost");
    assert!(acknowledged > 0);
}

mod kill {
    use super::Case;

    #[tokio::test]
    async fn sqlite() {
        super::an_acknowledged_call_survives_a_kill(Case::sqlite().await).await;
    }

    #[tokio::test]
    async fn postgres() {
        if let Some(case) = Case::postgres().await {
            super::an_acknowledged_call_survives_a_kill(case).await;
        }
    }
}
